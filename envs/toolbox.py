"""An agent's tools over a sandbox: bash that keeps its directory and variables, the editor, search, and submit.

Left out: tools that need a process to live between calls (an interpreter, a browser); they raise UnknownTool.
"""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass

from envs.base import Result, Sandbox
from envs.errors import SandboxError
from envs.listing import Unreadable
from envs.repository import Base, Repository, find_base
from envs.text_editor import Editor
from trajectories.records import Action

FORGETFUL = ("mini-swe-agent",)
"""Families (how their formats' names begin) whose agents start a new shell at the root for every command."""


def keeps_shell(source: str) -> bool:
    """Whether the agent that a format records keeps directory and variables between commands."""
    return not source.startswith(FORGETFUL)


EditorState = Mapping[str, tuple[bytes | None, ...]]


class UnknownTool(SandboxError):
    """An action that no tool here carries out."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What an action gave."""

    text: str
    """As the policy reads it."""
    exit_code: int = 0
    timed_out: bool = False
    lost: bool = False
    """Whether the shell died and was replaced."""
    seconds: float = 0.0
    patch: str = ""
    """What `submit` hands in."""


class Toolbox:
    """The tools of one episode in one sandbox."""

    def __init__(
        self,
        sandbox: Sandbox,
        root: str = "/testbed",
        timeout: float = 60.0,
        *,
        keeps: bool = True,
        base: Base | None = None,
    ) -> None:
        """`keeps`: directory and variables go on from one bash command to the next, as most agents' do. `base` is what
        patches begin from; the commit that is checked out, where none is given."""
        self.sandbox, self.root, self.timeout, self.keeps = sandbox, root, timeout, keeps
        self.editor = Editor(sandbox, root)
        # Within the sandbox's files, so that a fork goes on in the same directory with the same variables.
        self.state_file = f"/tmp/.shell-{uuid.uuid4().hex[:12]}"
        self._base = base or find_base(sandbox, root)
        if keeps:
            self._write_start()

    def editor_state(self) -> EditorState:
        """What the editor could undo, for `moved_to`."""
        return {path: tuple(contents) for path, contents in self.editor.before.items()}

    def moved_to(self, sandbox: Sandbox, editor: EditorState) -> Toolbox:
        """The same tools, with their state, over a fork."""
        other = copy(self)
        other.sandbox, other.editor = sandbox, Editor(sandbox, self.root)
        other.editor.before = {path: list(contents) for path, contents in editor.items()}
        return other

    def do(self, action: Action) -> Observation:
        """Carry out an action. UnknownTool where there is no such tool, SandboxError where the sandbox fails."""
        tool = TOOLS.get(action.tool)
        if tool is None:
            raise UnknownTool(f"no tool '{action.tool}' here; there are {', '.join(TOOLS)}")
        try:
            return tool(self, dict(action.arguments))
        except KeyError as error:
            return Observation(f"ERROR: {action.tool} needs the argument {error}.", 1)

    def told(self, action: Action) -> str:
        """What a policy sees of its action; for a tool that is not here, that there is none."""
        try:
            return self.do(action).text
        except UnknownTool as error:
            return f"ERROR: {error}"

    def bash(self, command: str) -> Observation:
        """Run a command where the last one left off, or at the root where nothing is kept."""
        if not self.keeps:
            return self._seen(self.sandbox.run(command, self.timeout, cwd=self.root))
        # From a file of its own, so that bash counts the command's lines from 1.
        return self._seen(
            self.sandbox.run(command, self.timeout, cwd=self.root, environment={"BASH_ENV": f"{self.state_file}.start"})
        )

    def _write_start(self) -> None:
        """Write what a shell reads before each command: to begin where the last left off, and keep where it ends."""
        state = shlex.quote(self.state_file)
        keep = (
            f"__code=$?; {{ declare -px; printf 'cd -- %q\\n# whole' \"$PWD\"; }} > {state} 2> /dev/null; exit $__code"
        )
        # Variables that the last command unset are in the environment of a new shell again. A full disk, or a command
        # that was killed, may leave half of the file; and a file without the directory at its end is not used.
        restore = "[[ $__kept == *'# whole' ]] && { unset -v $(compgen -e); eval \"$__kept\"; } 2> /dev/null"
        begin = f"unset -v BASH_ENV; {{ __kept=$(<{state}); }} 2> /dev/null; {restore}; unset -v __kept"
        start = f"{begin}; trap {shlex.quote(keep)} EXIT\n"
        try:
            self.sandbox.write_file(f"{self.state_file}.start", start.encode())
        except OSError as error:
            raise SandboxError(f"the shell's state cannot be kept: {error}") from error

    def _seen(self, result: Result) -> Observation:
        return Observation(
            shown(result, self.timeout), result.exit_code, result.timed_out, result.lost, result.duration
        )

    def patch(self) -> str:
        """What changed since the base, new files and binary ones included, as `git diff` writes it; empty where there
        is no history. Unreadable where it cannot be made; see `envs.repository`.
        """
        base = self._base
        return Repository(self.sandbox, self.root, base, f"{self.state_file}.git").patch() if base else ""


def shown(result: Result, timeout: float) -> str:
    """The output as the policy reads it; failures of the command and of the shell have a line of their own."""
    lines = [result.output.rstrip("\n")] if result.output.strip() else []
    if result.timed_out:
        lines.append(f"[timed out after {timeout:g} s]")
    elif result.exit_code:
        lines.append(f"[exit status {result.exit_code}]")
    if result.lost:
        lines.append("[the shell died and was replaced; its directory and variables are those of the command before]")
    return "\n".join(lines)


def _edit(toolbox: Toolbox, arguments: Mapping[str, str]) -> Observation:
    text = toolbox.editor.edit(arguments)
    return Observation(text, int(text.startswith("ERROR: ")))


def _find_file(toolbox: Toolbox, arguments: Mapping[str, str]) -> Observation:
    folder, name = arguments.get("dir", "."), arguments["file_name"]
    return toolbox.bash(f"find {shlex.quote(folder)} -name {shlex.quote(name)} -not -path '*/.git/*' | sort")


def _search_dir(toolbox: Toolbox, arguments: Mapping[str, str]) -> Observation:
    folder, term = arguments.get("dir", "."), arguments["search_term"]
    return toolbox.bash(f"grep -rnI --exclude-dir=.git -e {shlex.quote(term)} {shlex.quote(folder)}")


def _search_file(toolbox: Toolbox, arguments: Mapping[str, str]) -> Observation:
    return toolbox.bash(f"grep -n -e {shlex.quote(arguments['search_term'])} {shlex.quote(arguments['file'])}")


def _submit(toolbox: Toolbox, arguments: Mapping[str, str]) -> Observation:
    try:
        return Observation("", patch=toolbox.patch())
    except Unreadable as error:
        return Observation(f"ERROR: {error}", 1)


TOOLS: dict[str, Callable[[Toolbox, Mapping[str, str]], Observation]] = {
    "bash": lambda toolbox, arguments: toolbox.bash(arguments["command"]),
    "str_replace_editor": _edit,
    "find_file": _find_file,
    "search_dir": _search_dir,
    "search_file": _search_file,
    "think": lambda toolbox, arguments: Observation(""),
    "submit": _submit,
}
"""Canonical tool names (`trajectories.formats.tools`) to what carries them out."""
