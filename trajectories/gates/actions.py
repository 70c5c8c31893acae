"""What an action gives to a shell or to Python, whatever its tool and argument are called."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from trajectories.gates.shell import MOST_CHARS, Command, joined, python_code, python_commands, shell_commands
from trajectories.records import Action, Episode, Turn
from trajectories.stats import SHELL_TOOLS

_LINES = ("command", "cmd", "keystrokes", "input", "action", "script")
"""Arguments of a shell tool that hold what is run."""
_CODES = ("code", "command", "input", "script")
_CELL_LINE = re.compile(r"^[ \t]*[!%](?:sx[ \t]+|system[ \t]+|!)?(.+)$", re.MULTILINE)
_ASSIGNED = re.compile(r"""(?:^|[\s;&(])([A-Za-z_]\w*)=(?:"([^"$`]*)"|'([^']*)'|([^\s;&|"'$`()]+))""")
_FORGETS = ("mini-swe-agent",)
"""Beginnings of the formats of agents whose every command starts in the same folder."""


def turns_with_commands(episode: Episode) -> Iterator[tuple[Turn, list[Command]]]:
    """Each turn with its commands, their folders as an earlier turn's `cd` left the shell."""
    folder = ""
    for turn in episode.turns:
        commands = [_moved(command, folder) for command in action_commands(turn.action)]
        yield turn, commands
        if commands and not episode.source.startswith(_FORGETS):
            folder = commands[-1].after


def _moved(command: Command, folder: str) -> Command:
    if not folder:
        return command
    return replace(command, folder=joined(folder, command.folder or "."), after=joined(folder, command.after or "."))


def action_commands(action: Action) -> tuple[Command, ...]:
    """The commands of a shell's line, of a terminal's keystrokes, and those that Python code starts."""
    if is_python(action):
        code = "\n".join(value for key, value in action.arguments if key in _CODES)
        lines = "\n".join(found[1] for found in _CELL_LINE.finditer(code[:MOST_CHARS]))
        return shell_commands(lines) + python_commands(_CELL_LINE.sub("pass", code))
    if not action.arguments:
        return shell_commands(action.original)
    return shell_commands("\n".join(shell_lines(action)))


def expanded(command: Command, action: Action) -> list[str]:
    """The words behind a program, `$NAME` and `${NAME}` as the action's own lines set them."""
    line = "\n".join(shell_lines(action))[:MOST_CHARS]
    if not any("$" in word for word in command.words):
        return list(command.words[1:])
    values = {found[1]: found[2] or found[3] or found[4] or "" for found in _ASSIGNED.finditer(line)}
    return [
        re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda name: values.get(name[1] or name[2], name[0]), word)
        for word in command.words[1:]
    ]


def shell_lines(action: Action) -> list[str]:
    """What a shell tool is given to run, a list of words joined to a line; empty for other tools."""
    if action.tool.lower() not in SHELL_TOOLS:
        return []
    return [_line(value) for key, value in action.arguments if key.lower() in _LINES]


def python_sources(action: Action) -> list[str]:
    """Python code that the action runs: cells, `python -c`, here-documents of `python`."""
    if is_python(action):
        return [value for key, value in action.arguments if key in _CODES]
    return [code for command in action_commands(action) if (code := python_code(command))]


def is_python(action: Action) -> bool:
    """Whether the tool is a cell of Python."""
    return "ipython" in action.tool or action.tool == "python"


def _line(value: str) -> str:
    """The line; `["bash", "-lc", "ls"]` and `{"command": [...]}` are JSON of one."""
    if not value.lstrip().startswith(("[", "{")):
        return value
    try:
        data: Any = json.loads(value)
    except (ValueError, RecursionError):
        return value
    words = data.get("command", data.get("cmd")) if isinstance(data, dict) else data
    if isinstance(words, str):
        return words
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return value
    return shlex.join(words)
