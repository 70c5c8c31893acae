"""The supervised stage: teach the expert's thoughts and actions in the output format, by step or by episode."""

from __future__ import annotations

from typing import Any

from datasets import Dataset

from srl_agent.domain import supervised_examples
from srl_agent.frozen import choose_frozen, frozen_facts, load_for_training, new_adapters
from srl_agent.hooks import Hooks
from srl_agent.rollout import end_tokens
from srl_agent.run_dir import beginning
from srl_agent.stage_srl import evaluation_of_steps, step_reward
from srl_agent.stages import StageContext, make_ready
from srl_agent.supervised import supervised_row
from srl_agent.trl_trainer import SupervisedTrainer, sft_arguments


def run_sft(context: StageContext, weights: str) -> None:
    """Train from `weights` and leave complete checkpoints in the stage's folder."""
    config, machine, latest = context.config, context.machine, context.latest()
    examples = supervised_examples(context.domain, context.steps)
    rows = [supervised_row(context.tokenizer, example) for example in examples]
    held = choose_frozen(config, machine, "transformers", weights)
    model = load_for_training(config, weights, held[0])
    context.progress.facts(frozen_facts(config, weights, held))
    hooks = Hooks(lambda step, record: _on_log(context, trainer, step, record))
    trainer = SupervisedTrainer(
        config=config,
        model=model,
        args=sft_arguments(
            config, context.folder, context.optimiser_steps, machine.processes, bool(machine.accelerator)
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=context.tokenizer,
        peft_config=new_adapters(config, model),
        callbacks=[hooks],
    )
    make_ready(context, trainer, hooks, weights)
    reward = step_reward(context)
    reward.ends.update(end_tokens(trainer.model, context.tokenizer))
    evaluation = evaluation_of_steps(context, trainer, reward)

    context.progress.heading(f"Stage sft: {len(rows)} examples, {beginning(context.folder, weights)}")
    if latest is None:
        evaluation.begin()
    trainer.train(resume_from_checkpoint=str(latest) if latest else None)


def _on_log(context: StageContext, trainer: Any, step: int, record: dict[str, Any]) -> None:
    context.log(step, record)
    values = {"loss": f"{record['loss']:.3f}"}
    if "mean_token_accuracy" in record:
        values["token accuracy"] = f"{record['mean_token_accuracy']:.3f}"
    context.progress.step("sft", step, trainer.state.max_steps, values)
