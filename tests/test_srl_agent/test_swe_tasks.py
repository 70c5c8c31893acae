"""Which tasks of the swe domain the rlvr stage plays, and from which steps on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from srl_agent.config import Config
from srl_agent.config_load import load_config, validate
from srl_agent.domain import StepSets
from srl_agent.errors import ConfigError
from srl_agent.swe import SweDomain
from srl_agent.swe_tasks import KnownTests, problems, steps_in_reach
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Action

DJANGO = "test_x (auth_tests.test_views.Case)"


def known(folder: Path, **failing: Any) -> KnownTests:
    """The tests of rows with these FAIL_TO_PASS, by instance id."""
    file = folder / "tasks.jsonl"
    rows = [{"instance_id": name, "FAIL_TO_PASS": tests} for name, tests in failing.items()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return KnownTests(validate({"data": {"path": str(folder), "task_sets": [str(file)]}}))


def test_a_task_that_its_row_does_not_decide_is_left_out_and_counted(tmp_path: Path) -> None:
    tests_of = known(tmp_path, good=["a.py::x"], empty=[], django=[DJANGO], broken=3)
    names = ("good", "empty", "django", "broken", "unknown")
    assert [name for name in (*names, *names) if tests_of(name)] == ["good", "good"]
    without, refused = tests_of.summary()
    assert without == "1 task without tests left out"
    assert refused.startswith("3 tasks left out whose tests decide nothing (first: task empty: FAIL_TO_PASS names no")


def test_a_step_behind_an_action_without_a_tool_is_out_of_reach() -> None:
    episode = read_episodes(EPISODES)[0][0]
    assert steps_in_reach([episode]) == {episode.traj_id: len(episode.turns) + 1}
    strange = replace(episode.turns[1], action=Action("browser", (("url", "x"),)))
    assert steps_in_reach([replace(episode, turns=(episode.turns[0], strange, *episode.turns[2:]))]) == {
        episode.traj_id: 2
    }


@pytest.fixture(scope="module")
def bundled() -> tuple[Config, StepSets]:
    config = load_config(preset="smoke")
    return config, SweDomain().load_steps(config, len)


@pytest.mark.parametrize("start", ["task", "steps"])
def test_rollouts_begin_where_the_settings_say(bundled: tuple[Config, StepSets], start: str) -> None:
    config = bundled[0].model_copy(update={"rlvr": bundled[0].rlvr.model_copy(update={"start": start})})
    found, steps = problems(config, bundled[1]).train, bundled[1].train
    expected = steps if start == "steps" else [step for step in steps if step.step == 1]
    assert {step.instance_id for step in found} == {step.instance_id for step in expected}
    assert len(found) == (len(steps) if start == "steps" else len({step.instance_id for step in expected}))


def test_data_without_a_playable_task_says_why(tmp_path: Path, bundled: tuple[Config, StepSets]) -> None:
    known(tmp_path, django=[DJANGO])
    config = bundled[0].model_copy(
        update={
            "data": bundled[0].data.model_copy(update={"path": "x", "task_sets": (str(tmp_path / "tasks.jsonl"),)}),
            "rlvr": bundled[0].rlvr.model_copy(update={"start": "task"}),
        }
    )
    with pytest.raises(ConfigError, match=r"rlvr needs some \(\d+ tasks without tests left out\)"):
        problems(config, bundled[1])
