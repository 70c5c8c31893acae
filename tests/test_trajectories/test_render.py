"""Action and text: an exact round trip, and errors that name the place."""

from __future__ import annotations

import pytest
from hypothesis import given
from trajectory_samples import ACTIONS, TEXT, bash

from trajectories.errors import ParseError
from trajectories.records import Action
from trajectories.render import body_text, parse_action, render_action, scan_action

LS = "<function=bash>\n<parameter=command>ls -la</parameter>\n</function>"


def test_the_text_is_the_form_that_the_paper_prints() -> None:
    assert render_action(bash("ls -la")) == LS


def test_an_action_without_arguments_is_two_lines() -> None:
    assert render_action(Action("submit")) == "<function=submit>\n</function>"


@given(ACTIONS)
def test_parsing_undoes_rendering(action: Action) -> None:
    assert parse_action(render_action(action)) == action


@given(TEXT)
def test_a_text_that_parses_is_the_only_text_of_its_action(value: str) -> None:
    text = f"<function=bash>\n<parameter=command>{value}</parameter>\n</function>"
    try:
        action = parse_action(text)
    except ParseError:
        return
    assert render_action(action) == text


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("a </parameter> b", r"a <\/parameter> b"),
        (r"a <\/parameter> b", r"a <\\/parameter> b"),
        ("</function>", r"<\/function>"),
        (r"if a < b: \n </div> <\x", r"if a < b: \n </div> <\x"),
        ("<function=x> <parameter=y>", "<function=x> <parameter=y>"),
    ],
)
def test_only_closing_tags_are_escaped(value: str, rendered: str) -> None:
    assert f"<parameter=command>{rendered}</parameter>" in render_action(bash(value))


@pytest.mark.parametrize("unit", ["x", "<", "\\", "<\\", "</parameter>", "<\\\\/function", "\n", "<function=a>\n"])
def test_a_megabyte_of_anything_makes_the_round_trip(unit: str) -> None:
    action = bash(unit * (1_000_000 // len(unit)))
    assert parse_action(render_action(action)) == action


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected '<function=NAME>' and a line break at character 0 (line 1), found the end of the text"),
        ("ls -la", "at character 0 (line 1), found 'ls -la'"),
        (" " + LS, "at character 0 (line 1)"),
        (LS + "\n", "expected the end of the text after '</function>' at character 65 (line 3)"),
        (LS + LS, "expected the end of the text after '</function>'"),
        ("<function=bash>", "expected '<function=NAME>' and a line break"),
        ("<function=>\n</function>", "expected '<function=NAME>'"),
        ("<function=a b>\n</function>", "expected '<function=NAME>'"),
        ("<function=bash>\nls\n</function>", "expected '<parameter=NAME>' or '</function>' at character 16 (line 2)"),
        ("<function=bash>\n<parameter=command>ls", "expected '</parameter>' of parameter 'command'"),
        ("<function=bash>\n<parameter=c></function>\n</parameter>\n</function>", "at character 29 (line 2)"),
        ("<function=bash>\n<parameter=c>a</parameter></function>", "expected a line break after '</parameter>'"),
        ("<function=bash>\n<parameter=c>a</parameter>\n", "found the end of the text"),
    ],
)
def test_an_error_says_what_is_wrong_and_where(text: str, message: str) -> None:
    with pytest.raises(ParseError) as error:
        parse_action(text)
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["", "a b", "a>b", "a\n", "ä", "a=b"])
def test_a_name_that_would_break_the_markup_is_refused(name: str) -> None:
    for action in (Action(name), Action("bash", ((name, "x"),))):
        with pytest.raises(ParseError, match=r"name .* cannot be rendered"):
            render_action(action)


def test_scanning_returns_the_call_at_an_offset_and_where_it_ends() -> None:
    text = f"see: {LS} and more"
    assert scan_action(text, 5) == (bash("ls -la"), 5 + len(LS))


def test_the_body_is_the_tool_and_the_values_alone() -> None:
    action = Action("str_replace_editor", (("command", "view"), ("path", "a </parameter>")))
    assert body_text(action) == "str_replace_editor\nview\na </parameter>"
