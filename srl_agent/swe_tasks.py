"""Which tasks of the swe domain can be played, where, and by which tests they are decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from envs.errors import SandboxError
from envs.pool import ThreadPool
from envs.task_tests import TaskTests, demo_tests, row_tests
from envs.toolbox import TOOLS
from srl_agent.config import Config
from srl_agent.domain import StepSets
from srl_agent.errors import ConfigError
from srl_agent.sandboxes import episodes_again, walks_again
from srl_agent.swe_player import SwePlayer
from srl_agent.wording import plural
from trajectories.errors import ParseError
from trajectories.records import Episode, StepExample
from trajectories.sources import find_sources

READER = "stages: rlvr"
"""Who reads the episodes again, in messages."""
JOB_SECONDS = 900.0
"""Longest time of one task's tests with what makes their sandbox."""


def problems(config: Config, steps: StepSets) -> StepSets:
    """The steps before which rollouts begin (`rlvr.start`), of tasks whose tests are known."""
    if config.srl.target != "step":
        raise ConfigError("srl.target: rlvr begins at steps; take step, or leave rlvr out of the stages")
    tests_of = KnownTests(config)
    train, held_out = ([step for step in some if tests_of(step.instance_id)] for some in (steps.train, steps.held_out))
    summary = tests_of.summary()
    if config.rlvr.start == "task":
        train, held_out = _firsts(train), _firsts(held_out)
    else:
        last = steps_in_reach(episodes_again(config, READER))
        far = sum(step.step > last[step.traj_id] for step in (*train, *held_out))
        summary += [f"{plural(far, 'step')} left out behind an action that has no tool here"] if far else []
        train, held_out = ([step for step in some if step.step <= last[step.traj_id]] for some in (train, held_out))
    if not train:
        why = f" ({'; '.join(summary)})" if summary else ""
        raise ConfigError(
            f"data.task_sets: no training step belongs to a task whose tests are known; rlvr needs some{why}"
        )
    return replace(steps, train=train, held_out=held_out, summary=tuple(summary))


def _firsts(steps: Sequence[StepExample]) -> list[StepExample]:
    firsts = {step.instance_id: step for step in reversed(steps) if step.step == 1}
    return [step for step in steps if firsts.get(step.instance_id) is step]


def steps_in_reach(episodes: Sequence[Episode]) -> dict[str, int]:
    """traj_id to the last step, from 1, all of whose earlier actions have a tool in a sandbox."""
    return {
        episode.traj_id: 1 + sum(1 for _ in takewhile(lambda turn: turn.action.tool in TOOLS, episode.turns))
        for episode in episodes
    }


class KnownTests:
    """The tests by a task's id: the bundled set's own checks, or those of the rows in `data.task_sets`."""

    def __init__(self, config: Config) -> None:
        """ConfigError where there are no rows."""
        self._rows = _rows(config) if config.data.path else None
        self._known: dict[str, TaskTests | None] = {}
        self._without: list[str] = []
        self._refused: list[str] = []

    def __call__(self, instance_id: str) -> TaskTests | None:
        """None where no row has them, or not in a form that could decide the task; `summary` then counts it."""
        if instance_id not in self._known:
            self._known[instance_id] = self._find(instance_id)
        return self._known[instance_id]

    def _find(self, instance_id: str) -> TaskTests | None:
        if self._rows is None:
            return demo_tests(instance_id)
        if instance_id not in self._rows:
            self._without.append(instance_id)
            return None
        try:
            return row_tests(self._rows[instance_id])
        except SandboxError as error:
            self._refused.append(str(error))
            return None

    def summary(self) -> list[str]:
        """For the terminal: how many of the tasks asked for are left out, and why."""
        lines = [f"{plural(len(self._without), 'task')} without tests left out"] if self._without else []
        if self._refused:
            lines.append(
                f"{plural(len(self._refused), 'task')} left out whose tests decide nothing (first: {self._refused[0]})"
            )
        return lines


def _rows(config: Config) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name in config.data.task_sets:
        for source in find_sources(name):
            rows |= {str(row.get("instance_id")): row for _, row in source.rows() if not isinstance(row, ParseError)}
    if not rows:
        raise ConfigError(
            "data.task_sets: rlvr needs the rows of the episodes' tasks (FAIL_TO_PASS, PASS_TO_PASS, test_patch); "
            "name their files"
        )
    return rows


def build_player(config: Config, tokenizer: Any, ends: set[int]) -> SwePlayer:
    """The player over the episodes and the sandboxes that the configuration names; it reads the episodes again."""
    walks, episodes = walks_again(config, READER)
    workers = config.sandbox.workers
    pools = ThreadPool(workers, job_timeout=JOB_SECONDS), ThreadPool(workers, retries=0)
    tests_of = KnownTests(config)

    def tests(instance_id: str) -> TaskTests:
        found = tests_of(instance_id)
        assert found is not None, "only tasks with tests are played"
        return found

    return SwePlayer(walks, episodes, tests, pools, tokenizer, ends, config.rlvr, config.data.max_observation_chars)
