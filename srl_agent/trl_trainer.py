"""The one module that touches TRL: GRPOTrainer with dynamic sampling, grouped batches and shared prompts.

Six methods are overridden; `tests/test_srl_agent/test_trl_contract.py` pins their signatures, so that another TRL
fails loudly. What they need stands in TRL-free modules: `dynamic_sampling`, `loss_pass`, `rollout`, `step_reward`.
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
from srl_agent.cpu import SamplingCopy
from srl_agent.dynamic_sampling import Batch, StepStream, merge_groups, silence
from srl_agent.fill import Fill
from srl_agent.hooks import mark_complete
from srl_agent.loss_pass import grouped_logps, through
from srl_agent.models import require_peft
from srl_agent.rollout import sample_groups
from srl_agent.step_reward import StepReward, output_metrics, score_metrics

OnFill = Callable[[int, Fill, dict[str, float]], None]
"""Called on every process after a batch was filled: (optimiser step, fill of all processes, srl metrics)."""


class SrlTrainer(GRPOTrainer):  # type: ignore[misc]  # TRL is untyped
    """GRPO on groups of one expert step each."""

    def __init__(
        self,
        *,
        config: Config,
        reward: StepReward,
        stream: StepStream,
        on_fill: OnFill,
        **trl: Any,
    ) -> None:
        self.settings, self.reward, self.stream, self.on_fill = config, reward, stream, on_fill
        super().__init__(reward_funcs=reward, **trl)
        reward.ends.update(self.eos_token_ids)
        self._buffered_inputs: list[Batch] | None = None
        on_cpu = self.accelerator.device.type == "cpu"
        in_low_precision = on_cpu and self.args.bf16 and not self.use_vllm and not config.lora.rank
        self._sampling_copy = SamplingCopy(self.model) if in_low_precision else None
        self.remove_callback(PrinterCallback)

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
            self._buffered_inputs = split_tensor_dict(self._fill_batch(), parts)
        return self._buffered_inputs[self._step % parts]

    def _fill_batch(self) -> Batch:
        """Sample steps until this process holds its share of informative groups, or the bound on refills is reached."""
        sampling, size = self.settings.srl.dynamic_sampling, self.num_generations
        need = self.args.generation_batch_size // size // self.accelerator.num_processes
        fill = Fill()
        while (missing := self._most(need - len(fill.kept))) > 0 and fill.rounds <= sampling.max_refills:
            rows = self._draw(missing)
            out = self._generate_and_score_completions([dict(row) for row in rows for _ in range(size)])
            fill.add(rows, out, self.reward, size, sampling)
        kept = fill.kept[:need]
        total = int(self._sum(len(kept)))
        merged = merge_groups([*kept, *[silence(fill.spare)] * (need - len(kept))], self._tokenizer.pad_token_id)
        # The loss is a mean over all rows; rows without weight must not shrink the others' share.
        merged["loss_scale"] = torch.tensor(need * self.accelerator.num_processes / max(total, 1))
        merged["num_items_in_batch"] = self.accelerator.gather(merged["completion_mask"].sum()).sum()
        self._report(fill, total)
        return merged

    def _draw(self, count: int) -> list[dict[str, Any]]:
        """`count` rows for this process; the order of the stream does not depend on how many processes share it."""
        first = count * self.accelerator.process_index
        taken = self.stream.take(count * self.accelerator.num_processes)
        # One stretch a process: rows of one episode stay together, and share their prompts' beginning.
        return [self.train_dataset[index] for index in taken[first : first + count]]

    def _most(self, count: int) -> int:
        return int(self.accelerator.gather(torch.tensor([count], device=self.accelerator.device)).max())

    def _sum(self, value: float) -> float:
        return float(self.accelerator.gather(torch.tensor([float(value)], device=self.accelerator.device)).sum())

    def _report(self, fill: Fill, used: int) -> None:
        for name in ("outputs", "places", "groups"):
            setattr(fill, name, gather_object(getattr(fill, name)))
        metrics = {
            "kept_ratio": fmean(group["kept"] for group in fill.groups),
            "groups_used": float(used),
            "refills": float(fill.rounds - 1),
            "epoch": self.stream.position / self.stream.rows,
            **output_metrics(fill.outputs),
            **score_metrics([output.score for output in fill.outputs], fill.places),
        }
        for name, value in metrics.items():
            self._metrics["train"][f"srl/{name}"].append(value)
        self.on_fill(self.state.global_step + 1, fill, metrics)

    def compute_loss(self, model: Any, inputs: Batch, *arguments: Any, **named: Any) -> Tensor:
        """TRL's loss as the mean over the groups that have weight."""
        loss: Tensor = super().compute_loss(model, inputs, *arguments, **named) * inputs.get("loss_scale", 1.0)
        return loss

    def _generate_single_turn(
        self,
        prompt_ids: Any,
        images: Any,
        multimodal_fields: Any,
        num_generations: int,
        has_tool_images: bool = False,
    ) -> Any:
        if self.use_vllm:
            return super()._generate_single_turn(
                prompt_ids, images, multimodal_fields, num_generations, has_tool_images
            )
        return self.sample(prompt_ids[::num_generations], num_generations), None

    def sample(self, prompts: Sequence[Sequence[int]], rollouts: int) -> list[list[int]]:
        """`rollouts` outputs (token ids) for each prompt (token ids), prompt by prompt, with the current weights."""
        if self.use_vllm:
            repeated = [list(prompt) for prompt in prompts for _ in range(rollouts)]
            outputs: list[list[int]] = super()._generate_single_turn(repeated, None, {}, rollouts)[0]
            return outputs
        with (
            unwrap_model_for_generation(
                self.model_wrapped, self.accelerator, gather_deepspeed3_params=self.args.ds3_gather_for_generation
            ) as model,
            self.accelerator.autocast(),
        ):
            return sample_groups(
                self._sampling_copy.refreshed(model) if self._sampling_copy else model,
                prompts,
                rollouts,
                temperature=self.temperature,
                max_new_tokens=self.max_completion_length,
                eos_ids=self.eos_token_ids,
                pad_id=self._tokenizer.pad_token_id,
            )

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
        if self.settings.trainer.loss_pass == "plain":
            return super()._get_per_token_logps_and_entropies(  # type: ignore[no-any-return]
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                batch_size,
                compute_entropy,
                compute_aux_loss,
                **extra,
            )
        with self.accelerator.autocast():
            module = self.accelerator.unwrap_model(model)
            logps, entropies = through(
                model,
                module,
                lambda: grouped_logps(
                    module,
                    input_ids,
                    attention_mask,
                    logits_to_keep,
                    self.num_generations,
                    self.temperature,
                    row_tokens=self.settings.trainer.row_tokens,
                    recompute=self.settings.trainer.gradient_checkpointing,
                    attention="merge" if self.settings.trainer.attention == "merge" else "mask",
                ),
            )
        return logps, entropies if compute_entropy else None, None

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        state = {"stream_position": self.stream.position}
        mark_complete(self, "srl", state)


class SupervisedTrainer(SFTTrainer):  # type: ignore[misc]  # TRL is untyped
    """TRL's SFT with our completion marker in each checkpoint."""

    def __init__(self, **trl: Any) -> None:
        super().__init__(**trl)
        self.remove_callback(PrinterCallback)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        mark_complete(self, "sft", {})


def adapters(config: Config) -> Any:
    """peft's settings, None where all weights are trained. ModelError where peft is missing."""
    lora = config.lora
    if not lora.rank:
        return None
    require_peft()
    from peft import LoraConfig

    targets = lora.targets if lora.targets == "all-linear" else lora.targets.split(",")
    return LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=targets, task_type="CAUSAL_LM")


def grpo_arguments(config: Config, folder: Path, max_steps: int, processes: int, accelerated: bool) -> Any:
    """TRL's settings for the srl stage."""
    srl, trainer = config.srl, config.trainer
    accumulation = srl.prompts_per_step // (srl.micro_batch_prompts * processes)
    return GRPOConfig(
        **_common(config, folder, accelerated, recompute=trainer.loss_pass == "plain"),
        max_steps=max_steps,
        per_device_train_batch_size=srl.micro_batch_prompts * srl.rollouts,
        gradient_accumulation_steps=accumulation,
        steps_per_generation=accumulation,  # one generation a step: on-policy, and every checkpoint is at a boundary
        num_generations=srl.rollouts,
        max_completion_length=srl.max_completion_tokens,
        temperature=srl.temperature,
        learning_rate=srl.learning_rate,
        lr_scheduler_type=srl.lr_scheduler,
        warmup_steps=srl.warmup_steps,
        beta=srl.beta,
        epsilon=srl.clip_epsilon,
        max_grad_norm=srl.max_grad_norm,
        loss_type="grpo",  # mean over tokens, then over sequences (SRL paper, section 3)
        scale_rewards="group",
        use_vllm=trainer.engine == "vllm",
        vllm_mode=trainer.vllm_mode,
    )


def sft_arguments(config: Config, folder: Path, max_steps: int, processes: int, accelerated: bool) -> Any:
    """TRL's settings for the supervised stage."""
    sft = config.sft
    return SFTConfig(
        **_common(config, folder, accelerated),
        max_steps=max_steps,
        per_device_train_batch_size=sft.micro_batch_size,
        gradient_accumulation_steps=sft.batch_size // (sft.micro_batch_size * processes),
        learning_rate=sft.learning_rate,
        lr_scheduler_type=sft.lr_scheduler,
        warmup_steps=sft.warmup_ratio,  # transformers 5 reads a value below 1 as a share of all steps
        completion_only_loss=True,
        max_length=None,
    )


def _common(config: Config, folder: Path, accelerated: bool, recompute: bool = True) -> dict[str, Any]:
    trainer = config.trainer
    checkpointing = trainer.gradient_checkpointing and recompute  # the shared pass recomputes by itself
    return {
        "output_dir": str(folder),
        "seed": config.seed,
        "use_cpu": not accelerated,
        "bf16": config.model.dtype == "bfloat16",
        "gradient_checkpointing": checkpointing,
        "use_cache": not checkpointing,  # written into the checkpoint's settings
        "save_strategy": "steps",
        "save_steps": trainer.save_every,
        "save_total_limit": trainer.keep_checkpoints,
        "logging_steps": 1,
        "logging_first_step": True,
        "report_to": trainer.report_to,
        "disable_tqdm": True,
    }
