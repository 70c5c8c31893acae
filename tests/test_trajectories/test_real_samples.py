"""The real files of the three foreign formats: all 35 episodes parse, and every message is accounted for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trajectories.formats import read_episodes
from trajectories.records import Episode
from trajectories.render import parse_action, render_action
from trajectories.report import LossReport
from trajectories.store import write_episodes

SOURCES = {
    "swegym-openhands": ("swegym-openhands.jsonl", 16, 340),
    "swesmith-xml": ("swesmith-xml.jsonl", 10, 326),
    "mini-swe-agent-v2": ("mini-swe-agent", 9, 425),
}
"""Format: file or folder, episodes, and calls counted in the raw text apart from the readers."""


def raw_rows(path: Path) -> list[dict[str, Any]]:
    if path.is_dir():
        return [json.loads(file.read_text()) for file in sorted(path.glob("*.json"))]
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def raw_calls(message: dict[str, Any]) -> int:
    """Calls of one raw message, counted in the plainest way there is."""
    if message["role"] != "assistant":
        return 0
    return len(message.get("tool_calls") or []) or (message["content"] or "").count("<function=")


@pytest.fixture(scope="module", params=list(SOURCES))
def source(request: pytest.FixtureRequest, shared_data: Path) -> tuple[str, Path, list[Episode], LossReport]:
    path = shared_data / "trajectories" / SOURCES[request.param][0]
    return (request.param, path, *read_episodes(path))


Source = tuple[str, Path, list[Episode], LossReport]


def test_every_episode_is_read_under_its_format(source: Source) -> None:
    name, _, episodes, report = source
    assert len(episodes) == SOURCES[name][1]
    assert (report.formats, report.episodes_dropped) == ({name: SOURCES[name][1]}, 0)


def test_there_are_as_many_turns_as_calls_in_the_raw_file(source: Source) -> None:
    name, path, episodes, _ = source
    turns = sum(len(episode.turns) for episode in episodes)
    assert turns == sum(raw_calls(m) for row in raw_rows(path) for m in row["messages"]) == SOURCES[name][2]


def test_kept_merged_and_dropped_messages_are_those_of_the_raw_file(source: Source) -> None:
    _, path, _, report = source
    assert report.messages_read == sum(len(row["messages"]) for row in raw_rows(path))
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read


def test_each_action_makes_the_round_trip(source: Source) -> None:
    for episode in source[2]:
        for turn in episode.turns:
            assert parse_action(render_action(turn.action)) == turn.action


def test_each_run_has_an_id_of_its_own(source: Source) -> None:
    assert len({episode.traj_id for episode in source[2]}) == len(source[2])


def test_each_action_but_the_last_has_an_observation_without_its_label(source: Source) -> None:
    for episode in source[2]:
        assert all(turn.observation for turn in episode.turns[:-1])
        assert not any(turn.observation.lower().startswith("observation:") for turn in episode.turns)


def test_writing_and_reading_changes_nothing(source: Source, tmp_path: Path) -> None:
    write_episodes(tmp_path / "e.jsonl", source[2])
    assert read_episodes(tmp_path / "e.jsonl")[0] == source[2]


def test_a_run_that_failed_before_its_first_action_is_a_reported_drop(shared_data: Path) -> None:
    episodes, report = read_episodes(shared_data / "trajectories" / "mini-swe-agent-failed")
    assert (len(episodes), report.episodes_dropped) == (1, 2)
    assert all("no action" in drop.reason for drop in report.drops if drop.what == "episode")


def test_carriage_returns_are_kept(shared_data: Path) -> None:
    path = shared_data / "trajectories" / "swegym-openhands.jsonl"
    tool_texts = [m["content"] for row in raw_rows(path) for m in row["messages"] if m["role"] == "tool"]
    episodes, _ = read_episodes(path)
    kept = sum(turn.observation.count("\r") for episode in episodes for turn in episode.turns)
    assert kept == sum(text.count("\r") for text in tool_texts) > 0
