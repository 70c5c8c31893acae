"""Logged model calls: continued, condensed, restarted and foreign ones; each message of each file is accounted for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trajectory_samples import bash, call, says

from trajectories.bundles import COMPLETIONS_KEY
from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.formats.openhands_completions import count_messages, looks_like, read_row
from trajectories.formats.task_names import name_by_text
from trajectories.report import Reading, Where

HEAD = [says("system", "be good"), says("user", "fix it")]


def answer(name: str, **more: Any) -> dict[str, Any]:
    """A response that runs a command of that name; its call has an id of the same name."""
    return {"role": "assistant", "content": None, "tool_calls": [call("execute_bash", {"command": name}, name)], **more}


def seen(name: str) -> dict[str, Any]:
    """The turn of that name as later calls repeat it: content in parts, without the response's nulls."""
    return {"role": "assistant", "content": [{"type": "text", "text": ""}], "tool_calls": answer(name)["tool_calls"]}


def out(name: str) -> dict[str, Any]:
    return says("tool", f"{name} done", tool_call_id=name)


def logged(messages: list[Any], response: dict[str, Any] | None) -> dict[str, Any]:
    choices = [] if response is None else [{"message": response}]
    return {"messages": messages, "response": {"model": "m", "choices": choices}}


def read(*calls: dict[str, Any]) -> Reading:
    row = {COMPLETIONS_KEY: list(calls), "folder": "a__b-1"}
    reading = read_row(row, Where("f", 1))
    assert reading.kept + reading.merged + sum(reading.dropped.values()) == count_messages(row)
    return reading


def commands(reading: Reading) -> list[str]:
    return [dict(turn.action.arguments)["command"] for turn in reading.episode.turns]


def lost(reading: Reading, reason: str) -> int:
    return sum(number for name, number in reading.dropped.items() if reason in name)


def raw_calls(shared_data: Path) -> dict[str, list[dict[str, Any]]]:
    """Folder to its calls, the longest last."""
    folder = shared_data / "trajectories" / "openhands-llm-completions"
    calls = {one.name: [json.loads(file.read_text()) for file in one.iterdir()] for one in sorted(folder.iterdir())}
    return {name: sorted(found, key=lambda one: len(one["messages"])) for name, found in calls.items()}


def test_every_message_of_every_real_file_is_accounted_for(shared_data: Path) -> None:
    calls = [one for found in raw_calls(shared_data).values() for one in found]
    _, report = read_episodes(shared_data / "trajectories" / "openhands-llm-completions")
    assert (report.formats, report.episodes_dropped) == ({"openhands-completions": 8}, 0)
    assert report.messages_read == sum(len(one["messages"]) + 1 for one in calls) == 388
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read


def test_the_real_turns_are_the_calls_of_the_longest_file_and_its_response(shared_data: Path) -> None:
    episodes, _ = read_episodes(shared_data / "trajectories" / "openhands-llm-completions")
    turns = {episode.instance_id: len(episode.turns) for episode in episodes}
    expected = {}
    for name, calls in raw_calls(shared_data).items():
        messages = [*calls[-1]["messages"], calls[-1]["response"]["choices"][0]["message"]]
        expected[name] = sum(len(message.get("tool_calls") or []) for message in messages)
    assert turns == expected
    assert sum(turns.values()) == 101


def test_a_real_file_alone_gives_the_episode_of_its_folder(shared_data: Path) -> None:
    folder = shared_data / "trajectories" / "openhands-llm-completions" / "astropy__astropy-7336"
    [file] = folder.iterdir()
    [alone], _ = read_episodes(file)
    [whole], _ = read_episodes(folder)
    assert (alone.traj_id, alone.turns, alone.instance_id) == (whole.traj_id, whole.turns, "astropy__astropy-7336")


def test_a_call_goes_on_behind_what_it_repeats() -> None:
    reading = read(logged(HEAD, answer("a")), logged([*HEAD, seen("a"), out("a")], answer("b")))
    assert commands(reading) == ["a", "b"]
    assert reading.episode.turns[0].observation == "a done"
    assert lost(reading, "repeated") == 3


def test_calls_that_were_not_logged_leave_no_gap_where_a_later_one_repeats_them() -> None:
    late = logged([*HEAD, seen("a"), out("a"), seen("b"), out("b")], answer("c"))
    assert commands(read(logged(HEAD, answer("a")), late)) == ["a", "b", "c"]


def test_a_condensed_call_goes_on_behind_the_last_message_it_shares() -> None:
    first = logged([*HEAD, seen("a"), out("a"), seen("b"), out("b")], answer("c"))
    condensed = logged([*HEAD, says("user", "summary of a and b"), seen("c"), out("c")], answer("d"))
    reading = read(first, condensed)
    assert commands(reading) == ["a", "b", "c", "d"]
    assert (lost(reading, "condensation"), lost(reading, "repeated")) == (1, 3)


def test_a_masked_observation_does_not_replace_the_one_that_was_seen() -> None:
    masked = [*HEAD, seen("a"), says("tool", "<MASKED>", tool_call_id="a"), seen("b"), out("b")]
    reading = read(logged([*HEAD, seen("a"), out("a")], answer("b")), logged(masked, answer("c")))
    assert [turn.observation for turn in reading.episode.turns] == ["a done", "b done", ""]
    assert lost(reading, "condensation") == 1


def test_a_restarted_run_drops_the_attempt_before_it() -> None:
    first = [logged(HEAD, answer("a")), logged([*HEAD, seen("a"), out("a")], answer("b"))]
    reading = read(*first, logged(HEAD, answer("x")), logged([*HEAD, seen("x"), out("x")], answer("y")))
    assert commands(reading) == ["x", "y"]
    assert lost(reading, "abandoned") == 3


def test_a_call_that_was_repeated_counts_once_with_its_last_answer() -> None:
    reading = read(logged(HEAD, None), logged(HEAD, answer("a")), logged(HEAD, answer("b")))
    assert commands(reading) == ["b"]
    assert (lost(reading, "abandoned"), lost(reading, "repeated")) == (1, 4)


def test_calls_of_another_conversation_are_dropped_wherever_they_stand() -> None:
    side = logged([says("user", "Summarise this")], {"role": "assistant", "content": "a summary"})
    reading = read(side, logged(HEAD, answer("a")), side, logged([*HEAD, seen("a"), out("a")], answer("b")))
    assert commands(reading) == ["a", "b"]
    assert lost(reading, "another conversation") == 4


def test_the_reminder_that_only_the_newest_message_has_does_not_break_the_chain() -> None:
    reminder = "\n\nENVIRONMENT REMINDER: You have 9 turns left"
    first = logged([HEAD[0], says("user", f"fix it{reminder}")], answer("a"))
    reading = read(first, logged([*HEAD, seen("a"), says("tool", f"a done{reminder}", tool_call_id="a")], answer("b")))
    assert commands(reading) == ["a", "b"]
    assert not lost(reading, "another conversation")


def test_the_messages_with_function_calls_win_over_their_text_form() -> None:
    one = {
        "messages": [*HEAD, says("user", "example")],
        "response": {"choices": [{"message": says("assistant", "<function=execute_bash>")}]},
        "fncall_messages": HEAD,
        "fncall_response": {"choices": [{"message": answer("a")}]},
    }
    reading = read(one)
    assert (commands(reading), count_messages(one)) == (["a"], 3)


def test_calls_in_the_text_are_read_where_there_is_no_other_form() -> None:
    text = "I look\n<function=execute_bash>\n<parameter=command>ls</parameter>\n</function>"
    result = says("user", "EXECUTION RESULT of [execute_bash]:\na.py")
    reading = read(logged([*HEAD, says("assistant", text), result], answer("b")))
    turn = reading.episode.turns[0]
    assert (turn.thought, turn.action, turn.observation) == ("I look", bash("ls"), "a.py")


def test_a_turn_whose_arguments_are_broken_is_dropped_and_the_run_goes_on() -> None:
    broken = {"role": "assistant", "content": "", "tool_calls": [call("execute_bash", "{", "bad")]}
    reading = read(logged([*HEAD, broken, out("bad"), seen("a"), out("a")], answer("b")))
    assert commands(reading) == ["a", "b"]
    assert lost(reading, "turn whose call could not be read") == 1


def test_a_call_given_alone_is_named_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "x__y-3").mkdir()
    file = tmp_path / "x__y-3" / "m-1733340988.5.json"
    file.write_text(json.dumps(logged(HEAD, answer("a"))))
    [episode], report = read_episodes(file)
    assert (episode.instance_id, report.formats) == ("x__y-3", {"openhands-completions": 1})


def test_a_folder_that_names_no_task_leaves_it_to_the_tasks_text() -> None:
    row = {COMPLETIONS_KEY: [logged(HEAD, answer("a"))], "folder": "llm_completions"}
    episode = read_row(row, Where("f", 1)).episode
    assert episode.instance_id == name_by_text(episode.task)


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ([], "no user message"),
        ([7], "call 1: expected an object"),
        ([{"file": "m-1.json", "messages": "x"}], "m-1.json: messages: expected a list"),
        ([{"file": "m-1.json", "messages": [7]}], r"m-1.json: messages\[0\]: expected an object"),
        ([logged(HEAD, None)], "no action"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(calls: list[Any], message: str) -> None:
    with pytest.raises(ParseError, match=message):
        read_row({COMPLETIONS_KEY: calls, "folder": "a__b-1"}, Where("f", 1))


@pytest.mark.parametrize("row", [{"messages": []}, {"messages": [], "response": {}}, {"response": {"choices": []}}])
def test_other_rows_are_not_taken(row: dict[str, Any]) -> None:
    assert not looks_like(row)
