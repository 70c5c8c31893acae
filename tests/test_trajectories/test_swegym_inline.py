"""SWE-Gym's inline-text rows: detection, ids, labels, and the books of the real file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trajectory_samples import says

from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.formats.swegym_inline import read_row
from trajectories.records import Action
from trajectories.report import Where

FILE = "swegym-openhands-inline-text.jsonl"
CALL = "I look\n\n<function=execute_bash>\n<parameter=command>\nls\n</parameter>\n</function>"
RESULT = "EXECUTION RESULT of [execute_bash]:\na.py"


def conversation(*turns: tuple[str, str], **more: Any) -> dict[str, Any]:
    said = [{"from": speaker, "value": value} for speaker, value in (("human", "fix it"), *turns)]
    return {"id": "a__b-1_7", "conversations": said, "system": "be good", **more}


def read(row: dict[str, Any]) -> Any:
    return read_row(row, Where("a.jsonl", 1)).episode


def test_the_id_is_the_task_with_the_number_of_the_run() -> None:
    episode = read(conversation(("function_call", CALL)))
    assert (episode.instance_id, episode.traj_id) == ("a__b-1", "a__b-1@7")


def test_the_call_is_canonical_and_the_observation_has_no_label() -> None:
    (turn,) = read(conversation(("function_call", CALL), ("observation", RESULT))).turns
    assert (turn.thought, turn.action, turn.observation) == ("I look", Action("bash", (("command", "ls"),)), "a.py")


def test_words_without_a_call_are_folded_into_the_next_thought_and_their_reply_is_dropped() -> None:
    talk = [("gpt", "it seems done"), ("human", "Please continue")]
    reading = read_row(
        conversation(("function_call", CALL), ("observation", RESULT), *talk, ("gpt", CALL)), Where("a", 1)
    )
    assert reading.episode.turns[1].thought == "it seems done\n\nI look"
    assert (reading.merged, sum(reading.dropped.values())) == (1, 2)  # the reply, and the system prompt


def test_bare_messages_get_the_digest_of_their_task_as_its_name(tmp_path: Path) -> None:
    row = {"messages": [says("user", "fix it"), says("assistant", CALL), says("user", RESULT)]}
    other = {"messages": [says("user", "fix it"), says("assistant", CALL + "\n")]}
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps(row)}\n{json.dumps(other)}\n")
    episodes, report = read_episodes(path)
    assert report.formats == {"swegym-inline": 2}
    assert {e.instance_id for e in episodes} == {episodes[0].instance_id} and len({e.traj_id for e in episodes}) == 2
    assert episodes[0].instance_id.startswith("task-") and episodes[0].turns[0].observation == "a.py"


def test_a_turn_that_is_no_object_is_named() -> None:
    with pytest.raises(ParseError, match=r"conversations\[1\]: expected an object, found text"):
        read({"id": "a_1", "conversations": [{"from": "human", "value": "x"}, "y"]})


def test_the_real_file_is_read_whole_and_its_books_balance(shared_data: Path) -> None:
    path = shared_data / "trajectories" / FILE
    rows = [json.loads(line) for line in path.read_text().split("\n") if line]
    episodes, report = read_episodes(path)
    assert report.formats == {"swegym-inline": len(rows)} and report.episodes_dropped == 0
    assert report.messages_read == sum(len(row["conversations"]) + 1 for row in rows) == 97
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read
    calls = [sum("<function=" in turn["value"] for turn in row["conversations"]) for row in rows]
    assert [len(episode.turns) for episode in episodes] == calls == [21, 9, 11]
    assert not any(turn.observation.startswith("EXECUTION") for e in episodes for turn in e.turns)
    assert all(turn.observation for e in episodes for turn in e.turns[:-1])
