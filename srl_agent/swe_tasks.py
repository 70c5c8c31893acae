"""Which tasks of the swe domain can be played, where, and by which tests they are decided."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from envs.pool import ThreadPool
from envs.task_tests import TaskTests, demo_tests, row_tests
from envs.walks import Walks
from srl_agent.config import Config
from srl_agent.domain import StepSets
from srl_agent.errors import ConfigError
from srl_agent.sandboxes import places
from srl_agent.step_sets import read_data
from srl_agent.swe_player import SwePlayer
from srl_agent.wording import plural
from trajectories.errors import ParseError
from trajectories.records import StepExample
from trajectories.sources import find_sources

JOB_SECONDS = 900.0
"""Longest time of one task's tests with what makes their sandbox."""


def problems(config: Config, steps: StepSets) -> StepSets:
    """The steps before which rollouts begin (`rlvr.start`), of tasks whose tests are known."""
    if config.srl.target != "step":
        raise ConfigError("srl.target: rlvr begins at steps; take step, or leave rlvr out of the stages")
    tests_of = known_tests(config)
    train, held_out = (_starts(config, some, tests_of) for some in (steps.train, steps.held_out))
    if not train:
        raise ConfigError("data.task_sets: no training step belongs to a task whose tests are known; rlvr needs some")
    lost = len({step.instance_id for step in steps.train} - {step.instance_id for step in train})
    summary = [f"{plural(lost, 'task')} without tests left out"] if lost else []
    return replace(steps, train=train, held_out=held_out, summary=tuple(summary))


def _starts(
    config: Config, steps: Sequence[StepExample], tests_of: Callable[[str], TaskTests | None]
) -> list[StepExample]:
    playable = [step for step in steps if tests_of(step.instance_id) is not None]
    if config.rlvr.start == "steps":
        return playable
    firsts = {step.instance_id: step for step in reversed(playable) if step.step == 1}
    return [step for step in playable if firsts.get(step.instance_id) is step]


def known_tests(config: Config) -> Callable[[str], TaskTests | None]:
    """The tests by a task's id: the bundled set's own checks, or those of the rows in `data.task_sets`."""
    if not config.data.path:
        return lru_cache(demo_tests)
    rows: dict[str, Any] = {}
    for name in config.data.task_sets:
        for source in find_sources(name):
            rows |= {str(row.get("instance_id")): row for _, row in source.rows() if not isinstance(row, ParseError)}
    if not rows:
        raise ConfigError(
            "data.task_sets: rlvr needs the rows of the episodes' tasks (FAIL_TO_PASS, PASS_TO_PASS, test_patch); "
            "name their files"
        )
    return lru_cache(lambda instance_id: row_tests(rows[instance_id]) if instance_id in rows else None)


def build_player(config: Config, tokenizer: Any, ends: set[int]) -> SwePlayer:
    """The player over the episodes and the sandboxes that the configuration names; it reads the episodes again."""
    if config.data.path == "-":
        raise ConfigError("stages: rlvr reads the episodes again, which standard input cannot give; use a file")
    episodes = read_data(config.data)[0]
    walks = Walks(places(config, episodes), config.sandbox.keep)
    atexit.register(walks.close)
    workers = config.sandbox.workers
    pools = ThreadPool(workers, job_timeout=JOB_SECONDS), ThreadPool(workers, retries=0)
    tests_of = known_tests(config)

    def tests(instance_id: str) -> TaskTests:
        found = tests_of(instance_id)
        assert found is not None, "only tasks with tests are played"
        return found

    return SwePlayer(walks, episodes, tests, pools, tokenizer, ends, config.rlvr, config.data.max_observation_chars)
