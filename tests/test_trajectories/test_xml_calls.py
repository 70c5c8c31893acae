"""Calls in foreign text: found whole, or left as text."""

from __future__ import annotations

from typing import Any

import pytest
from trajectory_samples import bash, says, swesmith_row

from trajectories.formats import find_reader
from trajectories.formats.chat import UNREAD_CALL, UNREAD_REPLY
from trajectories.formats.xml_calls import split_calls
from trajectories.records import Action
from trajectories.report import Where


def xml(value: str, tool: str = "bash", parameter: str = "command") -> str:
    return f"<function={tool}>\n<parameter={parameter}>{value}</parameter>\n</function>"


@pytest.mark.parametrize(
    ("text", "thought", "actions"),
    [
        ("look:\n\n" + xml("ls"), "look:", [bash("ls")]),
        ("<function=submit>\n</function>", "", [Action("submit")]),
        ("a\n" + xml("x") + "\nb\n" + xml("y") + "\nc", "a\n\nb\n\nc", [bash("x"), bash("y")]),
        ("no call", "no call", []),
        ("<function=bash> is how one calls\n" + xml("ls"), "<function=bash> is how one calls", [bash("ls")]),
        ("<function=bash>\n<parameter=command>ls", "<function=bash>\n<parameter=command>ls", []),
    ],
)
def test_calls_are_split_from_the_thought_around_them(text: str, thought: str, actions: list[Action]) -> None:
    assert split_calls(text) == (thought, actions)


def test_line_breaks_that_wrap_a_value_of_several_lines_are_no_part_of_it() -> None:
    assert split_calls(xml("\n    a\n  b\n"))[1] == [bash("    a\n  b")]


def test_only_one_line_break_is_taken_from_each_side() -> None:
    assert split_calls(xml("\n\na\n\n"))[1] == [bash("\na\n")]


@pytest.mark.parametrize("value", ["echo '</parameter>' | wc", "echo '</function>'", "<parameter=x>", r"<\/parameter>"])
def test_tags_inside_a_value_do_not_end_it(value: str) -> None:
    assert split_calls(xml(value))[1] == [bash(value)]


@pytest.mark.parametrize(
    "unit",
    [
        "<function=a>",
        "<function=a>\n<parameter=b>",
        "</parameter>",
        "</parameter>\n",
        xml("x")[:-1],
        "</parameter> \n x",
    ],
)
def test_a_megabyte_of_broken_markup_is_read_in_one_pass(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    assert isinstance(split_calls(text + "</function>")[1], list)


def test_the_reader_pairs_calls_with_the_user_messages_that_follow() -> None:
    row = swesmith_row(says("assistant", "look " + xml("ls")), says("user", "OBSERVATION:\nfile"))
    turn = find_reader("swesmith-xml").read_row(row, Where("f", 1)).episode.turns[0]
    assert (turn.thought, turn.action, turn.observation) == ("look", bash("ls"), "file")


def test_a_call_that_cannot_be_read_is_dropped_with_its_observation_and_said_so() -> None:
    row = swesmith_row(
        says("assistant", "broken\n<function=bash>\n<parameter=command>ls"),
        says("user", "OBSERVATION:\nunknown"),
        says("assistant", "whole\n" + xml("pwd")),
        says("user", "OBSERVATION:\n/repo"),
    )
    reading = find_reader("swesmith-xml").read_row(row, Where("f.jsonl", 1))
    assert [(turn.thought, turn.observation) for turn in reading.episode.turns] == [("whole", "/repo")]
    assert reading.dropped[UNREAD_CALL] == reading.dropped[UNREAD_REPLY] == 1


@pytest.mark.parametrize(
    "message",
    [
        says("assistant", xml("ls"), reasoning_content="maybe " + xml("rm -rf /") + " but no"),
        says("assistant", "<think>maybe " + xml("rm -rf /") + " but no</think>\n" + xml("ls")),
    ],
)
def test_a_call_that_was_only_thought_of_is_no_action(message: dict[str, Any]) -> None:
    row = swesmith_row(message, says("user", "OBSERVATION:\na.py"))
    (turn,) = find_reader("swesmith-xml").read_row(row, Where("f.jsonl", 1)).episode.turns
    assert (turn.action, turn.observation) == (bash("ls"), "a.py")
    assert "rm -rf /" in turn.thought
