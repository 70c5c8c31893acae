"""The `str_replace_editor` of coding agents over a sandbox's files: view, create, str_replace, insert and undo_edit.

Semantics after the editor that SWE-agent and OpenHands give their agents (Anthropic's text editor tool): 1-based view
ranges, a replaced text that must be unique, undo of the last change of a file. Messages are short and our own;
`envs.compare` says how recorded ones are compared with them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from posixpath import join

from envs.base import Sandbox

LISTED = 2
"""Levels of a directory that `view` shows, where the directory is not the whole answer itself."""
LARGEST = 4 << 20
"""Bytes of a file above which it is no text to edit."""


class EditError(Exception):
    """An edit that cannot be made; the message is the agent's observation."""


class Editor:
    """One agent's editor; it remembers what each file was before every change."""

    def __init__(self, sandbox: Sandbox, root: str) -> None:
        self.sandbox, self.root = sandbox, root
        self.before: dict[str, list[bytes | None]] = {}
        """Path to its earlier contents, the newest last; None where the file did not exist."""

    def edit(self, arguments: Mapping[str, str]) -> str:
        """Carry out one command; returns its observation, `ERROR: ...` where it cannot be done.

        `arguments` are text, `view_range` a JSON pair `[first, last]` counted from 1 (last -1: to the end). Relative
        paths are taken from the root. SandboxError when the sandbox itself fails.
        """
        try:
            command = COMMANDS.get(arguments.get("command", ""))
            if command is None:
                raise EditError(f"command must be one of {', '.join(COMMANDS)}.")
            return command(self, arguments, join(self.root, _path(arguments["path"])))
        except KeyError as error:
            return f"ERROR: the argument {error} is missing."
        except EditError as error:
            return f"ERROR: {error}"

    def read(self, arguments: Mapping[str, str], path: str) -> str:
        """The text of a file; EditError where it is none."""
        try:
            return self.sandbox.read_file(path, LARGEST).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise EditError(f"{arguments['path']} is not a text file that can be read.") from error

    def write(self, arguments: Mapping[str, str], path: str, text: str) -> str:
        """Write a file and remember what it was; EditError where that is impossible."""
        try:
            old = self.sandbox.read_file(path, LARGEST)
        except OSError:
            old = None
        try:
            self.sandbox.write_file(path, text.encode(errors="surrogatepass"))
        except OSError as error:
            raise EditError(f"{arguments['path']} cannot be written.") from error
        self.before.setdefault(path, []).append(old)
        return "Edited."


def _path(path: str) -> str:
    """The path as given; EditError for a text that no file system takes."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise EditError(f"the path {path!r} is not UTF-8.") from error
    if "\0" in path:
        raise EditError(f"the path {path!r} holds a NUL byte.")
    return path


def _lines(text: str) -> list[str]:
    """Lines with their line breaks, cut at `\\n` only (splitlines cuts at form feeds and others too)."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def view(editor: Editor, arguments: Mapping[str, str], path: str) -> str:
    """The numbered lines of a file, or the names in a directory."""
    try:
        text = editor.sandbox.read_file(path, LARGEST).decode()
    except IsADirectoryError:
        return _listing(editor, path)
    except (OSError, UnicodeDecodeError) as error:
        raise EditError(f"{arguments['path']} is not a text file that can be read.") from error
    lines = [line.removesuffix("\n") for line in _lines(text)]
    first, last = _range(arguments.get("view_range"), len(lines))
    return "\n".join(f"{n}\t{lines[n - 1]}" for n in range(first, last + 1))


def _listing(editor: Editor, path: str) -> str:
    """The names in a directory, directories with a slash, hidden ones left out."""
    find = "find . -mindepth 1 -maxdepth 1 -not -name '.*' \\( -type d -printf '%P/\\n' -o -printf '%P\\n' \\)"
    result = editor.sandbox.run(f"{find} | LC_ALL=C sort", cwd=path)
    return result.output.rstrip("\n")


def _range(text: str | None, count: int) -> tuple[int, int]:
    """First and last line to show; a last line behind the end of the file means the end."""
    if text is None:
        return 1, count
    try:
        first, last = (int(number) for number in json.loads(text))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise EditError(f"view_range must be two line numbers such as [1, 9]; got {text[:80]}.") from error
    last = count if last == -1 else min(last, count)
    if not 1 <= first <= last:
        raise EditError(f"view_range {text} is not within lines 1 to {count}.")
    return first, last


def create(editor: Editor, arguments: Mapping[str, str], path: str) -> str:
    """Write a new file; an existing one is left alone."""
    text = arguments["file_text"]
    if editor.sandbox.run(f"test -e {shlex.quote(path)}").exit_code == 0:
        raise EditError(f"{arguments['path']} exists already.")
    return editor.write(arguments, path, text)


def str_replace(editor: Editor, arguments: Mapping[str, str], path: str) -> str:
    """Replace a text that occurs exactly once."""
    text, old = editor.read(arguments, path), arguments["old_str"]
    found = text.count(old) if old else 0
    if found != 1:
        raise EditError(f"old_str occurs {found} times in {arguments['path']}; it must occur once.")
    return editor.write(arguments, path, text.replace(old, arguments.get("new_str", "")))


def insert(editor: Editor, arguments: Mapping[str, str], path: str) -> str:
    """Put a text after the given line, 0 being the top of the file."""
    lines = _lines(editor.read(arguments, path))
    try:
        after = int(arguments["insert_line"])
    except ValueError as error:
        raise EditError(f"insert_line must be a number; got {arguments['insert_line'][:80]}.") from error
    if not 0 <= after <= len(lines):
        raise EditError(f"insert_line {after} is not within 0 to {len(lines)}.")
    if after and not lines[after - 1].endswith("\n"):
        lines[after - 1] += "\n"
    new = arguments["new_str"]
    inserted = new if new.endswith("\n") else new + "\n"
    return editor.write(arguments, path, "".join([*lines[:after], inserted, *lines[after:]]))


def undo_edit(editor: Editor, arguments: Mapping[str, str], path: str) -> str:
    """Take back the last change that the editor made to a file; a created file is removed."""
    if not editor.before.get(path):
        raise EditError(f"no edit of {arguments['path']} to take back.")
    old = editor.before[path][-1]
    try:
        if old is not None:
            editor.sandbox.write_file(path, old)
        elif editor.sandbox.run(f"rm -f -- {shlex.quote(path)}").exit_code:
            raise EditError(f"{arguments['path']} cannot be removed.")
    except OSError as error:
        raise EditError(f"{arguments['path']} cannot be written.") from error
    editor.before[path].pop()
    return "Undone."


COMMANDS: dict[str, Callable[[Editor, Mapping[str, str], str], str]] = {
    "view": view,
    "create": create,
    "str_replace": str_replace,
    "insert": insert,
    "undo_edit": undo_edit,
}
