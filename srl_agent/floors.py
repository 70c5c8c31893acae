"""Reward floors: what outputs earn that need no skill, as a yardstick for the reward of a training run.

The action texts are compared directly; the output format plays no part. Same steps, same floors: where a data
set is too large, pairs are taken at even distances and nothing is drawn by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from srl_agent.rewards import Reward
from trajectories.records import StepExample

MAX_PAIRS = 2000
"""Pairs compared for one floor at most."""

OTHER = "another action of the episode"
PREVIOUS = "the previous action copied"

T = TypeVar("T")
Pairs = list[tuple[str, str]]


def reward_floors(
    steps: Sequence[StepExample],
    reward: Reward,
    comparable_text: Callable[[str], str],
    unskilled: Mapping[str, Callable[[str], str]] | None = None,
    max_pairs: int = MAX_PAIRS,
) -> dict[str, float]:
    """Name of the floor -> mean reward over (unskilled action, expert's action) pairs of these steps.

    `unskilled` has more of them: a name, and what turns an expert's action into one that needs no skill. A floor
    without any pair (no episode with two steps) is left out.
    """
    episodes = _episodes(steps)
    pairs = {OTHER: _others(episodes), PREVIOUS: _previous(episodes)}
    actions = evenly([step.expert_action for step in steps], max_pairs)
    for name, simple in (unskilled or {}).items():
        pairs[name] = [(simple(action), action) for action in actions]
    floors = {}
    for name, all_pairs in pairs.items():
        texts = [(comparable_text(a), comparable_text(b)) for a, b in evenly(all_pairs, max_pairs)]
        if texts:
            floors[name] = sum(reward(texts)) / len(texts)
    return floors


def evenly(items: Sequence[T], limit: int) -> list[T]:
    """At most `limit` of the items, in order, at even distances; 0 stands for all."""
    if not limit or len(items) <= limit:
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def _episodes(steps: Sequence[StepExample]) -> list[list[StepExample]]:
    """The steps of each run, in their order."""
    runs: dict[str, list[StepExample]] = {}
    for step in steps:
        runs.setdefault(step.traj_id, []).append(step)
    return [sorted(run, key=lambda step: step.step) for run in runs.values()]


def _others(episodes: list[list[StepExample]]) -> Pairs:
    """Each action with one other of its episode; the distance between the two runs through all there are."""
    pairs: Pairs = []
    for run in episodes:
        for index, step in enumerate(run if len(run) > 1 else []):
            distance = 1 + len(pairs) % (len(run) - 1)
            pairs.append((run[(index + distance) % len(run)].expert_action, step.expert_action))
    return pairs


def _previous(episodes: list[list[StepExample]]) -> Pairs:
    """Each action with the one right before it."""
    neighbours = [pair for run in episodes for pair in pairwise(run)]
    return [(a.expert_action, b.expert_action) for a, b in neighbours if b.step == a.step + 1]
