"""The one module that touches TRL: GRPOTrainer with dynamic sampling, grouped batches and shared prompts.

Seven methods are overridden; `tests/test_srl_agent/test_trl_contract.py` pins their signatures, so that another TRL
fails loudly. What they need stands in TRL-free modules: `dynamic_sampling`, `step_stream`, `fill`, `loss_pass`,
`rollout`, `step_reward`, `trl_settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PrinterCallback
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer
from trl.models import unwrap_model_for_generation
from trl.trainer.utils import split_tensor_dict

from srl_agent.config import Config
from srl_agent.cpu import sampling_copy
from srl_agent.dynamic_sampling import OLD_LOGPS, Batch, Oversampling, merge_groups, silence
from srl_agent.fill import Fill
from srl_agent.hooks import mark_complete
from srl_agent.loss_pass import grouped_logps, through
from srl_agent.prompt_tokens import PromptTokens
from srl_agent.rollout import ends_of, sample_groups
from srl_agent.sharded import is_sharded, twin_of
from srl_agent.stage_evaluation import NEVER
from srl_agent.step_reward import OutputReward, output_metrics, score_metrics
from srl_agent.step_stream import StepStream
from srl_agent.stopwatch import Stopwatch
from srl_agent.trl_settings import grpo_settings, sft_settings
from srl_agent.vllm_engine import VllmEngine, engine_on_cpu

OnFill = Callable[[int, Fill, dict[str, float]], None]
"""Called on every process after a batch was filled: (optimiser step, fill of all processes, metrics of the stage)."""


class SrlTrainer(GRPOTrainer):  # type: ignore[misc]  # TRL is untyped
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
        self.settings, self.stage, self.section = config, stage, config.grpo(stage)
        self.reward, self.stream, self.on_fill = reward, stream, on_fill
        self.watch = Stopwatch()
        self.oversampling = Oversampling(self.section.dynamic_sampling.max_oversampling)
        self.carried: list[Batch] = []
        """Kept groups that the last batch had over, with the log-probabilities of the policy that sampled them."""
        self._inputs: Batch = {}
        self.evaluated = NEVER
        super().__init__(reward_funcs=reward, **trl)
        reward.ends.update(self.eos_token_ids)
        self._buffered_inputs: list[Batch] | None = None
        self.prompt_tokens = PromptTokens()
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
        return engine_on_cpu(self.model, self.settings, self.max_completion_length, counts)

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
                self._buffered_inputs = split_tensor_dict(self._fill_batch(), parts)
        return self._buffered_inputs[self._step % parts]

    def _fill_batch(self) -> Batch:
        """Sample until this process holds its share of informative groups, or the bound on refills is reached."""
        sampling, size = self.section.dynamic_sampling, self.num_generations
        need = self.args.generation_batch_size // size // self.accelerator.num_processes
        fill = Fill(kept=list(self.carried))
        self.prompt_tokens.take()
        carried = len(self.carried)
        while (missing := self._most(need - len(fill.kept))) > 0 and fill.rounds <= sampling.max_refills:
            numbers = self._draw(self.oversampling.prompts(missing))
            rows = [self.train_dataset[number] for number in numbers]
            out = self._generate_and_score_completions([dict(row) for row in rows for _ in range(size)])
            fill.add(numbers, rows, out, self.reward, size, sampling)
        kept = fill.kept[:need]
        total = int(self._sum(len(kept)))
        merged = merge_groups([*kept, *[silence(fill.spare)] * (need - len(kept))], self._tokenizer.pad_token_id)
        # The loss is a mean over all rows; rows without weight must not shrink the others' share.
        merged["loss_scale"] = torch.tensor(need * self.accelerator.num_processes / max(total, 1))
        merged["num_items_in_batch"] = self.accelerator.gather(merged["completion_mask"].sum()).sum()
        self.carried = self._with_old_logps(fill.kept[need:], fill.spare)
        self._report(fill, total, self._sum(carried))
        return merged

    def _draw(self, count: int) -> list[int]:
        """Numbers of `count` rows for this process; the order does not depend on how many processes share it."""
        first = count * self.accelerator.process_index
        # One stretch a process: rows of one episode stay together, and share their prompts' beginning.
        return self.stream.take(count * self.accelerator.num_processes)[first : first + count]

    def _with_old_logps(self, groups: list[Batch], filler: Batch) -> list[Batch]:
        """The groups ready for the next batch, when the policy that sampled them will not be the present one."""
        for index in range(self._most(len(groups))):  # every process takes part in every pass: FSDP gathers in it
            group = groups[index] if index < len(groups) else filler
            ids, mask = (
                torch.cat([group[f"prompt_{part}"], group[f"completion_{part}"]], 1) for part in ("ids", "mask")
            )
            if OLD_LOGPS not in group:
                with torch.no_grad():
                    width = group["completion_ids"].shape[1]
                    group[OLD_LOGPS] = self._get_per_token_logps_and_entropies(self.model, ids, mask, width)[0]
        return groups

    def _most(self, count: int) -> int:
        return int(self.accelerator.gather(torch.tensor([count], device=self.accelerator.device)).max())

    def _sum(self, value: float) -> float:
        return float(self.accelerator.gather(torch.tensor([float(value)], device=self.accelerator.device)).sum())

    def _report(self, fill: Fill, used: int, carried: float) -> None:
        for name in ("outputs", "places", "groups", "dull"):
            setattr(fill, name, gather_object(getattr(fill, name)))
        metrics = {"groups_used": float(used), "groups_carried": carried, "refills": float(max(fill.rounds - 1, 0))}
        if fill.groups:
            metrics["kept_ratio"] = fmean(group["kept"] for group in fill.groups)
            metrics |= output_metrics(fill.outputs)
            metrics |= score_metrics([output.score for output in fill.outputs], fill.places)
            self.oversampling.learn(metrics["kept_ratio"])
        self.stream.rest(fill.dull)
        metrics |= self.prompt_tokens.metrics(self._sum)
        metrics |= {"epoch": self.stream.position / self.stream.rows, "resting": float(self.stream.asleep)}
        for name, value in metrics.items():
            self._metrics["train"][f"{self.stage}/{name}"].append(value)
        self.on_fill(self.state.global_step + 1, fill, metrics)

    def training_step(self, *arguments: Any, **named: Any) -> Tensor:
        """TRL's step on one micro-batch, timed by its parts."""
        with self.watch("loss"):
            loss: Tensor = super().training_step(*arguments, **named)
        if self._step % self.current_gradient_accumulation_steps == 0:
            for name, seconds in self.watch.lap().items():
                self._metrics["train"][f"time/{name}"].append(seconds)
        return loss

    def compute_loss(self, model: Any, inputs: Batch, *arguments: Any, **named: Any) -> Tensor:
        """TRL's loss as the mean over the groups that have weight."""
        self._inputs = inputs
        loss: Tensor = super().compute_loss(model, inputs, *arguments, **named) * inputs.get("loss_scale", 1.0)
        self._inputs = {}
        return loss

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
            if self.colocated is not None:
                return self.colocated.sample(self, prompt_ids[::num_generations], num_generations)
            if self.use_vllm:
                return super()._generate_single_turn(
                    prompt_ids, images, multimodal_fields, num_generations, has_tool_images
                )
            return self.sample(prompt_ids[::num_generations], num_generations), None

    def sample(self, prompts: Sequence[Sequence[int]], rollouts: int) -> list[list[int]]:
        """`rollouts` outputs (token ids) for each prompt (token ids), prompt by prompt, with the current weights."""
        if self.colocated is not None:
            return self.colocated.sample(self, prompts, rollouts)[0]
        if self.use_vllm:
            repeated = [list(prompt) for prompt in prompts for _ in range(rollouts)]
            outputs: list[list[int]] = super()._generate_single_turn(repeated, None, {}, rollouts)[0]
            return outputs
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
        with self.accelerator.autocast():
            twin = self._twin if is_sharded(model) else None
            module = twin.filled(model) if twin else self.accelerator.unwrap_model(model)
            return through(
                module if twin else model,
                module,
                lambda: grouped_logps(
                    module,
                    ids,
                    mask,
                    width,
                    self.num_generations,
                    self.temperature,
                    row_tokens=trainer.row_tokens,
                    recompute=trainer.gradient_checkpointing,
                    attention="merge" if trainer.attention == "merge" else "mask",
                ),
            )

    def restore(self, checkpoint: Path, state: dict[str, Any]) -> None:
        """Go on where the process that wrote the checkpoint stopped; `state` is what its marker says."""
        self.stream.restore(state)
        self.oversampling.kept_ratio = state["kept_ratio"]
        carried = checkpoint / self._carried_name()
        self.carried = torch.load(carried, map_location=self.accelerator.device) if carried.is_file() else []

    def _carried_name(self) -> str:
        """Of the file with this process's carried groups: they go to as many processes as there were, or nowhere."""
        return f"carried-{self.accelerator.process_index + 1}-of-{self.accelerator.num_processes}.pt"

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self.carried:
            torch.save(
                self.carried, Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}" / self._carried_name()
            )
        mark_complete(self, self.stage, {**self.stream.state(), "kept_ratio": self.oversampling.kept_ratio})


class SupervisedTrainer(SFTTrainer):  # type: ignore[misc]  # TRL is untyped
    """TRL's SFT with our completion marker in each checkpoint, and sampling for evaluation."""

    def __init__(self, *, config: Config, **trl: Any) -> None:
        super().__init__(**trl)
        self.settings, self.evaluated = config, NEVER
        self._sampling_copy, self._twin = sampling_copy(self, config), twin_of(self)
        self.remove_callback(PrinterCallback)

    def sample(self, prompts: Sequence[Sequence[int]], rollouts: int) -> list[list[int]]:
        """As `SrlTrainer.sample`, with the settings of the srl stage."""
        srl = self.settings.srl
        return sample_with(self, prompts, rollouts, srl.temperature, srl.max_completion_tokens, ends_of(self))

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
    gather = getattr(trainer.args, "ds3_gather_for_generation", True)
    policy = (
        trainer._twin.sampling(trainer.model, trainer.accelerator.device)
        if trainer._twin
        else unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator, gather_deepspeed3_params=gather)
    )
    with policy as model, trainer.accelerator.autocast():
        return sample_groups(
            trainer._sampling_copy.refreshed(model) if trainer._sampling_copy else model,
            prompts,
            rollouts,
            temperature=temperature,
            max_new_tokens=max_new_tokens,
            eos_ids=ends,
            pad_id=trainer.processing_class.pad_token_id,
            counts=getattr(trainer, "prompt_tokens", None),
        )


def grpo_arguments(
    config: Config, stage: str, folder: Path, max_steps: int, processes: int, accelerated: bool
) -> GRPOConfig:
    """TRL's settings for a stage on groups."""
    return GRPOConfig(**grpo_settings(config, config.grpo(stage), folder, max_steps, processes, accelerated))


def sft_arguments(config: Config, folder: Path, max_steps: int, processes: int, accelerated: bool) -> SFTConfig:
    """TRL's settings for the supervised stage."""
    return SFTConfig(**sft_settings(config, folder, max_steps, processes, accelerated))
