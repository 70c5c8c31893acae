"""Finds the XML function calls that agents of the OpenHands family write into their messages, in linear time."""

from __future__ import annotations

import re
from bisect import bisect_left

from trajectories.formats.chat import ChatMessage
from trajectories.formats.tools import canonical_action
from trajectories.records import Action
from trajectories.render import NAME

_OPEN = re.compile(rf"<function=({NAME.pattern})>", re.ASCII)
_PARAMETER = re.compile(rf"<parameter=({NAME.pattern})>", re.ASCII)
# Foreign text is not escaped, so a value ends only at a closing tag that another tag follows.
_VALUE_END = re.compile(rf"</parameter>\s*(?=<parameter={NAME.pattern}>|</function>)", re.ASCII)
_SPACE = re.compile(r"\s*")
_CLOSE = "</function>"
_THINK, _THINK_END = "<think>", "</think>"


def find_calls(message: ChatMessage) -> ChatMessage:
    """An assistant's message with the calls in its text as its calls; any other message as it is."""
    if message.role != "assistant" or message.calls:
        return message
    reasoning, said = _apart(message)
    text, actions = split_calls(said)
    thought = "\n\n".join(part for part in (reasoning, text) if part)
    unread = not actions and "<function=" in said
    return ChatMessage("assistant", thought, tuple(("", action) for action in actions), unread=unread)


def _apart(message: ChatMessage) -> tuple[str, str]:
    """What the model thought, in which a call is only an idea, and what it said."""
    said = message.text.removeprefix(message.reasoning).lstrip() if message.reasoning else message.text
    thoughts = [message.reasoning.strip()]
    while said.lstrip().startswith(_THINK):
        inside, closed, rest = said.lstrip().removeprefix(_THINK).partition(_THINK_END)
        if not closed:
            break
        thoughts.append(inside.strip())
        said = rest
    return "\n\n".join(filter(None, thoughts)), said


def split_calls(text: str) -> tuple[str, list[Action]]:
    """The text around the calls (their thought), and the calls in order; what is no whole call is left as text."""
    ends = [(found.start(), found.end()) for found in _VALUE_END.finditer(text)]
    outside: list[str] = []
    actions: list[Action] = []
    done = position = 0
    while (opened := _OPEN.search(text, position)) is not None:
        arguments, position, complete = _read_arguments(text, opened.end(), ends)
        if complete:
            outside.append(text[done : opened.start()])
            actions.append(canonical_action(opened[1], arguments))
            done = position
    outside.append(text[done:])
    return "\n\n".join(part.strip() for part in outside if part.strip()), actions


def _read_arguments(text: str, position: int, ends: list[tuple[int, int]]) -> tuple[list[tuple[str, str]], int, bool]:
    """Arguments from `position` on, where reading stopped, and whether that is behind a closing tag.

    The search for the next call goes on where a failed one stopped, which keeps the whole linear.
    """
    arguments: list[tuple[str, str]] = []
    while True:
        position = _skip_space(text, position)
        if text.startswith(_CLOSE, position):
            return arguments, position + len(_CLOSE), True
        opened = _PARAMETER.match(text, position)
        if opened is None:
            return arguments, position, False
        place = bisect_left(ends, (opened.end(), 0))
        if place == len(ends):
            return arguments, opened.end(), False
        arguments.append((opened[1], _unwrap(text[opened.end() : ends[place][0]])))
        position = ends[place][1]


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _unwrap(value: str) -> str:
    """OpenHands sets a value of several lines between line breaks of its own; they are no part of it."""
    if len(value) >= 2 and value.startswith("\n") and value.endswith("\n"):
        return value[1:-1]
    return value
