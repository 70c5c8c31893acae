"""Nebius' rows of SWE-agent: the real ones are accounted for message by message, and each trap by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.formats.nebius import count_messages, looks_like, read_row
from trajectories.formats.sweagent_messages import DEMONSTRATION
from trajectories.render import parse_action, render_action
from trajectories.report import Where

WHERE = Where("f.jsonl", 1)


def says(role: str, text: str | None, system_prompt: str | None = None) -> dict[str, Any]:
    return {"role": role, "text": text, "system_prompt": system_prompt, "mask": False, "cutoff_date": None}


def row(*turns: dict[str, Any], **more: Any) -> dict[str, Any]:
    opening = [says("system", None, "be good"), says("user", "fix it")]
    return {"instance_id": "a__b-1", "target": True, "trajectory": [*opening, *turns], **more}


def test_the_real_rows_are_accounted_for(shared_data: Path) -> None:
    path = shared_data / "trajectories" / "nebius-sweagent.jsonl"
    raw = [json.loads(line) for line in path.read_text().splitlines()]
    episodes, report = read_episodes(path)
    assert report.formats == {"nebius-sweagent": 5}
    assert report.messages_read == sum(len(one["trajectory"]) for one in raw)
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read
    assert [len(e.turns) for e in episodes] == [sum(t["role"] == "ai" for t in one["trajectory"]) for one in raw]
    assert [e.resolved for e in episodes] == [one["target"] for one in raw]
    actions = [turn.action for episode in episodes for turn in episode.turns]
    assert all(parse_action(render_action(action)) == action for action in actions)


def test_the_number_of_the_run_is_no_part_of_the_task() -> None:
    episode = read_row(row(says("ai", "```\nls\n```"), instance_id="a__b-366_17"), WHERE).episode
    assert (episode.instance_id, episode.traj_id) == ("a__b-366", "a__b-366@17")


def test_demonstrations_are_dropped_and_counted() -> None:
    shown = says("user", "Here is a demonstration of how to correctly accomplish this task.\n...")
    turns = row(says("ai", "```\nls\n```"))
    turns["trajectory"].insert(1, shown)
    reading = read_row(turns, WHERE)
    assert (reading.episode.task, reading.dropped[DEMONSTRATION]) == ("fix it", 1)
    assert reading.kept + reading.merged + sum(reading.dropped.values()) == count_messages(turns) == 4


def test_a_turn_without_a_block_is_folded_into_the_next_thought() -> None:
    turns = row(says("ai", "no block"), says("user", "format!"), says("ai", "now\n```\nls\n```"), says("user", "a"))
    reading = read_row(turns, WHERE)
    assert [(t.thought, t.observation) for t in reading.episode.turns] == [("no block\n\nnow", "a")]
    assert reading.merged == 1


def test_the_harness_ending_the_run_is_no_turn_of_the_expert() -> None:
    reading = read_row(row(says("ai", "```\nls\n```"), says("user", "a"), says("ai", "Exit due to cost limit")), WHERE)
    assert (len(reading.episode.turns), reading.dropped["exit record"]) == (1, 1)


def test_a_broken_turn_is_named() -> None:
    with pytest.raises(ParseError, match=r"trajectory\[2\].role: missing"):
        read_row(row({"text": "x"}), WHERE)


@pytest.mark.parametrize("other", [{}, {"trajectory": []}, {"trajectory": [{"action": "ls", "response": "x"}]}])
def test_other_rows_are_not_taken(other: dict[str, Any]) -> None:
    assert not looks_like(other)
