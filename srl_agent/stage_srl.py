"""The reinforcement stage on step-wise rewards: GRPO on the expert's steps (SRL, arXiv 2510.25992)."""

from __future__ import annotations

from typing import Any

from srl_agent.held_out import held_out_metrics
from srl_agent.held_out_tasks import held_out_tasks
from srl_agent.stage_evaluation import Evaluation
from srl_agent.stage_grpo import run_groups
from srl_agent.stages import StageContext
from srl_agent.step_reward import StepReward
from srl_agent.trl_trainer import SrlTrainer


def run_srl(context: StageContext, weights: str) -> None:
    """Train from `weights` and leave complete checkpoints in the stage's folder."""
    reward = step_reward(context)

    def evaluation(trainer: SrlTrainer) -> Evaluation:
        return evaluation_of_steps(context, trainer, reward)

    run_groups(context, weights, reward, evaluation)


def evaluation_of_steps(context: StageContext, trainer: Any, reward: StepReward) -> Evaluation:
    """The mean reward on the held-out steps, for a stage whose trainer can `sample`; with `eval.tasks` the share of
    held-out tasks solved, too."""
    config, state, tasks = context.config, trainer.accelerator, held_out_tasks(context, reward.ends)

    def figures() -> dict[str, float]:
        rank, world = state.process_index, state.num_processes
        steps, rollouts = context.steps.held_out, config.eval.rollouts
        found = held_out_metrics(trainer.sample, reward, steps, rollouts, config.seed, rank, world)
        return {**found, **(tasks.solved(context, trainer) if tasks else {})}

    return Evaluation(context, trainer, figures)


def step_reward(context: StageContext) -> StepReward:
    """The reward that the configuration names, for outputs of this stage's policy."""
    return StepReward(context.domain.scorer(context.config), context.tokenizer, context.domain.action_kind)
