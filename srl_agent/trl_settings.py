"""What our settings are in TRL's names; TRL itself is not needed here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from srl_agent.config import Config, GrpoConfig, RlvrConfig
from srl_agent.models import require_peft


def adapters(config: Config) -> Any:
    """peft's settings, None where all weights are trained. ModelError where peft is missing."""
    lora = config.lora
    if not lora.rank:
        return None
    require_peft()
    from peft import LoraConfig

    targets = lora.targets if lora.targets == "all-linear" else lora.targets.split(",")
    return LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=targets, task_type="CAUSAL_LM")


def grpo_settings(
    config: Config, section: GrpoConfig, folder: Path, max_steps: int, processes: int, accelerated: bool
) -> dict[str, Any]:
    """Of a stage on groups (TRL's GRPOConfig)."""
    trainer = config.trainer
    accumulation = section.prompts_per_step // (section.micro_batch_prompts * processes)
    return dict(
        **_common(config, folder, accelerated, recompute=trainer.loss_pass == "plain"),
        max_steps=max_steps,
        per_device_train_batch_size=section.micro_batch_prompts * section.rollouts,
        gradient_accumulation_steps=accumulation,
        steps_per_generation=accumulation,  # one generation a step: on-policy, and every checkpoint is at a boundary
        num_generations=section.rollouts,
        max_completion_length=section.max_completion_tokens,
        temperature=section.temperature,
        learning_rate=section.learning_rate,
        lr_scheduler_type=_schedule(section.lr_scheduler),
        warmup_steps=section.warmup_steps,
        beta=section.beta,
        epsilon=section.clip_epsilon,
        max_grad_norm=section.max_grad_norm,
        loss_type="grpo",  # mean over tokens, then over sequences (SRL paper, section 3)
        scale_rewards="group",
        use_vllm=trainer.engine == "vllm" and accelerated,  # on CPUs TRL's weight sync fails: ours is used
        vllm_mode=trainer.vllm_mode,
        # Rollouts of many outputs have no list of the engine's own log-probabilities to correct by.
        vllm_importance_sampling_correction=not isinstance(section, RlvrConfig),
    )


def sft_settings(config: Config, folder: Path, max_steps: int, processes: int, accelerated: bool) -> dict[str, Any]:
    """Of the supervised stage (TRL's SFTConfig)."""
    sft = config.sft
    return dict(
        **_common(config, folder, accelerated),
        max_steps=max_steps,
        per_device_train_batch_size=sft.micro_batch_size,
        gradient_accumulation_steps=sft.batch_size // (sft.micro_batch_size * processes),
        learning_rate=sft.learning_rate,
        lr_scheduler_type=_schedule(sft.lr_scheduler),
        warmup_steps=sft.warmup_ratio,  # transformers 5 reads a value below 1 as a share of all steps
        completion_only_loss=True,
        max_length=None,
    )


def _schedule(name: str) -> str:
    """transformers' name of a schedule behind a warm-up: its `constant` has none, whatever `warmup_steps` says."""
    return "constant_with_warmup" if name == "constant" else name


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
        "save_total_limit": trainer.keep_checkpoints + 1,  # with the best one, which is never deleted
        "logging_steps": 1,
        "logging_first_step": True,
        "report_to": trainer.report_to,
        "disable_tqdm": True,
        "log_level_replica": "error",  # its default is louder than the main process, which keeps what we have set
    }
