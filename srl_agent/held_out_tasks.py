"""How many of the held-out tasks the policy solves, playing them to their end, with the weights of the moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from srl_agent.domain import Score, key_of, tasks_of
from srl_agent.errors import ConfigError
from srl_agent.floors import evenly
from srl_agent.held_out import Group, Sample, prompt_ids, scored_groups
from srl_agent.play import Player, Request, anyone_among
from srl_agent.stages import StageContext
from trajectories.records import StepExample


def played_groups(
    context: StageContext, player: Player, sample: Sample, tasks: Sequence[StepExample], accelerator: Any
) -> list[Group]:
    """Each task with the scores of its `eval.rollouts`, over all processes; see `scored_groups`."""
    rollouts, anyone = context.config.eval.rollouts, anyone_among(accelerator)

    def score(mine: Sequence[StepExample]) -> list[Score]:
        prompts = [prompt_ids(context.tokenizer, step.prompt) for step in mine]
        request = Request([key_of(step) for step in mine], prompts, rollouts, sample, anyone)
        return [one.score for one in player.play(request)]

    rank, world = accelerator.process_index, accelerator.num_processes
    return scored_groups(score, lambda action: "", tasks, rollouts, context.config.seed, rank, world)


def share_solved(groups: Sequence[Group]) -> float:
    """Of all rollouts, those that solved their task; one whose sandbox failed did not."""
    return fmean(score.reward == 1.0 for _, group in groups for score in group)


def share_failed(groups: Sequence[Group]) -> float:
    """Of all rollouts, those whose sandbox failed."""
    return fmean(score.fault for _, group in groups for score in group)


@dataclass(frozen=True)
class HeldOutTasks:
    """The held-out tasks that stages on recorded steps play beside their evaluation (`eval.tasks`)."""

    tasks: Sequence[StepExample]
    player: Player

    def solved(self, context: StageContext, trainer: Any) -> dict[str, float]:
        """Shares with the trainer's present weights: `tasks_solved`, and `tasks_failed`, whose sandbox did."""
        groups = played_groups(context, self.player, trainer.sample, self.tasks, trainer.accelerator)
        return {"tasks_solved": share_solved(groups), "tasks_failed": share_failed(groups)}


def held_out_tasks(context: StageContext, ends: set[int]) -> HeldOutTasks | None:
    """Those of `eval.tasks`, evenly spread, each from its very beginning; None for 0. `ends` end an output.

    ConfigError where there is none that can be played.
    """
    config = context.config
    if not config.eval.tasks:
        return None
    whole = config.model_copy(update={"rlvr": config.rlvr.model_copy(update={"start": "task"})})
    domain = tasks_of(context.domain, config)
    tasks = evenly(domain.problems(whole, context.steps).held_out, config.eval.tasks)
    if not tasks:
        raise ConfigError("eval.tasks: no held-out step begins a task that can be played; set it to 0")
    return HeldOutTasks(tasks, domain.player(whole, context.tokenizer, ends))
