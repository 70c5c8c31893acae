"""Episodes and steps on disk: equal when read back, and never half a file."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trajectory_samples import EPISODES, STEPS, episode

from trajectories.context import parse_context
from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.records import Episode, StepExample
from trajectories.steps import make_steps
from trajectories.store import read_steps, write_episodes, write_steps


def step(number: int = 0) -> StepExample:
    result = make_steps(episode(), context=parse_context("full"), system_prompt="s", max_observation_chars=100)
    return result.steps[number]


@settings(max_examples=60)
@given(st.lists(EPISODES, min_size=1, max_size=3, unique_by=lambda e: e.traj_id))
def test_episodes_read_back_equal_down_to_the_original_names(episodes: list[Episode]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_episodes(Path(folder, "e.jsonl"), episodes)
        again, report = read_episodes(Path(folder, "e.jsonl"))
    assert again == episodes
    assert [t.action.original for e in again for t in e.turns] == [t.action.original for e in episodes for t in e.turns]
    assert report.messages_kept == sum(len(e.turns) for e in episodes)


@settings(max_examples=60)
@given(st.lists(STEPS, min_size=1, max_size=3))
def test_steps_read_back_equal(steps: list[StepExample]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert write_steps(Path(folder, "s.jsonl"), steps) == len(steps)
        assert read_steps(Path(folder, "s.jsonl")) == steps


def test_a_line_of_episodes_names_its_schema(tmp_path: Path) -> None:
    write_episodes(tmp_path / "e.jsonl", [episode()])
    assert json.loads((tmp_path / "e.jsonl").read_text())["schema"] == "srl-agent/episode-1"


def test_a_line_of_steps_has_the_columns_that_trainers_read(tmp_path: Path) -> None:
    write_steps(tmp_path / "s.jsonl", [step()])
    row = json.loads((tmp_path / "s.jsonl").read_text())
    columns = ["prompt", "expert_action", "expert_thought", "instance_id", "traj_id", "step", "n_steps", "source"]
    assert list(row) == [*columns, "resolved"]
    assert row["prompt"][0] == {"role": "system", "content": "s"}


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    write_episodes(tmp_path / "e.jsonl", [episode()])
    before = (tmp_path / "e.jsonl").read_bytes()

    def failing() -> Iterator[Episode]:
        yield episode("other")
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        write_episodes(tmp_path / "e.jsonl", failing())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("e.jsonl", before)]


def test_a_write_to_a_link_follows_it(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "far" / "e.jsonl")
    write_episodes(tmp_path / "link.jsonl", [episode()])
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len(read_episodes(tmp_path / "far" / "e.jsonl")[0]) == 1


def test_a_pipe_is_written_into_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.extend(pipe.read_text().splitlines()))
    reader.start()
    write_episodes(pipe, [episode()])
    reader.join(timeout=30)
    assert (len(read), pipe.is_fifo()) == (1, True)


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_episodes(tmp_path / "a" / "b" / "e.jsonl", [episode()])
    assert len(read_episodes(tmp_path / "a" / "b")[0]) == 1


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("step", "1", "s.jsonl:2: step: expected a whole number, found text"),
        ("prompt", [{"role": "user"}], "s.jsonl:2: prompt[0].content: missing"),
        ("prompt", None, "s.jsonl:2: prompt: expected a list, found null"),
        ("resolved", 2, "s.jsonl:2: resolved: expected true, false or null"),
    ],
)
def test_a_broken_step_names_file_line_and_field(tmp_path: Path, field: str, value: object, message: str) -> None:
    path = tmp_path / "s.jsonl"
    write_steps(path, [step(), step()])
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{json.dumps({**json.loads(second), field: value})}\n")
    with pytest.raises(ParseError) as error:
        read_steps(path)
    assert message in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_steps_that_cannot_be_read_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "s.jsonl").write_text(content)
    with pytest.raises(ParseError, match=r"s\.jsonl"):
        read_steps(tmp_path / "s.jsonl")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("schema", "srl-agent/episode-9", "schema: expected 'srl-agent/episode-1', found 'srl-agent/episode-9'"),
        ("turns", [], "turns: expected at least one"),
        ("turns", [1], "turns[0]: expected an object"),
        ("turns", [{"thought": "", "observation": "", "action": {"tool": "a", "arguments": [["x"]]}}], "arguments[0]"),
        ("turns", [{"thought": "", "observation": "", "action": {"tool": "a b", "arguments": []}}], "expected a name"),
        ("task", None, "task: expected text, found null"),
        ("meta", {"a": 1}, "meta.a: expected text, found a whole number"),
    ],
)
def test_a_broken_episode_names_the_field(tmp_path: Path, field: str, value: object, message: str) -> None:
    path = tmp_path / "e.jsonl"
    write_episodes(path, [episode()])
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(ParseError) as error:
        read_episodes(path)
    assert message in str(error.value)
