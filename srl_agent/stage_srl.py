"""The reinforcement stage: GRPO on the expert's steps, with evaluation on held-out steps and samples for reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets import Dataset

from srl_agent.choices import choose_attention, choose_engine, choose_loss_pass
from srl_agent.dynamic_sampling import StepStream, make_blocks
from srl_agent.fill import Fill
from srl_agent.held_out import chat, held_out_metrics
from srl_agent.hooks import Hooks
from srl_agent.models import load_policy
from srl_agent.run_dir import append_jsonl, marker
from srl_agent.stages import StageContext
from srl_agent.step_reward import StepReward
from srl_agent.trl_trainer import SrlTrainer, adapters, grpo_arguments
from trajectories.records import StepExample

ROW_FIELDS = ("expert_action", "instance_id", "traj_id", "step", "n_steps", "source")


def run_srl(context: StageContext, weights: str) -> None:
    """Train from `weights` and leave complete checkpoints in the stage's folder."""
    latest = context.latest()
    trainer = build_trainer(context, weights, marker(latest)["stream_position"] if latest else 0)
    context.progress.heading(f"Stage srl: {len(context.steps.train)} steps, from {weights}")
    _say_plan(context, trainer)
    if latest is None:
        evaluate(context, trainer, 0)
    trainer.train(resume_from_checkpoint=str(latest) if latest else None)


def build_trainer(context: StageContext, weights: str, position: int) -> SrlTrainer:
    """The trainer of this stage, its stream of steps at `position`."""
    config, machine, steps = context.config, context.machine, context.steps
    model = load_policy(weights)
    context.check_space(model)
    engine, why_engine = choose_engine(config, machine)
    loss_pass, why_loss = choose_loss_pass(config, model)
    context.progress.facts({"engine": f"{engine} ({why_engine})", "loss pass": f"{loss_pass} ({why_loss})"})
    settled = {"engine": engine, "loss_pass": loss_pass}
    if loss_pass == "shared":
        settled["attention"], why_attention = choose_attention(config, model, machine)
        context.progress.facts({"attention": f"{settled['attention']} ({why_attention})"})
    config = config.model_copy(update={"trainer": config.trainer.model_copy(update=settled)})
    blocks = make_blocks([(step.traj_id, step.step) for step in steps.train], config.srl.batching)
    hooks = Hooks(
        lambda step, record: _on_log(context, trainer, step, record),
        lambda step: _on_step(context, trainer, step),
    )
    trainer = SrlTrainer(
        config=config,
        reward=StepReward(context.domain.scorer(config), context.tokenizer, context.domain.action_kind),
        stream=StepStream(blocks, config.seed, position),
        on_fill=lambda step, fill, metrics: _on_fill(context, step, fill, metrics),
        model=model,
        args=grpo_arguments(
            config, context.folder, context.optimiser_steps, machine.processes, bool(machine.accelerator)
        ),
        train_dataset=Dataset.from_list(training_rows(steps.train)),
        processing_class=context.tokenizer,
        peft_config=adapters(config),
        callbacks=[hooks],
    )
    trainer.hooks = hooks
    return trainer


def evaluate(context: StageContext, trainer: SrlTrainer, step: int) -> None:
    """Log the mean reward on the held-out steps with the current weights."""
    if not context.steps.held_out:
        return
    metrics = held_out_metrics(
        trainer.sample,
        trainer.reward,
        context.steps.held_out,
        context.config.eval.rollouts,
        context.config.seed,
        trainer.accelerator.process_index,
        trainer.accelerator.num_processes,
    )
    record = {f"held_out/{name}": value for name, value in metrics.items()}
    context.log(step, record)
    trainer.hooks.track(trainer, record)
    context.progress.say(
        f"held-out after {step} steps: reward {metrics['reward']:.3f} +- {metrics['reward_stderr']:.3f}, "
        f"exact {metrics['exact_match']:.3f}, format errors {metrics['format_error_rate']:.3f} "
        f"({len(context.steps.held_out)} expert steps x {context.config.eval.rollouts})"
    )


def training_rows(steps: Sequence[StepExample]) -> list[dict[str, Any]]:
    """One row a step in the form that TRL takes: the prompt as chat messages, the rest as plain columns."""
    return [{"prompt": chat(step), **{name: getattr(step, name) for name in ROW_FIELDS}} for step in steps]


def _say_plan(context: StageContext, trainer: SrlTrainer) -> None:
    srl, rows = context.config.srl, len(context.steps.train)
    context.progress.say(
        f"{trainer.args.max_steps} optimiser steps of {srl.prompts_per_step} groups x {srl.rollouts} outputs"
    )
    if rows < srl.prompts_per_step:
        context.progress.warn(
            f"only {rows} training steps for batches of {srl.prompts_per_step}: each batch repeats prompts; "
            "lower srl.prompts_per_step or give more data"
        )


def _on_step(context: StageContext, trainer: SrlTrainer, step: int) -> None:
    every = context.config.eval.every
    if step == trainer.state.max_steps or (every and step % every == 0):
        evaluate(context, trainer, step)
    context.step_done()


def _on_fill(context: StageContext, step: int, fill: Fill, metrics: dict[str, float]) -> None:
    progress = context.progress
    rewards = {output.score.reward for output in fill.outputs}
    if metrics["format_error_rate"] == 1.0:
        progress.warn("every output breaks the format; start with an sft stage, or read the run's samples")
    elif len(rewards) == 1:
        progress.warn(f"all rewards are {rewards.pop()}: there is nothing to learn from this batch")
    if metrics["sandbox_faults"]:
        progress.warn(
            f"sandboxes failed for {metrics['sandbox_faults']:.1%} of the outputs, which were scored by their texts: "
            "srl-agent sandbox doctor"
        )
    if metrics["cut"] == 1.0:
        limit = context.config.srl.max_completion_tokens
        progress.warn(f"all outputs were cut at {limit} tokens; raise srl.max_completion_tokens")
    if not metrics["groups_used"]:
        progress.warn("no group had differing rewards: only the optimiser's momentum moves the weights in this step")
    elif metrics["groups_used"] < context.config.srl.prompts_per_step:
        progress.warn(
            f"only {metrics['groups_used']:.0f} of {context.config.srl.prompts_per_step} groups had differing rewards "
            f"after {metrics['refills']:.0f} refills; the step goes on with those"
        )
    if context.machine.main and step % context.config.trainer.samples_every == 0:
        append_jsonl(context.run / "samples" / f"srl-{step:06d}.jsonl", fill.groups)


def _on_log(context: StageContext, trainer: SrlTrainer, step: int, record: dict[str, Any]) -> None:
    # transformers counts epochs of the loader, which holds no data; ours are passes over the steps.
    record["epoch"] = record.pop("srl/epoch", None)
    context.log(step, record)
    if "srl/reward" not in record:
        return
    values = {
        "reward": f"{record['srl/reward']:+.3f}",
        "floor": f"{max(context.floors.values(), default=0.0):.3f}",
        "kept": f"{record['srl/kept_ratio']:.2f}",
        "refills": f"{record['srl/refills']:.0f}",
        "format errors": f"{record['srl/format_error_rate']:.2f}",
        "exact": f"{record['srl/exact_match']:.2f}",
        "tokens": f"{record['srl/completion_tokens']:.0f}",
    }
    context.progress.step("srl", step, trainer.state.max_steps, values, record.get("step_time"))
