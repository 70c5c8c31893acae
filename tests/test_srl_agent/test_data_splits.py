"""Holding out whole repositories, and what is said of it and of rows that could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from srl_agent.cli import build_parser
from srl_agent.commands import data
from srl_agent.config import DataConfig
from srl_agent.step_sets import StepData, load_step_data
from trajectories.records import Action, Episode, StepExample, Turn
from trajectories.store import read_steps, write_episodes


def episode(instance_id: str, run: int = 0) -> Episode:
    turns = tuple(Turn("why", Action("bash", (("command", f"ls {instance_id} {run} {k}"),)), "ok") for k in range(3))
    return Episode(instance_id, f"{instance_id}@{run}", f"mend {instance_id}", turns, True, "srl-agent")


def load(tmp_path: Path, ids: Sequence[str], **settings: object) -> StepData:
    path = tmp_path / "episodes.jsonl"
    write_episodes(path, [episode(name, run) for run, name in enumerate(ids)])
    config = DataConfig.model_validate({"path": str(path), "split": "repository", **settings})
    return load_step_data(config, "", len)


def tasks(steps: Sequence[StepExample]) -> set[str]:
    return {step.instance_id for step in steps}


def test_a_repository_is_on_one_side_only(tmp_path: Path) -> None:
    ids = [f"o__{repository}-{number}" for repository in "abcdef" for number in range(3)]
    sets = load(tmp_path, ids).sets
    sides = [{name.rpartition("-")[0] for name in tasks(steps)} for steps in (sets.train, sets.held_out)]
    assert (len(sides[0]), len(sides[1])) == (4, 2) and not sides[0] & sides[1]
    assert "held out by repository: 2 of 6 repositories" in sets.summary


def test_the_default_still_splits_by_task(tmp_path: Path) -> None:
    ids = [f"o__a-{number}" for number in range(9)]
    sets = load(tmp_path, ids, split="episode").sets
    assert (len(tasks(sets.train)), len(tasks(sets.held_out))) == (6, 3)


def test_tasks_of_no_known_repository_stay_in_training_and_are_counted(tmp_path: Path) -> None:
    sets = load(tmp_path, ["x", "y", "z", "o__a-1", "o__b-1", "o__c-1"]).sets
    assert {"x", "y", "z"} <= tasks(sets.train)
    assert "no repository is known of 3 episodes, which stay in training" in sets.summary


def test_one_big_repository_leaves_nothing_to_hold_out_and_warns(tmp_path: Path) -> None:
    sets = load(tmp_path, [f"o__a-{number}" for number in range(9)]).sets
    assert not sets.held_out
    assert any(line.startswith("WARNING: nothing is held out") for line in sets.summary)


def test_runs_of_one_task_leave_nothing_to_hold_out_and_the_warning_says_why(tmp_path: Path) -> None:
    sets = load(tmp_path, ["o__a-1"] * 4, split="episode").sets
    assert not sets.held_out
    warning = next(line for line in sets.summary if line.startswith("WARNING: nothing is held out"))
    assert "no task has at most 1 episode" in warning and "give episodes of more tasks" in warning


def test_four_runs_of_different_tasks_hold_one_out(tmp_path: Path) -> None:
    sets = load(tmp_path, [f"o__a-{number}" for number in range(4)], split="episode").sets
    assert len(tasks(sets.held_out)) == 1


def test_holding_out_nothing_on_purpose_warns_of_nothing(tmp_path: Path) -> None:
    sets = load(tmp_path, [f"o__a-{number}" for number in range(9)], held_out_episodes=0).sets
    assert not any(line.startswith("WARNING") for line in sets.summary)


def test_real_repositories_are_told_apart(shared_data: Path) -> None:
    path = str(shared_data / "trajectories" / "mini-swe-agent")
    sets = load_step_data(DataConfig(path=path, split="repository"), "", lambda text: len(text.split())).sets
    assert tasks(sets.held_out) == {"astropy__astropy-12907"}  # eight of the nine are Django's


def run(*argv: str | Path) -> int:
    return data.run(build_parser().parse_args(["data", *map(str, argv)]))


def test_the_command_splits_by_repository(tmp_path: Path) -> None:
    ids = [f"o__{repository}-{number}" for repository in "abc" for number in range(3)]
    write_episodes(tmp_path / "in.jsonl", [episode(name) for name in ids])
    run("steps", tmp_path / "in.jsonl", "--output", tmp_path / "out", "--split", "repository")
    assert len({step.instance_id[:4] for step in read_steps(tmp_path / "out" / "held_out.jsonl")}) == 1


@pytest.mark.parametrize("command", ["convert", "stats", "steps"])
def test_a_file_read_in_part_ends_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path = tmp_path / "in.jsonl"
    write_episodes(path, [episode("o__a-1")])
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + whole[:100], encoding="utf-8")
    run(command, path, *{"convert": [tmp_path / "out"], "steps": ["--output", tmp_path / "out"]}.get(command, []))
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("WARNING: 1 of 2 rows could not be read")


def test_one_episode_is_not_called_episodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_episodes(tmp_path / "in.jsonl", [episode("o__a-1")])
    run("convert", tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    run("steps", tmp_path / "in.jsonl", "--output", tmp_path / "out")
    out = capsys.readouterr().out
    assert "1 episodes" not in out and out.count("1 episode") >= 3
