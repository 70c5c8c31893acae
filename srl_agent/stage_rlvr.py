"""The reinforcement stage on verifiable outcomes: GRPO on tasks played to their end (RLVR)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import torch
from accelerate.utils import gather_object

from srl_agent.domain import key_of, tasks_of
from srl_agent.held_out import prompt_ids
from srl_agent.play import PlayedReward, Rollout
from srl_agent.stage_evaluation import Evaluation
from srl_agent.stage_grpo import run_groups
from srl_agent.stages import StageContext
from srl_agent.step_reward import Place, group_error, score_metrics
from srl_agent.trl_trainer import SrlTrainer


def run_rlvr(context: StageContext, weights: str) -> None:
    """Train from `weights` and leave complete checkpoints in the stage's folder."""
    ends: set[int] = {context.tokenizer.eos_token_id, context.tokenizer.pad_token_id}
    player = tasks_of(context.domain, context.config).player(context.config, context.tokenizer, ends)

    def evaluation(trainer: SrlTrainer) -> Evaluation:
        return Evaluation(context, trainer, lambda: outcomes(context, trainer), best_by="solved")

    run_groups(context, weights, PlayedReward(player, ends), evaluation)


def outcomes(context: StageContext, trainer: SrlTrainer) -> dict[str, float]:
    """How many of the held-out tasks the present weights solve, over all processes; see `held_out_metrics`."""
    steps, rollouts, state = context.steps.held_out, context.config.eval.rollouts, trainer.accelerator
    rank, world = state.process_index, state.num_processes
    places = range(rank, -(-len(steps) // world) * world, world)  # as many on every process
    mine = [steps[place % len(steps)] for place in places]
    with torch.random.fork_rng():
        torch.manual_seed(context.config.seed)
        prompts = [prompt_ids(context.tokenizer, step) for step in mine]
        played = trainer.play([key_of(step) for step in mine], prompts, rollouts)
    groups = [
        (Place(step.step, step.source), played[index * rollouts : (index + 1) * rollouts])
        for index, (place, step) in enumerate(zip(places, mine, strict=True))
        if place < len(steps)
    ]
    return _figures(gather_object(groups) if world > 1 else groups)


def _figures(groups: Sequence[tuple[Place, Sequence[Rollout]]]) -> dict[str, float]:
    scores = [[one.score for one in rollouts] for _, rollouts in groups]
    flat = [score for group in scores for score in group]
    places = [place for place, rollouts in groups for _ in rollouts]
    solved = fmean(score.reward == 1.0 for score in flat)
    return {**score_metrics(flat, places), "solved": solved, "reward_stderr": group_error(scores)}
