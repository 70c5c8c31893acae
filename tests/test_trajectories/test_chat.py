"""The rules by which messages become turns, seen through the SWE-Gym reader."""

from __future__ import annotations

from typing import Any

import pytest
from trajectory_samples import bash, call, says, swegym_row, swegym_turn

from trajectories.errors import ParseError
from trajectories.formats import find_reader
from trajectories.formats.chat import (
    AUTOMATIC_REPLY,
    CLOSING_WORDS,
    EARLY_MESSAGE,
    STRAY_OBSERVATION,
    SYSTEM_PROMPT,
    USER_REMARK,
)
from trajectories.records import Action, Turn
from trajectories.report import Reading, Where


def read(*messages: dict[str, Any], **more: Any) -> Reading:
    return find_reader("swegym-openhands").read_row(swegym_row(*messages, **more), Where("f.jsonl", 7))


def test_the_task_is_the_first_user_message() -> None:
    assert read(*swegym_turn()).episode.task == "fix it"


def test_a_turn_is_thought_canonical_action_and_bare_observation() -> None:
    assert read(*swegym_turn("ls", "a\r\nb")).episode.turns == (Turn("I look", bash("ls"), "a\r\nb"),)


def test_the_name_that_the_source_used_is_kept() -> None:
    assert read(*swegym_turn()).episode.turns[0].action.original == "execute_bash"


def test_arguments_keep_their_order_and_values_that_are_no_text_become_json() -> None:
    arguments = '{"path": "a", "view_range": [1, 20], "all": true, "none": null, "n": 3}'
    action = read(says("assistant", None, tool_calls=[call("file_editor", arguments)])).episode.turns[0].action
    expected = (("path", "a"), ("view_range", "[1, 20]"), ("all", "true"), ("none", "null"), ("n", "3"))
    assert action == Action("str_replace_editor", expected)


def test_arguments_may_be_an_object_or_absent() -> None:
    plain = {"id": "1", "function": {"name": "bash", "arguments": {"command": "ls"}}}
    none = {"id": "2", "function": {"name": "finish", "arguments": ""}}
    turns = read(says("assistant", "", tool_calls=[plain, none])).episode.turns
    assert [turn.action for turn in turns] == [bash("ls"), Action("submit")]


def test_several_calls_of_one_turn_are_split_in_order_with_the_thought_on_the_first() -> None:
    calls = [call("bash", {"command": c}, c) for c in "abc"]
    answers = [says("tool", f"out {c}", tool_call_id=c) for c in "cab"]
    turns = read(says("assistant", "three things", tool_calls=calls), *answers).episode.turns
    assert turns == (
        Turn("three things", bash("a"), "out a"),
        Turn("", bash("b"), "out b"),
        Turn("", bash("c"), "out c"),
    )


def test_observations_without_an_id_answer_in_order() -> None:
    calls = [call("bash", {"command": c}, c) for c in "ab"]
    turns = read(says("assistant", "", tool_calls=calls), says("tool", "1"), says("tool", "2")).episode.turns
    assert [turn.observation for turn in turns] == ["1", "2"]


def test_a_user_message_after_an_open_call_is_its_observation() -> None:
    start = swegym_turn()[0]
    assert read(start, says("user", "OBSERVATION:\nout")).episode.turns[0].observation == "out"


@pytest.mark.parametrize("place", [1, 2])
def test_a_user_message_beside_answers_with_ids_is_no_observation(place: int) -> None:
    messages = swegym_turn()
    reading = read(*messages[:place], says("user", "hurry up"), *messages[place:])
    assert [turn.observation for turn in reading.episode.turns] == ["file"]
    assert (reading.kept, reading.merged, reading.dropped) == (3, 0, {SYSTEM_PROMPT: 1, USER_REMARK: 1})


def test_a_turn_without_a_call_is_folded_into_the_next_thought_and_its_reply_dropped() -> None:
    reading = read(
        says("assistant", "first I think"), says("user", "Please continue"), says("assistant", "more"), *swegym_turn()
    )
    assert reading.episode.turns[0].thought == "first I think\n\nmore\n\nI look"
    assert (reading.kept, reading.merged, reading.dropped) == (3, 2, {SYSTEM_PROMPT: 1, AUTOMATIC_REPLY: 1})


def test_closing_words_without_an_action_are_dropped_and_counted() -> None:
    reading = read(*swegym_turn(), says("assistant", "all done"))
    assert reading.dropped[CLOSING_WORDS] == 1
    assert len(reading.episode.turns) == 1


def test_a_second_observation_of_one_call_is_merged() -> None:
    reading = read(*swegym_turn(), says("tool", "late", tool_call_id="c1"))
    assert reading.episode.turns[0].observation == "file\nlate"
    assert reading.merged == 1


def test_an_observation_before_any_action_is_dropped_and_counted() -> None:
    reading = read(says("tool", "stray"), says("user", "hint"), *swegym_turn())
    assert (reading.dropped[STRAY_OBSERVATION], reading.dropped[EARLY_MESSAGE]) == (1, 1)


def test_a_last_call_without_an_observation_has_an_empty_one() -> None:
    assert read(says("assistant", "", tool_calls=[call("finish", {})])).episode.turns[0].observation == ""


def test_content_may_be_a_list_of_parts() -> None:
    parts = [{"type": "text", "text": "OBSERVATION:\nout"}, {"type": "image_url", "image_url": {}}, "!"]
    assert read(swegym_turn()[0], says("tool", parts)).episode.turns[0].observation == "out[image_url]!"


def test_the_run_is_part_of_the_id_and_the_place_is_kept() -> None:
    episode = read(*swegym_turn()).episode
    assert (episode.instance_id, episode.traj_id, episode.resolved) == ("a__b-1", "a__b-1@run_1", True)
    assert (episode.meta["file"], episode.meta["index"]) == ("f.jsonl", "7")


@pytest.mark.parametrize(
    ("messages", "more", "message"),
    [
        ([], {}, "no action"),
        (
            [says("assistant", 3)],
            {},
            "messages[2].content: expected text, a list of parts or null, found a whole number",
        ),
        ([3], {}, "messages[2]: expected an object, found a whole number"),
        ([says(None, "x")], {}, "messages[2].role: expected text, found null"),
        (
            [says("assistant", "", tool_calls={})],
            {},
            "messages[2].tool_calls: expected a list or null, found an object",
        ),
        ([says("assistant", "", tool_calls=[call("bash", "{")])], {}, "arguments: expected a JSON object as text"),
        (
            [says("assistant", "", tool_calls=[call("bash", "[1]")])],
            {},
            "arguments: expected a JSON object, found a list",
        ),
        ([says("assistant", "", tool_calls=[call("a b", {})])], {}, "name of a tool or parameter"),
        ([says("assistant", "", tool_calls=[call("bash", {"a b": 1})])], {}, "name of a tool or parameter"),
        ([says("assistant", [3])], {}, "messages[2].content[0]: expected text or an object"),
        (swegym_turn(), {"resolved": "yes"}, "resolved: expected true, false or null, found text"),
        (swegym_turn(), {"instance_id": ""}, "instance_id: expected text, found only blanks"),
        (swegym_turn(), {"run_id": 3}, "run_id: expected text, found a whole number"),
        ([], {"messages": [says("assistant", "", tool_calls=[call("bash", {})])]}, "no user message"),
        ([], {"messages": "x"}, "messages: expected a list, found text"),
    ],
)
def test_a_broken_row_names_the_field(messages: list[Any], more: dict[str, Any], message: str) -> None:
    with pytest.raises(ParseError) as error:
        read(*messages, **more)
    assert message in str(error.value)


def test_a_late_answer_goes_to_the_call_of_its_id_and_an_unknown_id_to_none() -> None:
    first = says("assistant", "", tool_calls=[call("bash", {"command": "a"}, "a")])
    second = says("assistant", "", tool_calls=[call("bash", {"command": "b"}, "b")])
    answers = [says("tool", "late a", tool_call_id="a"), says("tool", "?", tool_call_id="z")]
    reading = read(first, second, *answers, says("tool", "b", tool_call_id="b"))
    assert [turn.observation for turn in reading.episode.turns] == ["late a", "b"]
    assert reading.dropped[STRAY_OBSERVATION] == 1


def test_the_answer_to_a_legacy_function_call_is_its_observation() -> None:
    called = says("assistant", "", function_call={"name": "bash", "arguments": '{"command": "ls"}'})
    row = swegym_row(*swegym_turn(), called, says("function", "a.py", name="bash"))
    turns = find_reader("swegym-openhands").read_row(row, Where("f.jsonl", 1)).episode.turns
    assert (turns[-1].action, turns[-1].observation) == (bash("ls"), "a.py")


@pytest.mark.parametrize(("given", "read_as"), [(1, True), (0, False), (None, None), (True, True)])
def test_an_outcome_may_be_a_number_of_a_table(given: object, read_as: bool | None) -> None:
    assert read(*swegym_turn(), resolved=given).episode.resolved is read_as
