"""Whether two actions do the same: each is carried out in its own fork of one state, and what they left is compared.

Equivalent means: the same exit status, the same files changed to the same contents below the repository (git's own
folder and what running Python leaves behind aside), the same working directory and exported variables for the next
command, and the same output after the normalisation of `envs.compare`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from envs.base import Sandbox
from envs.compare import normalise
from envs.listing import checked, listed
from envs.toolbox import Toolbox, UnknownTool
from trajectories.records import Action

SCALE = 0.9
"""What an action that is not equivalent earns of its text's similarity, so that only equivalence earns 1."""
_MARK = "/tmp/.effect"
_VOLATILE = frozenset({"_", "OLDPWD", "SHLVL", "PWD", "HOSTNAME"})
"""Variables that differ between any two shells; the directory is kept as a command of its own."""
_ASIDE = r"\( -name .git -o -name __pycache__ -o -name .pytest_cache \) -prune -o"


@dataclass(frozen=True, slots=True)
class Effect:
    """What an action left behind."""

    exit_code: int
    output: tuple[str, ...]
    """Normalised lines."""
    changed: Mapping[str, str]
    """Path below the repository to the SHA-256 of its content, `gone` for what was removed, a link's target."""
    shell: tuple[str, ...]
    """Working directory and exported variables."""


def act(toolbox: Toolbox, action: Action) -> Effect:
    """Carry out an action in a fork that nothing else uses, and say what it left."""
    if not _shell(toolbox):
        toolbox.bash(":")  # writes down the shell that an action of another tool leaves as it was
    before = _names(toolbox.sandbox, toolbox.root)
    checked(toolbox.sandbox, f"touch {_MARK}; sleep 0.02", toolbox.root)  # file times have a clock tick's resolution
    try:
        seen = toolbox.do(action)
    except UnknownTool as error:
        return Effect(127, (str(error),), {}, ())
    after = _names(toolbox.sandbox, toolbox.root)
    changed = dict.fromkeys(before - after, "gone") | _digests(toolbox.sandbox, toolbox.root)
    changed |= {name: "new" for name in after - before if name not in changed}  # folders, sockets
    return Effect(seen.exit_code, normalise(seen.text), changed, _shell(toolbox))


def differences(first: Effect, second: Effect) -> tuple[str, ...]:
    """What two effects differ in, a word for each; empty when they are equivalent."""
    found = []
    for name in ("exit_code", "output", "changed", "shell"):
        if getattr(first, name) != getattr(second, name):
            found.append(name)
    return tuple(found)


def state_reward(similarity: float, equivalent: bool) -> float:
    """1 where the actions are equivalent, else 0.9 times the similarity of their texts (which is 1 only for equals)."""
    return 1.0 if equivalent else SCALE * similarity


def _names(sandbox: Sandbox, root: str) -> frozenset[str]:
    output = listed(sandbox, root, f"find . -mindepth 1 {_ASIDE} -printf '%P\\0'", f"{_MARK}.out")
    return frozenset(output)


def _digests(sandbox: Sandbox, root: str) -> dict[str, str]:
    """Path to digest of the files whose content or mode changed after the mark."""
    newer = f"find . -mindepth 1 {_ASIDE} -cnewer {_MARK}"
    lines = listed(sandbox, root, f"{newer} -type f -print0 | xargs -0 -r sha256sum -z --", f"{_MARK}.out")
    digests = {line[66:].removeprefix("./"): line[:64] for line in lines}
    links = listed(sandbox, root, f"{newer} -type l -printf '%P -> %l\\0'", f"{_MARK}.out")
    return digests | dict(line.rpartition(" -> ")[::2] for line in links)


def _shell(toolbox: Toolbox) -> tuple[str, ...]:
    try:
        text = toolbox.sandbox.read_file(toolbox.state_file).decode(errors="surrogateescape")
    except FileNotFoundError:
        return ()
    lines = [line.removeprefix("declare -x ") for line in text.split("\n")]
    return tuple(line for line in lines if line and line.partition("=")[0] not in _VOLATILE)
