"""The reinforcement stage on verifiable outcomes: GRPO on tasks played to their end (RLVR)."""

from __future__ import annotations

from srl_agent.domain import tasks_of
from srl_agent.held_out import figures
from srl_agent.held_out_tasks import played_groups, share_solved
from srl_agent.play import PlayedReward
from srl_agent.stage_evaluation import Evaluation
from srl_agent.stage_grpo import run_groups
from srl_agent.stages import StageContext
from srl_agent.trl_trainer import SrlTrainer


def run_rlvr(context: StageContext, weights: str) -> None:
    """Train from `weights` and leave complete checkpoints in the stage's folder."""
    ends: set[int] = {context.tokenizer.eos_token_id, context.tokenizer.pad_token_id}
    player = tasks_of(context.domain, context.config).player(context.config, context.tokenizer, ends)

    def evaluation(trainer: SrlTrainer) -> Evaluation:
        def outcomes() -> dict[str, float]:
            groups = played_groups(context, player, trainer.sample, context.steps.held_out, trainer.accelerator)
            return {**figures(groups), "solved": share_solved(groups)}

        return Evaluation(context, trainer, outcomes, best_by="solved")

    run_groups(context, weights, PlayedReward(player, ends), evaluation)
