"""Names of tasks whose source states none: two tasks never share one, and the runs of one task do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trajectory_samples import call, says

from trajectories.formats import read_episodes
from trajectories.formats.task_names import name_by_file, name_by_text
from trajectories.report import Where

CALL = says("assistant", "", tool_calls=[call("bash", {"command": "ls"})])


def mini(task: str) -> dict[str, Any]:
    return {"trajectory_format": "mini-swe-agent-1.1", "messages": [says("user", task), CALL]}


def sweagent(task: str) -> dict[str, Any]:
    return {"history": [says("user", task), {**CALL, "agent": "main"}], "trajectory": [], "info": {}}


def atif(task: str) -> dict[str, Any]:
    calls = [{"tool_call_id": "1", "function_name": "bash", "arguments": {"command": "ls"}}]
    steps = [{"source": "user", "message": task}, {"source": "agent", "message": "", "tool_calls": calls}]
    return {"schema_version": "ATIF-v1.5", "session_id": "s", "agent": {"name": "x"}, "steps": steps}


@pytest.mark.parametrize("make", [mini, sweagent, atif])
@pytest.mark.parametrize("name", ["trajectory.json", "result.json", "output.traj"])
def test_files_that_every_run_calls_the_same_are_named_by_their_folder(make: Any, name: str, tmp_path: Path) -> None:
    for task in ("fix-a", "fix-b"):
        (tmp_path / task).mkdir()
        (tmp_path / task / name).write_text(json.dumps(make(task), indent=1))
    assert [episode.instance_id for episode in read_episodes(tmp_path)[0]] == ["fix-a", "fix-b"]


@pytest.mark.parametrize("make", [mini, sweagent, atif])
def test_rows_of_one_file_are_named_by_their_tasks(make: Any, tmp_path: Path) -> None:
    (tmp_path / "all.traj.jsonl").write_text("".join(json.dumps(make(task)) + "\n" for task in ("a", "b", "a")))
    names = [episode.instance_id for episode in read_episodes(tmp_path)[0]]
    assert names == [name_by_text("a"), name_by_text("b"), name_by_text("a")]


@pytest.mark.parametrize(
    ("file", "index", "named"),
    [
        ("runs/a__b-1.traj.json", 1, ("a__b-1", "")),
        ("runs/a__b-1.traj.json.zst", 1, ("a__b-1", "")),
        ("runs/a__b-1.json", 1, ("a__b-1", "")),
        ("runs/a__b.1f2e3d4c.pr_5.traj", 1, ("a__b.1f2e3d4c.pr_5", "")),
        ("runs/a__b-1.traj.json", 2, ("", "")),
        ("runs/monday.json", 1, ("", "")),
        ("runs/monday.parquet", 1, ("", "")),
        ("runs/trajectory.json", 1, ("", "")),
        ("trajectory.json", 1, ("", "")),
        ("standard input", 1, ("", "")),
        ("jobs/fix-it__a1B2c3D/agent/trajectory.json", 1, ("fix-it", "a1B2c3D")),
        ("jobs\\fix-it\\trajectory.cont-1.json", 1, ("fix-it", "")),
    ],
)
def test_a_path_names_a_task_only_where_it_is_sure_to(file: str, index: int, named: tuple[str, str]) -> None:
    assert name_by_file(Where(file, index)) == named


def test_the_name_by_text_does_not_depend_on_white_space() -> None:
    assert name_by_text("a  b\n") == name_by_text("a b") != name_by_text("a c")
