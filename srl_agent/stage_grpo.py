"""What the stages on groups share: building their trainer, and what they say after a batch and after a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from datasets import Dataset

from srl_agent.choices import choose_attention, choose_engine, choose_loss_pass
from srl_agent.config import Config
from srl_agent.fill import Fill
from srl_agent.frozen import check_reference, choose_frozen, frozen_facts, load_for_training, new_adapters
from srl_agent.held_out import chat
from srl_agent.hooks import Hooks
from srl_agent.run_dir import append_jsonl, beginning, marker
from srl_agent.stage_evaluation import Evaluation
from srl_agent.stages import StageContext, make_ready
from srl_agent.step_reward import OutputReward
from srl_agent.step_stream import StepStream, make_blocks
from srl_agent.trl_trainer import SrlTrainer, grpo_arguments
from trajectories.records import StepExample

ROW_FIELDS = ("expert_action", "instance_id", "traj_id", "step", "n_steps", "source")
Evaluate = Callable[[SrlTrainer], Evaluation]


def run_groups(context: StageContext, weights: str, reward: OutputReward, evaluate: Evaluate) -> None:
    """Train a stage on groups from `weights` and leave complete checkpoints in the stage's folder."""
    hooks = Hooks(lambda step, record: _on_log(context, trainer, step, record))
    trainer = build_trainer(context, weights, reward, hooks)
    evaluation, latest = evaluate(trainer), context.latest()

    whole = context.stage == "srl" and context.config.srl.target == "episode"
    what = f"{len(context.steps.train)} {'whole episodes' if whole else 'steps'}"
    context.progress.heading(f"Stage {context.stage}: {what}, {beginning(context.folder, weights)}")
    _say_plan(context, trainer)
    if latest is None:
        evaluation.begin()
    else:
        if trainer.restore(latest, marker(latest)):
            context.progress.say("groups carried over are left out: they belong to another number of processes")
    trainer.train(resume_from_checkpoint=str(latest) if latest else None)


def build_trainer(context: StageContext, weights: str, reward: OutputReward, hooks: Hooks) -> SrlTrainer:
    """The trainer of this stage, its stream of steps at the beginning."""
    config, machine, steps = context.config, context.machine, context.steps
    check_reference(config, context.stage, weights)
    engine, why_engine = choose_engine(config, machine)
    held = choose_frozen(config, machine, engine, weights)
    model = load_for_training(config, weights, held[0])
    loss_pass, why_loss = choose_loss_pass(config, model, machine.sharding)
    context.progress.facts({"engine": f"{engine} ({why_engine})", "loss pass": f"{loss_pass} ({why_loss})"})
    context.progress.facts(frozen_facts(config, weights, held))
    settled = {"engine": engine, "loss_pass": loss_pass}
    if loss_pass == "shared":
        settled["attention"], why_attention = choose_attention(config, model, machine)
        context.progress.facts({"attention": f"{settled['attention']} ({why_attention})"})
    config = config.model_copy(update={"trainer": config.trainer.model_copy(update=settled)})
    section = config.grpo(context.stage)
    blocks = make_blocks([(step.traj_id, step.step) for step in steps.train], section.batching)
    trainer = SrlTrainer(
        config=config,
        stage=context.stage,
        reward=reward,
        stream=StepStream(blocks, config.seed, rest_epochs=section.dynamic_sampling.rest_epochs),
        on_fill=lambda step, fill, metrics: _on_fill(context, step, fill, metrics),
        model=model,
        args=grpo_arguments(
            config,
            context.stage,
            context.folder,
            context.optimiser_steps,
            machine.processes,
            bool(machine.accelerator),
        ),
        train_dataset=Dataset.from_list(training_rows(steps.train)),
        processing_class=context.tokenizer,
        peft_config=new_adapters(config, model),
        callbacks=[hooks],
    )
    make_ready(context, trainer, hooks, weights)
    return trainer


def training_rows(steps: Sequence[StepExample]) -> list[dict[str, Any]]:
    """One row a step in the form that TRL takes: the prompt as chat messages, the rest as plain columns."""
    return [{"prompt": chat(step.prompt), **{name: getattr(step, name) for name in ROW_FIELDS}} for step in steps]


def _say_plan(context: StageContext, trainer: SrlTrainer) -> None:
    section, rows = context.config.grpo(context.stage), len(context.steps.train)
    context.progress.say(
        f"{trainer.args.max_steps} optimiser steps of {section.prompts_per_step} groups x {section.rollouts} outputs"
    )
    if rows < section.prompts_per_step:
        context.progress.warn(
            f"only {rows} rows to train on for batches of {section.prompts_per_step}: each batch repeats prompts; "
            f"lower {context.stage}.prompts_per_step or give more data"
        )


def _on_fill(context: StageContext, step: int, fill: Fill, metrics: dict[str, float]) -> None:
    _warn(context, fill, metrics)
    if context.machine.main and step % context.config.trainer.samples_every == 0:
        append_jsonl(context.run / "samples" / f"{context.stage}-{step:06d}.jsonl", fill.groups)


def _warn(context: StageContext, fill: Fill, metrics: dict[str, float]) -> None:
    progress, section = context.progress, context.config.grpo(context.stage)
    rewards = {output.score.reward for output in fill.outputs}
    if metrics.get("format_error_rate") == 1.0:
        progress.warn(
            f"every output breaks the format; {_cure(context.config, context.stage)}, or read the run's samples"
        )
    elif metrics.get("unanswered") == 1.0:
        progress.warn("no output has an answer in it; read the run's samples, or raise the limit on their length")
    elif len(rewards) == 1:
        progress.warn(f"all rewards are {rewards.pop()}: there is nothing to learn from this batch")
    if faults := metrics.get("scoring_faults"):
        void = any(output.score.void for output in fill.outputs)
        what = "whose groups are not trained on" if void else "which counts against them, or leaves it to their texts"
        progress.warn(
            f"scoring failed or took too long for {faults:.1%} of the outputs, {what}; where it is done in sandboxes, "
            "see srl-agent sandbox doctor"
        )
    if metrics.get("cut") == 1.0:
        name = f"{context.stage}.max_completion_tokens ({section.max_completion_tokens})"
        name += (
            f" or rlvr.max_rollout_tokens ({context.config.rlvr.max_rollout_tokens})" if context.stage == "rlvr" else ""
        )
        progress.warn(f"all outputs were cut; raise {name}")
    if not metrics["groups_used"]:
        progress.warn(
            "no group had differing rewards: nothing is learnt in this step (the weights move by the optimiser's "
            "momentum only, where earlier steps left some)"
        )
    elif metrics["groups_used"] < section.prompts_per_step:
        progress.warn(
            f"only {metrics['groups_used']:.0f} of {section.prompts_per_step} groups had differing rewards "
            f"after {metrics['refills']:.0f} refills; the step goes on with those"
        )


def _cure(config: Config, stage: str) -> str:
    """Of outputs that all break the format."""
    if "sft" not in config.stages[: config.stages.index(stage)]:
        return "start with an sft stage"
    length = "sft.max_steps" if config.sft.max_steps else "sft.epochs"
    return f"the sft stage was too short to teach it: raise {length} in a new run"


SHOWN = (
    ("kept", "kept_ratio", ".2f"),
    ("refills", "refills", ".0f"),
    ("format errors", "format_error_rate", ".2f"),
    ("exact", "exact_match", ".2f"),
    ("tokens", "completion_tokens", ".0f"),
)
"""What the line of an optimiser step shows: heading, metric, format."""


def _on_log(context: StageContext, trainer: SrlTrainer, step: int, record: dict[str, Any]) -> None:
    # transformers counts epochs of the loader, which holds no data; ours are passes over the steps.
    stage = context.stage
    record["epoch"] = record.pop(f"{stage}/epoch", None)
    context.log(step, record)
    if f"{stage}/reward" not in record:
        return
    values = {"reward": f"{record[f'{stage}/reward']:+.3f}"}
    if stage == "srl":
        values["floor"] = f"{max(context.floors.values(), default=0.0):.3f}"
    values |= {heading: format(record[f"{stage}/{name}"], form) for heading, name, form in SHOWN}
    context.progress.step(stage, step, trainer.state.max_steps, values, record.get("step_time"))
