"""SWE-agent's commands as text: its own become tools with named arguments, everything else is a bash command.

Names and order of the arguments are those of SWE-agent's tool bundles (`tools/*/config.yaml` of 1.x) and, for
`set_cursors`, `get_symbols` and `summarize`, of the commands of 0.x.
"""

from __future__ import annotations

import re

from trajectories.formats.shell_words import simple_words
from trajectories.formats.tools import canonical_action
from trajectories.records import Action

COMMANDS = {
    "open": (1, ("path", "line_number")),
    "goto": (1, ("line_number",)),
    "scroll_up": (0, ()),
    "scroll_down": (0, ()),
    "create": (1, ("filename",)),
    "search_file": (1, ("search_term", "file")),
    "search_dir": (1, ("search_term", "dir")),
    "find_file": (1, ("file_name", "dir")),
    "insert": (1, ("text", "line")),
    "filemap": (1, ("file_path",)),
    "get_symbols": (0, ("path",)),
    "summarize": (1, ("path",)),
    "set_cursors": (2, ("start_line", "end_line")),
    "submit": (0, ("flag",)),
    "exit_forfeit": (0, ()),
}
"""Command to how many arguments it needs and their names; `edit` and `str_replace_editor` have forms of their own."""

_FIRST_WORD = re.compile(r"[a-z_]+")
_EDIT_LINES = re.compile(r"edit(?:[ \t]+(\d+):(\d+))?[ \t]*(?:<<[ \t]*['\"]?end_of_edit['\"]?[ \t]*)?\r?\n")
_END_OF_EDIT = re.compile(r"^end_of_edit[ \t\r]*$", re.MULTILINE)
_EDITOR_OPTIONS = ("file_text", "old_str", "new_str", "insert_line")
_VIEW_RANGE = "--view_range"


def text_action(command: str) -> Action:
    """The action of a command text. What is no exact use of an own command is bash, with the text as it stands."""
    text = command.strip("\r\n")
    found = _FIRST_WORD.match(text)
    name = found[0] if found else ""
    arguments = None
    if name == "edit":
        arguments = _edit_arguments(text)
    elif name in COMMANDS or name == "str_replace_editor":
        words = simple_words(text.rstrip())
        if words and words[0] == name:
            arguments = _editor_arguments(words) if name == "str_replace_editor" else _named(words)
    if arguments is None:
        return canonical_action("bash", [("command", text)])
    return Action(name, tuple(arguments), original=text)


def _named(words: list[str]) -> list[tuple[str, str]] | None:
    needed, names = COMMANDS[words[0]]
    values = words[1:]
    if not needed <= len(values) <= len(names):
        return None
    return list(zip(names, values, strict=False))


def _edit_arguments(text: str) -> list[tuple[str, str]] | None:
    """Of the three forms: lines with a body up to `end_of_edit`, cursors with such a body, and quoted words."""
    header = _EDIT_LINES.match(text)
    end = _END_OF_EDIT.search(text, header.end()) if header else None
    if header and end and not text[end.end() :].strip():
        lines = [("start_line", header[1]), ("end_line", header[2])] if header[1] else []
        # No line at all is a deletion; an empty text is one empty line.
        body = [("replacement_text", text[header.end() : end.start() - 1])] if end.start() > header.end() else []
        return [*lines, *body]
    words = simple_words(text.rstrip())
    if not words or words[0] != "edit" or not 2 <= len(words) <= 4:
        return None
    if len(words) == 2:
        return [("text", words[1])] if not re.fullmatch(r"\d+:\d+", words[1]) else None
    return list(zip(("search", "replace", "replace-all"), words[1:], strict=False))


def _editor_arguments(words: list[str]) -> list[tuple[str, str]] | None:
    """`str_replace_editor view /a.py --view_range 1 20`: the arguments of the function call it stands for."""
    if len(words) < 3:
        return None
    arguments = [("command", words[1]), ("path", words[2])]
    place = 3
    while place < len(words):
        option, values = words[place], words[place + 1 :]
        if option == _VIEW_RANGE and len(values) >= 2:
            arguments.append(("view_range", f"[{values[0]}, {values[1]}]"))
            place += 3
        elif option.removeprefix("--") in _EDITOR_OPTIONS and values:
            arguments.append((option.removeprefix("--"), values[0]))
            place += 2
        else:
            return None
    return arguments
