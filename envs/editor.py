"""The expert's `str_replace_editor` over a host directory: view, create, str_replace and insert, no undo."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from envs.errors import SandboxError


class EditError(Exception):
    """An edit that cannot be made; the message is the expert's observation."""


def edit(arguments: Mapping[str, str], root: Path) -> str:
    """Carry out one command of the editor; returns its observation, `ERROR: ...` where it cannot be done.

    `arguments` are text, `view_range` a JSON pair `[first, last]` counted from 1 (last -1: to the end). Paths
    are relative to `root` and may not leave it. SandboxError for an unknown command or a missing argument.
    """
    command = COMMANDS.get(arguments.get("command", ""))
    if command is None:
        raise SandboxError(f"str_replace_editor: command must be one of {', '.join(COMMANDS)}; got {dict(arguments)}")
    try:
        return command(arguments, _inside(arguments["path"], root))
    except KeyError as error:
        raise SandboxError(f"str_replace_editor {arguments['command']}: argument {error} is missing") from error
    except EditError as error:
        return f"ERROR: {error}"


def _inside(path: str, root: Path) -> Path:
    full = (root / path).resolve()
    if not full.is_relative_to(root.resolve()):
        raise EditError(f"{path} lies outside the repository.")
    return full


def _read(arguments: Mapping[str, str], file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise EditError(f"{arguments['path']} is not a text file that can be read.") from error


def _lines(text: str) -> list[str]:
    """Lines with their line breaks, cut at `\\n` only (splitlines cuts at form feeds and others too)."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _write(arguments: Mapping[str, str], file: Path, text: str) -> str:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    except OSError as error:
        raise EditError(f"{arguments['path']} cannot be written.") from error
    return "Edited."


def view(arguments: Mapping[str, str], file: Path) -> str:
    """The numbered lines of a file, or the names in a directory."""
    if file.is_dir():
        return "\n".join(sorted(entry.name + "/" * entry.is_dir() for entry in file.iterdir()))
    lines = [line.removesuffix("\n") for line in _lines(_read(arguments, file))]
    first, last = _range(arguments.get("view_range"), len(lines))
    return "\n".join(f"{n}\t{lines[n - 1]}" for n in range(first, last + 1))


def _range(text: str | None, count: int) -> tuple[int, int]:
    """First and last line to show; a last line behind the end of the file means the end."""
    if text is None:
        return 1, count
    try:
        first, last = (int(number) for number in json.loads(text))
    except (TypeError, ValueError) as error:
        raise EditError(f"view_range must be two line numbers such as [1, 9]; got {text}.") from error
    last = count if last == -1 else min(last, count)
    if not 1 <= first <= last:
        raise EditError(f"view_range {text} is not within lines 1 to {count}.")
    return first, last


def create(arguments: Mapping[str, str], file: Path) -> str:
    """Write a new file; an existing one is left alone."""
    if file.exists():
        raise EditError(f"{arguments['path']} exists already.")
    return _write(arguments, file, arguments["file_text"])


def str_replace(arguments: Mapping[str, str], file: Path) -> str:
    """Replace a text that occurs exactly once."""
    text, old = _read(arguments, file), arguments["old_str"]
    found = text.count(old) if old else 0
    if found != 1:
        raise EditError(f"old_str occurs {found} times in {arguments['path']}; it must occur once.")
    return _write(arguments, file, text.replace(old, arguments.get("new_str", "")))


def insert(arguments: Mapping[str, str], file: Path) -> str:
    """Put a text after the given line, 0 being the top of the file."""
    lines = _lines(_read(arguments, file))
    try:
        after = int(arguments["insert_line"])
    except ValueError as error:
        raise EditError(f"insert_line must be a number; got {arguments['insert_line']}.") from error
    if not 0 <= after <= len(lines):
        raise EditError(f"insert_line {after} is not within 0 to {len(lines)}.")
    if after and not lines[after - 1].endswith("\n"):
        lines[after - 1] += "\n"
    new = arguments["new_str"]
    return _write(arguments, file, "".join([*lines[:after], new if new.endswith("\n") else new + "\n", *lines[after:]]))


COMMANDS: dict[str, Callable[[Mapping[str, str], Path], str]] = {
    "view": view,
    "create": create,
    "str_replace": str_replace,
    "insert": insert,
}
