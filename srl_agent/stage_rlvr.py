"""The reinforcement stage on verifiable outcomes: GRPO on tasks played to their end (RLVR)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from srl_agent.domain import Score, key_of, tasks_of
from srl_agent.held_out import figures, prompt_ids, scored_groups
from srl_agent.play import PlayedReward
from srl_agent.stage_evaluation import Evaluation
from srl_agent.stage_grpo import run_groups
from srl_agent.stages import StageContext
from srl_agent.trl_trainer import SrlTrainer
from trajectories.records import StepExample


def run_rlvr(context: StageContext, weights: str) -> None:
    """Train from `weights` and leave complete checkpoints in the stage's folder."""
    ends: set[int] = {context.tokenizer.eos_token_id, context.tokenizer.pad_token_id}
    player = tasks_of(context.domain, context.config).player(context.config, context.tokenizer, ends)

    def evaluation(trainer: SrlTrainer) -> Evaluation:
        return Evaluation(context, trainer, lambda: outcomes(context, trainer), best_by="solved")

    run_groups(context, weights, PlayedReward(player, ends), evaluation)


def outcomes(context: StageContext, trainer: SrlTrainer) -> dict[str, float]:
    """How many of the held-out tasks the present weights solve, over all processes; see `held_out_metrics`."""
    config, state = context.config, trainer.accelerator
    rollouts = config.eval.rollouts

    def score(mine: Sequence[StepExample]) -> list[Score]:
        prompts = [prompt_ids(context.tokenizer, step.prompt) for step in mine]
        return [one.score for one in trainer.play([key_of(step) for step in mine], prompts, rollouts)]

    groups = scored_groups(
        score,
        trainer.reward.kind_of,
        context.steps.held_out,
        rollouts,
        config.seed,
        state.process_index,
        state.num_processes,
    )
    return {**figures(groups), "solved": fmean(score.reward == 1.0 for _, group in groups for score in group)}
