"""Finds the command that text agents write into a block of their message: fenced by backticks, or in `<command>`."""

from __future__ import annotations

import re

# As in SWE-agent's thought-action parser (sweagent/tools/parsing.py): a fence begins a line.
_FENCE = re.compile(r"^```([^\s`]*)[^\S\n]*(?:\n|\Z)", re.MULTILINE)
# As in mini-swe-agent 1 (minisweagent/agents/default.py): the opening fence may stand anywhere in a line.
_BASH_FENCE = re.compile(r"```(?:mswea_bash_command|bash)[^\S\n]*\n")
_BASH_END = "\n```"
_FIRST_TAG = re.compile(r"(?:^```([^\s`]*)|```([^\s`]+))[^\S\n]*$", re.MULTILINE)
_OPEN_COMMAND, _CLOSE_COMMAND = "<command>", "</command>"

Split = tuple[str, str] | None
"""Thought and command, None where there is no block."""


def last_block(text: str) -> Split:
    """The last block that stands in no other, and the text around it."""
    opened: list[re.Match[str]] = []
    found: tuple[re.Match[str], re.Match[str]] | None = None
    for fence in _FENCE.finditer(text):
        if not opened or fence[1]:
            opened.append(fence)
            continue
        start = opened.pop()
        if not opened:
            found = (start, fence)
    if found is None:
        return None
    start, end = found
    return _around(text, start.start(), end.end()), text[start.end() : end.start()]


def last_command_tag(text: str) -> Split:
    """What stands in the last `<command>`, and the text around it."""
    start = text.rfind(_OPEN_COMMAND)
    end = text.rfind(_CLOSE_COMMAND)
    if start < 0 or end < start:
        return None
    return _around(text, start, end + len(_CLOSE_COMMAND)), text[start + len(_OPEN_COMMAND) : end].strip("\n")


def bash_blocks(text: str) -> tuple[str, list[str]]:
    """The text before the first bash block, or all of it without one, and the commands of all bash blocks."""
    blocks: list[tuple[int, int]] = []
    commands: list[str] = []
    position = 0
    while (opened := _BASH_FENCE.search(text, position)) is not None:
        end = text.find(_BASH_END, opened.end() - 1)
        if end < 0:
            break
        commands.append(text[opened.end() : end])
        position = end + len(_BASH_END)
        blocks.append((opened.start(), position))
    return (_around(text, blocks[0][0], blocks[-1][1]) if blocks else text), commands


def first_tag(text: str) -> str | None:
    """The language of the first fence, empty where it names none; None without a fence."""
    found = _FIRST_TAG.search(text)
    return found[1] or found[2] or "" if found else None


def _around(text: str, start: int, end: int) -> str:
    return "\n\n".join(part.strip() for part in (text[:start], text[end:]) if part.strip())
