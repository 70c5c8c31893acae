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
from envs.text_editor import Editor
from trajectories.records import Action

FORGETFUL = ("mini-swe-agent",)
"""Families (how their formats' names begin) whose agents start a new shell at the root for every command."""
JUNK = ("__pycache__", "*.pyc", ".pytest_cache", ".mypy_cache", "*.egg-info")
"""Never part of a patch: what running tests leaves behind."""


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


class Toolbox:
    """The tools of one episode in one sandbox."""

    def __init__(self, sandbox: Sandbox, root: str = "/testbed", timeout: float = 60.0, *, keeps: bool = True) -> None:
        """`keeps`: directory and variables go on from one bash command to the next, as most agents' do."""
        self.sandbox, self.root, self.timeout, self.keeps = sandbox, root, timeout, keeps
        self.editor = Editor(sandbox, root)
        # Within the sandbox's files, so that a fork goes on in the same directory with the same variables.
        self.state_file = f"/tmp/.shell-{uuid.uuid4().hex[:12]}"
        self._base = self._git("rev-parse -q --verify HEAD").output.strip()

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

    def bash(self, command: str) -> Observation:
        """Run a command where the last one left off, or at the root where nothing is kept."""
        if not self.keeps:
            return self._seen(self.sandbox.run(command, self.timeout, cwd=self.root))
        state = shlex.quote(self.state_file)
        keep = f"__code=$?; {{ declare -px; printf 'cd -- %q\\n' \"$PWD\"; }} > {state} 2> /dev/null; exit $__code"
        lines = [f"[ -f {state} ] && . {state} 2> /dev/null", f"trap {shlex.quote(keep)} EXIT", command]
        return self._seen(self.sandbox.run("\n".join(lines), self.timeout, cwd=self.root))

    def _seen(self, result: Result) -> Observation:
        return Observation(
            shown(result, self.timeout), result.exit_code, result.timed_out, result.lost, result.duration
        )

    def patch(self) -> str:
        """What changed since the base commit, new files and binary ones included, as `git diff` writes it."""
        if not self._base:
            return ""
        index = f"{self.state_file}.index"
        junk = " ".join(shlex.quote(f":(exclude,glob)**/{name}") for name in JUNK)
        commands = (
            f"export GIT_INDEX_FILE={index}; git read-tree {self._base} && git add -A -- . {junk} && "
            f"git diff --cached --binary --no-color --no-ext-diff {self._base} > {index}.patch; rm -f {index}"
        )
        result = self.sandbox.run(commands, self.timeout, cwd=self.root)
        if result.exit_code:
            raise SandboxError(f"the patch cannot be made in {self.root}: {result.output.strip()[-500:]}")
        return self.sandbox.read_file(f"{index}.patch").decode(errors="surrogateescape")

    def _git(self, arguments: str) -> Result:
        # Repositories in images often belong to another user, which git refuses to look at.
        return self.sandbox.run(f"git -c safe.directory='*' {arguments} 2> /dev/null", cwd=self.root)


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


TOOLS: dict[str, Callable[[Toolbox, Mapping[str, str]], Observation]] = {
    "bash": lambda toolbox, arguments: toolbox.bash(arguments["command"]),
    "str_replace_editor": _edit,
    "find_file": _find_file,
    "search_dir": _search_dir,
    "search_file": _search_file,
    "think": lambda toolbox, arguments: Observation(""),
    "submit": lambda toolbox, arguments: Observation(""),
}
"""Canonical tool names (`trajectories.formats.tools`) to what carries them out."""
