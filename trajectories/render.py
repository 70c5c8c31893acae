"""The one place where an Action becomes text and text an Action, exactly and in linear time."""

from __future__ import annotations

import re

from trajectories.errors import ParseError
from trajectories.records import Action

NAME = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
"""Tool and parameter names that can stand in the markup."""

_OPEN_FUNCTION = re.compile(rf"<function=({NAME.pattern})>\n", re.ASCII)
_OPEN_PARAMETER = re.compile(rf"<parameter=({NAME.pattern})>", re.ASCII)
_CLOSE_PARAMETER = "</parameter>"
_CLOSE_FUNCTION = "</function>"
# Closing tags inside a value get one backslash more on the way out and lose one on the way in; as every `<` starts
# at most one match, both substitutions are linear.
_TO_ESCAPE = re.compile(r"<(\\*/(?:parameter|function)>)")
_TO_UNESCAPE = re.compile(r"<\\(\\*/(?:parameter|function)>)")


def render_action(action: Action) -> str:
    """Canonical text of the action, the XML function form of the source family.

    `parse_action` is the exact inverse. Raises ParseError where a name cannot stand in the markup.
    """
    lines = [f"<function={_checked_name(action.tool, 'tool')}>"]
    for name, value in action.arguments:
        escaped = _TO_ESCAPE.sub(r"<\\\1", value)
        lines.append(f"<parameter={_checked_name(name, 'parameter')}>{escaped}{_CLOSE_PARAMETER}")
    return "\n".join([*lines, _CLOSE_FUNCTION])


def parse_action(text: str) -> Action:
    """The action whose canonical text is exactly `text`; ParseError says what is wrong and where."""
    action, end = scan_action(text)
    if end != len(text):
        raise _unexpected(text, end, "the end of the text after '</function>'")
    return action


def scan_action(text: str, start: int = 0) -> tuple[Action, int]:
    """Parse the one call that begins at offset `start`; returns it and the offset just behind `</function>`."""
    opened = _OPEN_FUNCTION.match(text, start)
    if opened is None:
        raise _unexpected(text, start, "'<function=NAME>' and a line break")
    position = opened.end()
    arguments: list[tuple[str, str]] = []
    while not text.startswith(_CLOSE_FUNCTION, position):
        argument, position = _scan_parameter(text, position)
        arguments.append(argument)
    return Action(opened[1], tuple(arguments)), position + len(_CLOSE_FUNCTION)


def body_text(action: Action) -> str:
    """Tool name and argument values, one a line, without tags or names: what the `body` reward compares."""
    return "\n".join([action.tool, *(value for _, value in action.arguments)])


def is_name(name: str) -> bool:
    """Whether a tool or parameter of that name can be rendered."""
    return NAME.fullmatch(name) is not None


def _scan_parameter(text: str, start: int) -> tuple[tuple[str, str], int]:
    opened = _OPEN_PARAMETER.match(text, start)
    if opened is None:
        raise _unexpected(text, start, "'<parameter=NAME>' or '</function>'")
    close = text.find(_CLOSE_PARAMETER, opened.end())
    if close < 0:
        raise _unexpected(text, len(text), f"'</parameter>' of parameter '{opened[1]}'")
    # A bare closing tag of the function inside a value would make two texts of one action.
    bare = text.find(_CLOSE_FUNCTION, opened.end(), close)
    if bare >= 0:
        raise _unexpected(text, bare, f"'</parameter>' of parameter '{opened[1]}'")
    position = close + len(_CLOSE_PARAMETER)
    if not text.startswith("\n", position):
        raise _unexpected(text, position, "a line break after '</parameter>'")
    return (opened[1], _TO_UNESCAPE.sub(r"<\1", text[opened.end() : close])), position + 1


def _checked_name(name: str, what: str) -> str:
    if not is_name(name):
        raise ParseError(f"action: {what} name {name[:80]!r} cannot be rendered; expected {NAME.pattern}")
    return name


def _unexpected(text: str, position: int, expected: str) -> ParseError:
    line = text.count("\n", 0, position) + 1
    found = repr(text[position : position + 40]) if position < len(text) else "the end of the text"
    return ParseError(f"action: expected {expected} at character {position} (line {line}), found {found}")
