"""Gates for whole episodes that need no task rows: unresolved, empty, and seen before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import Literal

from trajectories.gates.base import Always, GateSettings, Seeing
from trajectories.records import Action, Episode
from trajectories.stats import action_kind

NO_ENVIRONMENT = frozenset({"think", "submit", "finish", "message", "task_tracker"})
"""Tools that change nothing and read nothing of the task's environment."""
SAME_RUN = 0.8
"""Share of actions that two records of one run must have in common; notations of one run differ in a few."""

_RUN_SUFFIX = re.compile(r"#\d+$")
_SPACE = re.compile(r"\s+")
_INNER_BLANKS = re.compile(r"(?<=\S)[^\S\n]+")

Found = Iterator[tuple[int | None, str, str]]


class Unresolved(Always):
    """Drops runs that did not solve their task."""

    kind: Literal["episode", "step"] = "episode"

    def __init__(self, settings: GateSettings) -> None:
        self._unknown = settings.unknown_is_unresolved

    def look(self, episode: Episode) -> Found:
        """One finding where the run failed, or where nothing tells and that counts as failed."""
        if episode.resolved is False:
            yield None, "the run did not solve the task", ""
        elif episode.resolved is None and self._unknown:
            yield None, "the source does not say whether the run solved the task", ""


class Empty(Always):
    """Drops runs that never touched the environment."""

    kind: Literal["episode", "step"] = "episode"

    def __init__(self, settings: GateSettings) -> None:
        del settings

    def look(self, episode: Episode) -> Found:
        """One finding where there is no action, or none beside thinking and submitting."""
        if not episode.turns:
            yield None, "no action", ""
        elif all(turn.action.tool in NO_ENVIRONMENT for turn in episode.turns):
            yield None, "no action on the environment", ""


class Duplicate(Seeing):
    """Drops an episode whose task and actions, or whose run in another notation, came before and was kept."""

    kind: Literal["episode", "step"] = "episode"

    def __init__(self, settings: GateSettings) -> None:
        del settings
        self._actions: dict[bytes, str] = {}
        self._runs: dict[str, tuple[str, Counter[bytes]]] = {}

    def idle(self) -> str:
        """Empty: it always works."""
        return ""

    def look(self, episode: Episode) -> Found:
        """One finding that names the earlier episode."""
        digests = _digests(episode)
        first = self._actions.get(_key(episode, digests))
        earlier, actions = self._runs.get(_run(episode), ("", Counter[bytes]()))
        if first:
            yield None, f"same task and same actions as {first}", ""
        elif earlier and _common(actions, Counter(digests)) >= SAME_RUN:
            yield None, f"the same run as {earlier}, in another notation", ""

    def remember(self, episode: Episode) -> None:
        """Hold it against later ones."""
        digests = _digests(episode)
        self._actions.setdefault(_key(episode, digests), episode.traj_id)
        self._runs.setdefault(_run(episode), (episode.traj_id, Counter(digests)))


def _digests(episode: Episode) -> list[bytes]:
    return [action_digest(turn.action) for turn in episode.turns]


def _key(episode: Episode, digests: list[bytes]) -> bytes:
    return _digest(f"{episode.instance_id.lower()}\0".encode() + b"".join(digests))


def _run(episode: Episode) -> str:
    return _RUN_SUFFIX.sub("", episode.traj_id)


def action_digest(action: Action) -> bytes:
    """8 bytes that agree for actions that differ at most in white space, argument order or notation."""
    arguments = () if action.tool == "submit" else sorted(action.arguments)
    text = "\0".join([action.tool, *(part for pair in arguments for part in pair)])
    return _digest(_SPACE.sub("", text).encode("utf-8", "replace"))


def step_digest(action: Action) -> bytes:
    """8 bytes that agree for one action told twice in a run: a shell's inner blanks do not count, indentation does."""
    shell = action_kind(action) == "bash"
    parts = [part for pair in sorted(action.arguments) for part in pair]
    told = [_INNER_BLANKS.sub(" ", part.strip()).replace(" \n", "\n") if shell else part.rstrip() for part in parts]
    return _digest("\0".join([action.tool, *told]).encode("utf-8", "replace"))


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=8).digest()


def _common(one: Counter[bytes], other: Counter[bytes]) -> float:
    return 2 * (one & other).total() / max(1, one.total() + other.total())
