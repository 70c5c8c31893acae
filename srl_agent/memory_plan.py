"""What the settings come to in memory and tokens before a run, against what the device has."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from srl_agent.choices import Machine, choose_attention, choose_engine, choose_loss_pass
from srl_agent.config import Config
from srl_agent.frozen import check_targets, choose_frozen
from srl_agent.head import HEAD_ROWS
from srl_agent.memory import HALF, SINGLE, Shape, Sizes, estimate, peak, shape_of
from srl_agent.models import empty_model
from srl_agent.progress import Progress
from srl_agent.run_dir import checkpoint_bytes
from srl_agent.vllm_engine import SEQUENCES
from trajectories.records import StepExample

LIBRARIES = 0.8e9
"""Bytes of the process itself: torch and transformers on a CPU, CUDA's context and kernels on a device."""
VLLM_SHARE = 0.3
"""Of the device's memory; TRL's vllm_gpu_memory_utilization, which no setting of ours changes."""
SPARE = 0.95
"""Share of the device's memory that can be counted on; the rest is lost to fragmentation."""
MANY = 1 << 30
TURN_TOKENS = 8
"""What a chat template writes around a message, about."""


@dataclass(frozen=True)
class Lengths:
    """Tokens of the training prompts and of the longest expert action."""

    longest: int
    mean: int
    target: int


@dataclass(frozen=True)
class Plan:
    """The estimate for one stage on one device."""

    stage: str
    sizes: Sizes
    parts: dict[str, float]
    limit: float
    """Bytes that the device has."""
    saved: int = 0
    """Bytes of a checkpoint."""

    @property
    def peak(self) -> float:
        """Bytes at the stage's peak."""
        return peak(self.parts) + LIBRARIES

    @property
    def fits(self) -> bool:
        """Whether the device is likely to hold it."""
        return self.peak <= SPARE * self.limit


def lengths_of(steps: Sequence[StepExample], count_tokens: Callable[[str], int]) -> Lengths:
    """Only the longest texts are tokenised; the mean prompt is as long as its characters say."""

    def characters(step: StepExample) -> int:
        return sum(len(message.content) for message in step.prompt)

    first = max(steps, key=characters)
    longest = count_tokens("\n".join(message.content for message in first.prompt)) + TURN_TOKENS * len(first.prompt)
    mean = sum(map(characters, steps)) / len(steps)
    target = max((step.expert_action for step in steps), key=len)
    return Lengths(longest, round(longest * mean / max(characters(first), 1)), count_tokens(target))


def device_bytes(machine: Machine) -> float:
    """Memory of this process's device; on CPUs, its share of the machine's."""
    if machine.device == "cuda":
        return float(torch.cuda.get_device_properties(0).total_memory)
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return whole / int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def plans(config: Config, machine: Machine, lengths: Lengths, limit: float) -> list[Plan]:
    """One a stage; `limit` as `device_bytes` gives it. ConfigError for an impossible engine, pass or adapters."""
    model = empty_model(config.model.name)
    check_targets(config, model)
    shape = shape_of(model, config.lora)
    saved = checkpoint_bytes(shape.adapters if config.lora.rank else shape.parameters, machine.sharding)
    found = []
    for stage in config.stages:
        if stage == "sft":
            sizes = _sft_sizes(config, machine, lengths)
        else:
            merges = choose_attention(config, model, machine)[0] == "merge"
            shared = choose_loss_pass(config, model, machine.sharding)[0] == "shared"
            sizes = _group_sizes(config, machine, lengths, stage, shared, shared and not merges, shape, limit)
        found.append(Plan(stage, sizes, estimate(shape, sizes), limit, saved))
    return found


def _common(config: Config, machine: Machine, engine: str) -> dict[str, object]:
    half = config.model.dtype == "bfloat16"
    zero = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2")
    return {
        "held": choose_frozen(config, machine, engine, config.model.name)[0],
        "adapters": config.lora.rank > 0,
        "half": half,
        "recompute": config.trainer.gradient_checkpointing,
        "row_tokens": config.trainer.row_tokens,
        "sharding": f"zero{zero}" if machine.sharding == "deepspeed" else machine.sharding,
        "devices": machine.processes,
        "sampling_copy": half and machine.device == "cpu" and not config.lora.rank and engine == "transformers",
    }


def _sft_sizes(config: Config, machine: Machine, lengths: Lengths) -> Sizes:
    sft = config.sft
    whole = sft.target != "step"
    prompt, output = (0, sft.max_tokens) if whole else (lengths.longest, lengths.target)
    return Sizes(
        **_common(config, machine, "transformers"),  # type: ignore[arg-type]
        shared=False,
        copies_keys=False,
        prompts=sft.micro_batch_size,
        outputs=1,
        prompt_tokens=prompt,
        output_tokens=output,
        sampled=_sampled(config, config.eval.rollouts, config.data.held_out_steps or MANY),
        head_rows=sft.micro_batch_size * (prompt + output) if machine.device != "cuda" else HEAD_ROWS,
    )


def _group_sizes(
    config: Config,
    machine: Machine,
    lengths: Lengths,
    stage: str,
    shared: bool,
    copies: bool,
    shape: Shape,
    limit: float,
) -> Sizes:
    section, engine = config.grpo(stage), choose_engine(config, machine)[0]
    output = config.output_tokens(stage)
    prompts = section.prompts_per_step // machine.processes
    rows = section.micro_batch_prompts * section.rollouts
    whole = not shared and machine.device != "cuda"  # off CUDA TRL's pass has the logits of every position
    local = engine == "vllm" and config.trainer.vllm_mode == "colocate"
    return Sizes(
        **_common(config, machine, engine),  # type: ignore[arg-type]
        shared=shared,
        copies_keys=copies,
        prompts=section.micro_batch_prompts,
        outputs=section.rollouts,
        prompt_tokens=lengths.longest,
        output_tokens=output,
        sampled=0 if engine == "vllm" else _sampled(config, section.rollouts, prompts),
        head_rows=rows * (lengths.longest + output) if whole else min(HEAD_ROWS, rows * output),
        engine=_vllm_bytes(config, machine, lengths.longest + output, shape, limit) if local else 0,
        reference=section.beta > 0,
    )


def _sampled(config: Config, rollouts: int, prompts: int) -> int:
    """Outputs decoded together; see `srl_agent.rollout.sample_groups`."""
    return rollouts * min(max(1, config.trainer.sample_at_once // rollouts), prompts)


def _vllm_bytes(config: Config, machine: Machine, tokens: int, shape: Shape, limit: float) -> float:
    if machine.device != "cpu":
        return VLLM_SHARE * limit
    item = HALF if config.model.dtype == "bfloat16" else SINGLE
    return item * (shape.parameters + min(SEQUENCES * tokens * shape.cached, limit / 8 / item))


def say_memory(progress: Progress, config: Config, found: Sequence[Plan], lengths: Lengths, whole: bool) -> None:
    """One line a stage, or with `whole` every part; a warning where a stage does not fit."""
    for plan in found:
        line = f"about {_gb(plan.peak)} of {_gb(plan.limit)} GB a device at the peak"
        if whole:
            progress.heading(f"Memory of {plan.stage}: {line}")
            parts = {**plan.parts, "libraries": LIBRARIES}
            progress.facts({name: f"{_gb(size):>6} GB" for name, size in parts.items() if size})
            progress.say("sampling (its cache) and the loss pass (gradients, copies, activations, logits) take turns")
        else:
            progress.say(f"memory: {plan.stage} {line} (parts: --dry-run)")
        if plan.stage != "sft" and whole:
            progress.say(_tokens(config, plan, lengths))
        if not plan.fits:
            progress.warn(f"{plan.stage} is likely to run out of memory: {remedy(config, plan)}")


def disk_line(found: Sequence[Plan], checkpoints: Callable[[str], int], free: int) -> str:
    """What the stages' checkpoints will take of a disk with `free` bytes; `checkpoints` of a stage stand at once."""
    each = ", ".join(f"{plan.stage} {checkpoints(plan.stage)} of {_gb(plan.saved)} GB" for plan in found)
    whole = sum(plan.saved * checkpoints(plan.stage) for plan in found)
    return f"disk: checkpoints take about {_gb(whole)} GB at the most ({each}), and {_gb(free)} GB are free"


def _tokens(config: Config, plan: Plan, lengths: Lengths) -> str:
    section, sizes = config.grpo(plan.stage), plan.sizes
    distinct = section.prompts_per_step * (lengths.mean + section.rollouts * sizes.output_tokens)
    plain = section.prompts_per_step * section.rollouts * (lengths.mean + sizes.output_tokens)
    return (
        f"tokens a step: the loss pass computes at most {distinct if sizes.shared else plain:,} of {distinct:,} "
        f"distinct ones, against {plain:,} with one row an output (prompts of {lengths.mean:,} tokens in the mean, "
        f"{lengths.longest:,} at most; outputs of {sizes.output_tokens:,}; prompts that share their beginning need "
        "fewer)"
    )


def remedy(config: Config, plan: Plan) -> str:
    """The setting to change first where a stage does not fit."""
    parts, stage = plan.parts, plan.stage
    standing = parts["weights"] + parts["vLLM"] + parts["optimiser"] + parts["gradients"] + LIBRARIES
    if standing > SPARE * plan.limit:
        if not config.lora.rank:
            return "the weights and their optimiser do not fit; set lora.rank (such as 16), or share them out (fsdp)"
        if parts["vLLM"]:
            return "set trainer.engine to transformers: vllm holds weights of its own"
        if config.model.quantize == "none" and plan.sizes.held != "4bit":
            return "set model.quantize to 4bit, or take a smaller model.name"
        return "take a smaller model.name"
    if parts["KV cache of sampling"] >= parts["activations"] + parts["logits"]:
        return "lower trainer.sample_at_once, data.max_prompt_tokens or the length of outputs"
    if not config.trainer.gradient_checkpointing:
        return "set trainer.gradient_checkpointing to true"
    micro = "sft.micro_batch_size" if stage == "sft" else f"{stage}.micro_batch_prompts"
    if plan.sizes.prompts > 1:
        return f"lower {micro}"
    if plan.sizes.shared and plan.sizes.row_tokens > plan.sizes.output_tokens:
        return "lower trainer.row_tokens"
    shorter = "lower data.max_prompt_tokens" if stage != "rlvr" else "lower rlvr.max_rollout_tokens"
    smaller = plan.sizes.adapters and plan.sizes.held != "4bit"
    return f"set model.quantize to 4bit, or {shorter}" if smaller else shorter


def _gb(size: float) -> str:
    return f"{size / 1e9:.2f}" if size < 1e10 else f"{size / 1e9:.0f}"
