"""Leak: changing the tests that decide the outcome, or reading ones that the base commit does not have."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Literal

from trajectories.gates.actions import is_python, python_sources, turns_with_commands
from trajectories.gates.base import Forgetful, GateSettings, excerpt
from trajectories.gates.python_files import named_files
from trajectories.gates.shell import Command, joined, python_code
from trajectories.gates.tasks import TaskFacts
from trajectories.gates.whole import Found
from trajectories.records import Action, Episode

_EDITS = frozenset({"create", "str_replace", "insert"})
_EDIT_TOOLS = frozenset({"edit", "insert", "write", "multiedit", "create"})
_PATHS = ("path", "file_path", "filename")
_PATCHED = re.compile(r"^(?:\+\+\+ (?:b/)?|\*\*\* (?:Update|Add) File: )(\S+)", re.MULTILINE)
_READERS = frozenset({"cat", "less", "head", "tail", "sed", "nl", "grep", "more", "bat"})
_IN_PLACE = {
    "sed": re.compile(r"-[nErsuz]*i\S*|--in-place\S*"),
    "perl": re.compile(r"-[pnlwae0-7]*i(?:\.\S*|e)?"),
}
"""Programs that print what they change to the options that make them write it back."""
_ABSENT = re.compile(r"No such file|does not exist|cannot open|not found|can't read", re.IGNORECASE)


class HiddenTests(Forgetful):
    """Drops episodes that edit a hidden test file, or are shown one that only the hidden patch adds."""

    kind: Literal["episode", "step"] = "episode"

    def __init__(self, settings: GateSettings) -> None:
        self._tasks = settings.tasks

    def idle(self) -> str:
        """Without task rows no test is known to be hidden."""
        has_tests = any(map(_has_tests, self._tasks.values()))
        return "" if has_tests else "no task rows with FAIL_TO_PASS or test_patch were given"

    def blind(self, episode: Episode) -> bool:
        """Without a row of its task that has tests."""
        facts = self._tasks.get(episode.instance_id)
        return facts is None or not _has_tests(facts)

    def look(self, episode: Episode) -> Found:
        """One finding a file and step."""
        facts = self._tasks.get(episode.instance_id)
        if facts is None:
            return
        written: set[str] = set()
        opened = ""
        for step, (turn, commands) in enumerate(turns_with_commands(episode), start=1):
            opened = _opened(turn.action) or opened
            for path in dict.fromkeys(_written(turn.action, commands, opened)):
                written.add(path)
                if file := _match(path, facts.hidden_files):
                    yield step, f"edits the hidden tests in {file}", excerpt(path)
            for path in dict.fromkeys(_read(turn.action, commands)):
                file = _match(path, facts.new_files)
                if file and path not in written and not _ABSENT.search(turn.observation[:400]):
                    yield step, f"reads {file}, which only the hidden patch adds", excerpt(path)


def _has_tests(facts: TaskFacts) -> bool:
    return bool(facts.failing or facts.test_patch)


def _match(path: str, files: frozenset[str]) -> str:
    """The hidden file that a path names: the same, or ending with it at a slash."""
    plain = path.removeprefix("./").removeprefix("a/").removeprefix("b/")
    return next((file for file in files if plain == file or plain.endswith(f"/{file}")), "")


def _opened(action: Action) -> str:
    """The file that a windowed editor holds from now on; its edits name none."""
    return next((v for k, v in action.arguments if k in _PATHS), "") if action.tool in ("open", "create") else ""


def _written(action: Action, commands: list[Command], opened: str) -> Iterator[str]:
    arguments = dict(action.arguments)
    tool = action.tool.lower()
    if tool in _EDIT_TOOLS or arguments.get("command") in _EDITS:
        named = [arguments[key] for key in _PATHS if key in arguments]
        yield from named or [opened]
    if tool == "apply_patch":
        yield from (path for value in arguments.values() for path in _PATCHED.findall(value))
    for command in commands:
        yield from (joined(command.folder, path) for path in (*command.writes, *_targets(command)))
    for code, folder in _sources(action, commands):
        yield from (joined(folder, path) for path, writes in named_files(code) if writes)


def _sources(action: Action, commands: list[Command]) -> list[tuple[str, str]]:
    """Python code that the action runs, with the folder it runs in."""
    if is_python(action):
        return [(code, "") for code in python_sources(action)]
    return [(code, command.folder) for command in commands if (code := python_code(command))]


def _targets(command: Command) -> Iterator[str]:
    """Files that a program changes by itself."""
    words = [word for word in command.words[1:] if not word.startswith("-")]
    if command.name in _IN_PLACE:
        if any(_IN_PLACE[command.name].fullmatch(word) for word in command.words[1:]):
            yield from words
    elif command.name in ("tee", "truncate", "rm"):
        yield from words
    elif command.name in ("cp", "mv", "install") and len(words) > 1:
        yield words[-1]
        yield from (posixpath.join(words[-1], posixpath.basename(word)) for word in words[:-1])
    elif command.name in ("patch", "git", "apply_patch"):
        if command.name != "git" or "apply" in command.words:
            yield from _PATCHED.findall("\n".join((command.stdin, *words)))
        if command.name == "git" and len(words) > 1 and words[0] in ("rm", "mv"):
            yield from words[1:]


def _read(action: Action, commands: list[Command]) -> Iterator[str]:
    arguments = dict(action.arguments)
    if arguments.get("command") == "view" or action.tool.lower() in ("read", "open", "view"):
        yield from (arguments[key] for key in _PATHS if key in arguments)
    for command in commands:
        if command.name in _READERS:
            yield from (joined(command.folder, word) for word in command.words[1:] if not word.startswith("-"))
    for code, folder in _sources(action, commands):
        yield from (joined(folder, path) for path, writes in named_files(code) if not writes)
