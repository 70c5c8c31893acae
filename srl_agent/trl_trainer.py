"""The one module that touches TRL: GRPOTrainer with dynamic sampling, grouped batches and shared prompts.

Nine methods are overridden; `tests/test_srl_agent/test_trl_contract.py` pins their signatures, so that another TRL
fails loudly. What they need stands in TRL-free modules: `dynamic_sampling`, `step_stream`, `fill`, `loss_pass`,
`rollout`, `step_reward`, `trl_settings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PrinterCallback
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer
from trl.models import unwrap_model_for_generation
from trl.trainer.utils import split_tensor_dict

from srl_agent.config import Config
from srl_agent.cpu import sampling_copy
from srl_agent.domain import StepKey
from srl_agent.dynamic_sampling import OLD_LOGPS, Batch
from srl_agent.filling import Filling, OnFill
from srl_agent.hooks import mark_complete
from srl_agent.loss_pass import LossTokens, grouped_logps, through
from srl_agent.play import Request, Rollout, anyone_among
from srl_agent.rollout import end_tokens, evened, sample_groups
from srl_agent.sharded import as_it_stands, begin_on_device, is_sharded, twin_of
from srl_agent.stage_evaluation import NEVER
from srl_agent.step_reward import OutputReward
from srl_agent.step_stream import StepStream
from srl_agent.stopwatch import Stopwatch
from srl_agent.trl_settings import grpo_settings, sft_settings
from srl_agent.vllm_engine import VllmEngine, engine_on_cpu


class WithoutCard:
    """Leaves out TRL's model card, which asks for a hub's name that our folders lack: `None` would stand there."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write nothing; `config.yaml` and `run.json` of the run say what was trained."""


class SrlTrainer(WithoutCard, Filling, GRPOTrainer):  # type: ignore[misc]  # TRL is untyped
    """GRPO on groups that share a prompt: one expert step each (stage `srl`) or one task each (stage `rlvr`)."""

    def __init__(
        self,
        *,
        config: Config,
        stage: str,
        reward: OutputReward,
        stream: StepStream,
        on_fill: OnFill,
        **trl: Any,
    ) -> None:
        self.settings, self.watch, self.loss_tokens = config, Stopwatch(), LossTokens()
        self.begin_filling(config.grpo(stage), stage, reward, stream, on_fill)
        self._inputs: Batch = {}
        self.evaluated, self.stands_on = NEVER, ""
        super().__init__(reward_funcs=reward, **trl)
        reward.ends.update(self.eos_token_ids)
        self._buffered_inputs: list[Batch] | None = None
        if self.args.use_vllm:
            generation = self.vllm_generation
            generation.sync_weights = self.watch.timing("sync", as_it_stands(self)(generation.sync_weights))
        self.colocated = self._colocated_vllm()
        self.use_vllm = self.args.use_vllm or self.colocated is not None  # TRL then corrects for the engine's rounding
        self._sampling_copy, self._twin = sampling_copy(self, config), twin_of(self)
        self.remove_callback(PrinterCallback)

    def _colocated_vllm(self) -> VllmEngine | None:
        trainer, counts = self.settings.trainer, self.prompt_tokens
        if trainer.engine != "vllm" or trainer.vllm_mode == "server":
            return None
        if self.args.use_vllm:
            return VllmEngine(self.vllm_generation.llm, self.vllm_generation.sync_weights, counts)
        engine = engine_on_cpu(self.model, self.settings, self.settings.output_tokens(self.stage), counts)
        engine.hand_over = self.watch.timing("sync", engine.hand_over)
        return engine

    def get_train_dataloader(self) -> Any:
        """A loader of empty batches, one a micro-batch of the whole run: `_prepare_inputs` draws the rows itself."""
        count = self.args.max_steps * self.args.gradient_accumulation_steps * self.accelerator.num_processes
        loader: DataLoader[Any] = DataLoader([None] * count, batch_size=1, collate_fn=list)  # type: ignore[arg-type]
        return self.accelerator.prepare(loader)

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        if not self.model.training:
            return super()._prepare_inputs(generation_batch)
        parts = self.args.steps_per_generation
        if self._step % (parts * self.num_iterations) == 0 or self._buffered_inputs is None:
            # Groups stay whole: stock TRL shuffles outputs, after which no prompt can be shared.
            with self.watch("other"):
                self._buffered_inputs = split_tensor_dict(self.fill_batch(), parts)
        return self._buffered_inputs[self._step % parts]

    def training_step(self, *arguments: Any, **named: Any) -> Tensor:
        """TRL's step on one micro-batch, timed by its parts."""
        with self.watch("loss"):
            loss: Tensor = super().training_step(*arguments, **named)
        if self._step % self.current_gradient_accumulation_steps == 0:
            for name, seconds in self.watch.lap().items():
                self._metrics["train"][f"time/{name}"].append(seconds)
            for name, count in self.loss_tokens.take().items():
                self._metrics["train"][f"{self.stage}/{name}"].append(self._sum(count))
        return loss

    def compute_loss(self, model: Any, inputs: Batch, *arguments: Any, **named: Any) -> Tensor:
        """TRL's loss as the mean over the groups that have weight."""
        scale = inputs.get("loss_scale", 1.0)
        if scale == 0 and not (self.is_fsdp_enabled or self.is_deepspeed_enabled):  # these gather weights in the pass
            return self._no_loss(model)
        self._inputs = inputs
        loss: Tensor = super().compute_loss(model, inputs, *arguments, **named) * scale
        self._inputs = {}
        return loss

    def _no_loss(self, model: Any) -> Tensor:
        """0 with a gradient of 0 for every weight, which is what the pass comes to where no group has weight."""
        module = self.accelerator.unwrap_model(model)

        def call() -> tuple[Tensor, Tensor]:
            nothing = torch.stack([weight.sum() for weight in module.parameters() if weight.requires_grad]).sum() * 0.0
            return nothing, nothing

        return through(model, module, call)[0]

    def _calculate_rewards(self, *arguments: Any) -> Tensor:
        with self.watch("reward"):
            rewards: Tensor = super()._calculate_rewards(*arguments)
        return rewards

    def _generate_single_turn(
        self,
        prompt_ids: Any,
        images: Any,
        multimodal_fields: Any,
        num_generations: int,
        has_tool_images: bool = False,
    ) -> Any:
        with self.watch("rollout"):
            if self.player:
                played = self.play(self.starts, prompt_ids[::num_generations], num_generations)
                return [list(one.ids) for one in played], None
            if self.colocated is not None:
                return self.colocated.sample(self, prompt_ids[::num_generations], num_generations)
            if self.use_vllm:
                return super()._generate_single_turn(
                    prompt_ids, images, multimodal_fields, num_generations, has_tool_images
                )
            return self.sample(prompt_ids[::num_generations], num_generations), None

    def play(self, starts: list[StepKey], prompts: Sequence[Sequence[int]], rollouts: int) -> list[Rollout]:
        """`rollouts` of the player for each start, with the current weights."""
        assert self.player is not None, "only a stage whose reward is played plays"
        return self.player.play(Request(starts, prompts, rollouts, self.sample, anyone_among(self.accelerator)))

    def sample(self, prompts: Sequence[Sequence[int]], rollouts: int) -> list[list[int]]:
        """`rollouts` outputs (token ids) for each prompt (token ids), prompt by prompt, with the current weights."""
        if not prompts:  # other processes have some, and this one takes part in what they gather
            return self.sample([[self._tokenizer.pad_token_id]], rollouts)[:0]
        if self.colocated is not None:
            return self.colocated.sample(self, prompts, rollouts)[0]
        if self.use_vllm:
            repeated = evened(prompts, self._most(len(prompts)), rollouts)
            outputs: list[list[int]] = super()._generate_single_turn(repeated, None, {}, rollouts)[0]
            return outputs[: len(prompts) * rollouts]
        return sample_with(self, prompts, rollouts, self.temperature, self.max_completion_length, self.eos_token_ids)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **extra: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        rows = (input_ids, attention_mask, logits_to_keep)
        if self.settings.trainer.loss_pass == "plain":
            self.loss_tokens.add(input_ids.numel(), input_ids.numel())
            logps, entropies, aux = super()._get_per_token_logps_and_entropies(
                model, *rows, batch_size, compute_entropy, compute_aux_loss, **extra
            )
        else:
            (logps, entropies), aux = self._shared_pass(model, *rows), None
        if OLD_LOGPS in self._inputs:
            old = self._inputs[OLD_LOGPS]
            self._inputs[OLD_LOGPS] = torch.where(old.isnan(), logps.detach(), old)
        return logps, entropies if compute_entropy else None, aux

    def _shared_pass(self, model: Any, ids: Tensor, mask: Tensor, width: int) -> tuple[Tensor, Tensor]:
        """Log-probabilities and entropies, (B*G, C) each."""
        trainer = self.settings.trainer
        attention = "merge" if trainer.attention == "merge" else "mask"
        options: Any = {"row_tokens": trainer.row_tokens, "recompute": trainer.gradient_checkpointing}
        with self.accelerator.autocast():
            twin = self._twin if is_sharded(model) else None
            module = twin.filled(model) if twin else self.accelerator.unwrap_model(model)
            rows = (module, ids, mask, width, self.num_generations, self.temperature)
            call = partial(grouped_logps, *rows, attention=attention, counts=self.loss_tokens, **options)
            return through(module if twin else model, module, call)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        mark_complete(self, self.stage, self.kept_state(folder))


class SupervisedTrainer(WithoutCard, SFTTrainer):  # type: ignore[misc]  # TRL is untyped
    """TRL's SFT with our completion marker in each checkpoint, and sampling for evaluation."""

    def __init__(self, *, config: Config, **trl: Any) -> None:
        super().__init__(**trl)
        self.settings, self.evaluated, self.stands_on, self.watch = config, NEVER, "", Stopwatch()
        self._sampling_copy, self._twin = sampling_copy(self, config), twin_of(self)
        self.remove_callback(PrinterCallback)

    def sample(self, prompts: Sequence[Sequence[int]], rollouts: int) -> list[list[int]]:
        """As `SrlTrainer.sample`, with the settings of the srl stage."""
        if not prompts:  # other processes have some, and this one takes part in what they gather
            return self.sample([[self.processing_class.pad_token_id]], rollouts)[:0]
        srl = self.settings.srl
        ends = end_tokens(self.model, self.processing_class)
        return sample_with(self, prompts, rollouts, srl.temperature, srl.max_completion_tokens, ends)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        mark_complete(self, "sft", {})


def sample_with(
    trainer: Any,
    prompts: Sequence[Sequence[int]],
    rollouts: int,
    temperature: float,
    max_new_tokens: int,
    ends: Sequence[int],
) -> list[list[int]]:
    """Outputs of the trainer's present weights, as `srl_agent.rollout.sample_groups` gives them."""
    begin_on_device(trainer)
    gather = getattr(trainer.args, "ds3_gather_for_generation", True)
    policy = (
        trainer._twin.sampling(trainer.model)
        if trainer._twin
        else unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator, gather_deepspeed3_params=gather)
    )
    with policy as model, trainer.accelerator.autocast():
        if trainer._sampling_copy:
            with trainer.watch("sync"):
                model = trainer._sampling_copy.refreshed(model)
        return sample_groups(
            model,
            prompts,
            rollouts,
            temperature=temperature,
            max_new_tokens=max_new_tokens,
            eos_ids=ends,
            pad_id=trainer.processing_class.pad_token_id,
            counts=getattr(trainer, "prompt_tokens", None),
            at_once=trainer.settings.trainer.sample_at_once,
        )


def grpo_arguments(
    config: Config, stage: str, folder: Path, max_steps: int, processes: int, accelerated: bool
) -> GRPOConfig:
    """TRL's settings for a stage on groups."""
    return GRPOConfig(**grpo_settings(config, config.grpo(stage), folder, max_steps, processes, accelerated))


def sft_arguments(config: Config, folder: Path, max_steps: int, processes: int, accelerated: bool) -> SFTConfig:
    """TRL's settings for the supervised stage."""
    return SFTConfig(**sft_settings(config, folder, max_steps, processes, accelerated))
