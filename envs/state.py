"""Whether two actions do the same: each is carried out in its own fork of one state, and what they left is compared.

Equivalent means: the same exit status, the same files below the repository (names, types, modes, contents, targets of
links; of git its index, branch and committed tree; what running Python leaves behind aside), the same working directory
and exported variables for the next command, and the same output after the normalisation of `envs.compare`. Actions
whose effect is not in the sandbox (`think`, `submit`, tools that are not there) are equivalent when they are equal.

Left out: files outside of the repository, times, owners, processes. The state is read with the sandbox's own programs:
an action that replaces them could forge it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields

from envs.base import Sandbox
from envs.compare import normalise
from envs.errors import SandboxError
from envs.toolbox import TOOLS, Toolbox
from trajectories.records import Action
from trajectories.render import render_action

SCALE = 0.9
"""What an action that is not equivalent earns of its text's similarity, so that only equivalence earns 1."""
READ_SECONDS = 30.0
"""A state that takes longer to read is unreadable: a file of 200 GB costs its maker a second to create."""
UNSEEN = ("think", "submit")
"""Tools whose effect is not in the sandbox."""
_SHOWN = 300
"""Characters kept of why a state cannot be read."""
_VOLATILE = r"^declare -[a-z]* (_|OLDPWD|SHLVL|PWD|HOSTNAME)(=|$)"
"""Variables that differ between any two shells; the directory is kept as a command of its own."""
_ASIDE = r"\( -name .git -o -name __pycache__ -o -name .pytest_cache \) -prune -o"
# One round trip, and one line of output for the files and one for the shell: no scratch file, on a disk that may be
# full. Listings are sorted, since forks of one state may give the names in another order.
_READ = rf"""
set -o pipefail
digest() {{ LC_ALL=C sort -z | sha256sum; }}
git() {{ command git -c safe.directory='*' "$@" 2> /dev/null; }}
history() {{ git ls-files -sz; git symbolic-ref -q HEAD; git rev-parse -q --verify 'HEAD^{{tree}}'; true; }}
fresh() {{ declare -px; printf 'cd -- %q\n# whole' "$PWD"; }}
{{
  find . -mindepth 1 {_ASIDE} -printf '%y %m %P -> %l\0' &&
  find . -mindepth 1 {_ASIDE} -type f -print0 | xargs -0 -r sha256sum -z -- &&
  {{ ! [ -e .git ] || history; }}
}} | digest || exit 1
{{ cat -- "$1" 2> /dev/null || fresh; }} | LC_ALL=C grep -avE {shlex.quote(_VOLATILE)} | digest
"""


@dataclass(frozen=True, slots=True)
class Effect:
    """What an action left behind."""

    exit_code: int = 0
    output: tuple[str, ...] = ()
    """Normalised lines."""
    files: str = ""
    """SHA-256 of the listing of the files below the repository, with their contents, and of git's state."""
    shell: str = ""
    """SHA-256 of working directory and exported variables."""
    action: str = ""
    """The action's own text, where its effect is not in the sandbox."""
    unreadable: str = ""
    """Why the state after it cannot be read; such an effect is like no other."""


def act(toolbox: Toolbox, action: Action, *, read_seconds: float = READ_SECONDS) -> Effect:
    """Carry out an action in a fork that nothing else uses, and say what it left.

    A fork that the action breaks, or whose files cannot be read any more, is an effect too: raises nothing.
    """
    if action.tool in UNSEEN or action.tool not in TOOLS:
        return Effect(action=render_action(action))
    try:
        seen = toolbox.do(action)
        files, shell = _read(toolbox.sandbox, toolbox.root, toolbox.state_file, read_seconds)
    except SandboxError as error:
        return Effect(unreadable=str(error)[-_SHOWN:])
    return Effect(seen.exit_code, normalise(seen.text), files, shell)


def differences(first: Effect, second: Effect) -> tuple[str, ...]:
    """What two effects differ in, a word for each; empty when they are equivalent."""
    if first.unreadable or second.unreadable:
        return ("unreadable",)
    names = (field.name for field in fields(Effect))
    return tuple(name for name in names if getattr(first, name) != getattr(second, name))


def state_reward(similarity: float, equivalent: bool) -> float:
    """1 where the actions are equivalent, else 0.9 times the similarity of their texts (which is 1 only for equals)."""
    return 1.0 if equivalent else SCALE * similarity


def _read(sandbox: Sandbox, root: str, state_file: str, seconds: float) -> tuple[str, str]:
    """Digests of files and shell. SandboxError where they cannot be read."""
    # Fresh: what the action left running could answer in the place of these programs.
    result = sandbox.run(f"set -- {shlex.quote(state_file)}\n{_READ}", seconds, cwd=root, fresh=True)
    lines = [line.removesuffix("  -") for line in result.output.splitlines()]
    if result.exit_code or len(lines) != 2:
        raise SandboxError(f"the state of {root} cannot be read: {result.output.strip() or result.exit_code}")
    return lines[0], lines[1]
