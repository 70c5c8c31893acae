"""The gates in the data commands and in what training reads: chosen by name, counted; context stays whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet
import pytest

from srl_agent.cli import build_parser
from srl_agent.commands import data
from srl_agent.config import Config, DataConfig
from srl_agent.data_gates import chosen_gates
from srl_agent.errors import ConfigError
from srl_agent.step_sets import load_step_data
from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.gates import DEFAULT_GATES, GATES
from trajectories.records import Action, Episode, Turn
from trajectories.store import read_steps, write_episodes

Output = pytest.CaptureFixture[str]
LONG = "echo " + "x" * 11_000


def run(*argv: str | Path) -> int:
    return data.run(build_parser().parse_args(["data", *map(str, argv)]))


def episode(number: int, commands: Sequence[str] = ("pwd", "git status", "ls", "make")) -> Episode:
    turns = tuple(
        Turn("why", Action("bash", (("command", f"cd {number} && {command}"),)), f"output {k}")
        for k, command in enumerate(commands)
    )
    return Episode(f"o__r-{number}", f"run-{number}", f"mend {number}", turns, True, "srl-agent")


def twin(number: int) -> Episode:
    original = episode(number)
    return Episode(original.instance_id, f"twin-{number}", original.task, original.turns, True, "srl-agent")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three good episodes, one of them twice, and one whose second step is far too long."""
    path = tmp_path / "in.jsonl"
    write_episodes(path, [*map(episode, range(3)), twin(1), episode(3, ["pwd", LONG, "ls", "make"])])
    return path


def load(file: Path, **settings: object) -> list[tuple[str, int]]:
    config = DataConfig.model_validate({"path": str(file), "held_out_episodes": 0, "context": "full", **settings})
    steps = load_step_data(config, "", lambda text: len(text.split())).sets.train
    return [(step.traj_id, step.step) for step in steps]


def test_a_duplicate_trains_nobody(file: Path) -> None:
    assert {name for name, _ in load(file)} == {"run-0", "run-1", "run-2", "run-3"}
    assert {name for name, _ in load(file, gates="none")} == {"run-0", "run-1", "run-2", "run-3", "twin-1"}


def test_a_step_that_a_gate_drops_is_no_target_but_stays_in_the_context(file: Path) -> None:
    config = DataConfig(path=str(file), held_out_episodes=0, context="full", gates=("long-action",))
    steps = load_step_data(config, "", lambda text: len(text.split())).sets.train
    of_run = [step for step in steps if step.traj_id == "run-3"]
    assert [step.step for step in of_run] == [1, 3]
    assert LONG in of_run[1].prompt[3].content


def test_training_is_told_the_counts_in_one_line(file: Path) -> None:
    sets = load_step_data(DataConfig(path=str(file), gates=("duplicate", "long-action")), "", len).sets
    lines = [line for line in sets.summary if line.startswith("gates:")]
    assert lines == [
        "gates: 2 asked, 1 episode and 1 single step left out as targets: duplicate 1, long-action 1 (data.gates)"
    ]


def test_without_gates_there_is_no_such_line(file: Path) -> None:
    sets = load_step_data(DataConfig(path=str(file), gates=("none",)), "", len).sets
    assert not any(line.startswith("gates") for line in sets.summary)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["none"], ()),
        (["default"], DEFAULT_GATES),
        (["all"], tuple(GATES)),
        (["loop", "empty"], ("empty", "loop")),
        (["default", "unresolved"], tuple(GATES)),
        ([], ()),
    ],
)
def test_names_and_groups_choose_gates(names: list[str], expected: tuple[str, ...]) -> None:
    assert chosen_gates(names) == expected


def test_an_unknown_gate_lists_the_known_ones(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown name 'leaks'; known: none, default, all, .*loop"):
        run("stats", file, "--gates", "leaks")


def test_one_text_of_names_is_a_list_of_them() -> None:
    assert Config.model_validate({"data": {"gates": "loop, empty"}}).data.gates == ("loop", "empty")


def test_stats_name_what_the_gates_find_and_where(file: Path, capsys: Output) -> None:
    run("stats", file)
    out = capsys.readouterr().out
    assert "gates: 4 of 5 episodes kept" in out
    assert "duplicate: twin-1: same task and same actions as run-1" in out
    assert "long-action: run-3 step 2: " in out
    assert "nothing found by " in out and "not run: contamination: " in out


def test_stats_say_of_how_many_episodes_the_task_rows_were(file: Path, tmp_path: Path, capsys: Output) -> None:
    rows = tmp_path / "tasks.jsonl"
    rows.write_text(json.dumps({"instance_id": "o__r-3", "FAIL_TO_PASS": ["tests/test_a.py::test_b"]}))
    run("stats", file, "--gates", "leak-hidden-tests", "--tasks", rows)
    assert "leak-hidden-tests judged 1 of 5 episodes: no task row has what it needs for the rest" in (
        capsys.readouterr().out
    )


def test_a_gate_whose_task_rows_are_all_of_other_tasks_does_not_claim_to_find_nothing(
    file: Path, tmp_path: Path, capsys: Output
) -> None:
    rows = tmp_path / "tasks.jsonl"
    rows.write_text(json.dumps({"instance_id": "o__other-1", "FAIL_TO_PASS": ["tests/test_a.py::test_b"]}))
    run("stats", file, "--gates", "leak-hidden-tests", "--tasks", rows)
    out = capsys.readouterr().out
    assert "leak-hidden-tests judged 0 of 5 episodes" in out and "nothing found by" not in out


def test_stats_as_json_hold_the_gates(file: Path, capsys: Output) -> None:
    run("stats", file, "--json")
    gates = json.loads(capsys.readouterr().out)["gates"]
    assert (gates["episodes_read"], gates["episodes_kept"]) == (5, 4)
    assert gates["gates"]["duplicate"]["episodes"] == 1


def test_a_conversion_keeps_everything_unless_gates_are_asked(file: Path, tmp_path: Path) -> None:
    run("convert", file, tmp_path / "all.jsonl")
    run("convert", file, tmp_path / "some.jsonl", "--gates", "default", "--report", tmp_path / "report.json")
    assert len(read_episodes(tmp_path / "all.jsonl")[0]) == 5
    some = read_episodes(tmp_path / "some.jsonl")[0]
    assert [one.traj_id for one in some] == ["run-0", "run-1", "run-2", "run-3"]
    assert len(some[3].turns) == 4
    assert json.loads((tmp_path / "report.json").read_text())["gates"]["episodes_kept"] == 4


def test_gates_that_leave_nothing_leave_no_file(tmp_path: Path) -> None:
    failed = Episode("t", "t@1", "mend", episode(1).turns, False, "srl-agent")
    write_episodes(tmp_path / "in.jsonl", [failed])
    with pytest.raises(ParseError, match=r"the gates left no episode.*unresolved 1"):
        run("convert", tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--gates", "unresolved")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_steps_and_exports_drop_the_same(file: Path, tmp_path: Path, capsys: Output) -> None:
    settings = ["--set", "data.held_out_episodes=0"]
    run("steps", file, "--output", tmp_path / "steps", *settings)
    run("export", file, tmp_path / "export.jsonl", "--to", "steps", *settings)
    assert read_steps(tmp_path / "export.jsonl") == read_steps(tmp_path / "steps" / "train.jsonl")
    assert capsys.readouterr().out.count("gates: 4 of 5 episodes kept") == 2


def test_an_episode_of_an_evaluation_set_is_found(file: Path, tmp_path: Path, capsys: Output) -> None:
    row = {"instance_id": "o__r-2", "repo": "o/r", "base_commit": "0" * 40, "problem_statement": "mend 2"}
    (tmp_path / "eval.jsonl").write_text(json.dumps(row), encoding="utf-8")
    run("stats", file, "--gates", "contamination", "--evaluation", tmp_path / "eval.jsonl")
    out = capsys.readouterr().out
    assert "contamination: run-2: " in out and "run-0: " not in out


def test_a_broken_evaluation_set_names_setting_and_file(file: Path, tmp_path: Path) -> None:
    (tmp_path / "eval.jsonl").write_text('{"no": 1}', encoding="utf-8")
    with pytest.raises(ParseError, match=r"data\.evaluation_sets: .*eval\.jsonl"):
        run("steps", file, "--output", tmp_path / "out", "--evaluation", tmp_path / "eval.jsonl")


def test_real_evaluation_rows_meet_real_episodes(shared_data: Path, capsys: Output) -> None:
    verified = shared_data / "swe-tasks" / "SWE-bench_Verified.test.2026-08-10.parquet"
    source = shared_data / "trajectories" / "mini-swe-agent"
    run("stats", source, "--gates", "contamination", "--evaluation", verified)
    tasks = set(pyarrow.parquet.read_table(verified)["instance_id"].to_pylist())
    known = sum(path.name.removesuffix(".traj.json") in tasks for path in source.iterdir())
    assert 0 < known < 9
    assert f"gates: {9 - known} of 9 episodes kept" in capsys.readouterr().out
