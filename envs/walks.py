"""States before the steps of many episodes, for several threads at once: who asks is given a fork of its own.

An episode is walked through once, its actions in their order and each state kept; episodes of one task share a walk as
far as their actions agree. Walks that nobody uses are closed when there are too many of them, or of their states.
Files are kept, processes are not (`envs.states`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from envs.errors import SandboxError
from envs.places import Places
from envs.replay import mover
from envs.states import Walk
from envs.toolbox import TOOLS, Toolbox, UnknownTool, keeps_shell
from trajectories.records import Action, Episode


@dataclass
class _Entry:
    lock: Lock = field(default_factory=Lock)
    walk: Walk | None = None
    users: int = 0


class Walks:
    """Forks of the states of many episodes; a walk for each task, and for each way to keep a shell."""

    def __init__(self, places: Places, keep: int = 8, keep_states: int = 2000) -> None:
        """At most `keep` walks with `keep_states` snapshots in all, those in use not counted out."""
        self.places, self.keep, self.keep_states = places, keep, keep_states
        self._entries: OrderedDict[tuple[str, bool], _Entry] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def before(self, episode: Episode, step: int) -> Iterator[tuple[Toolbox, Callable[[Action], Action]]]:
        """The tools over a fork of the state before step `step` (from 1), and what moves an action to it.

        Recorded actions name the repository where it stood then; the policy's repeat that. The fork is closed at the
        end. One step more than the episode has is the state behind its last. UnknownTool where an earlier action has
        no tool here: the state cannot be reached. ValueError for a step that the episode does not have.
        """
        if not 1 <= step <= len(episode.turns) + 1:
            raise ValueError(f"{episode.traj_id} has the steps 1 to {len(episode.turns)}, found {step}")
        actions = [turn.action for turn in episode.turns[: step - 1]]
        strange = next((action.tool for action in actions if action.tool not in TOOLS), None)
        if strange is not None:
            raise UnknownTool(f"{episode.traj_id}: no tool '{strange}' here, which an action before step {step} needs")
        entry, move = self._enter(episode), mover(episode, self.places.root)
        try:
            tools = self._fork(entry, episode, [move(action) for action in actions])
            try:
                yield tools, move
            finally:
                tools.sandbox.close()
        finally:
            self._leave(entry)

    def _fork(self, entry: _Entry, episode: Episode, actions: list[Action]) -> Toolbox:
        with entry.lock:
            if entry.walk is None:
                entry.walk = Walk.of(self.places, episode)
            try:
                return entry.walk.before(actions)
            except SandboxError:
                entry.walk.close()  # the next attempt begins anew
                entry.walk = None
                raise

    def _enter(self, episode: Episode) -> _Entry:
        key = episode.instance_id, keeps_shell(episode.source)
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            entry.users += 1
            return entry

    def _leave(self, entry: _Entry) -> None:
        surplus = []
        with self._lock:
            entry.users -= 1
            states = sum(len(other.walk.states) for other in self._entries.values() if other.walk is not None)
            for key, other in list(self._entries.items()):
                if len(self._entries) <= self.keep and states <= self.keep_states:
                    break
                if not other.users:
                    surplus.append(self._entries.pop(key))
                    states -= len(other.walk.states) if other.walk is not None else 0
        for other in surplus:
            if other.walk is not None:
                other.walk.close()

    def close(self) -> None:
        """Close every walk; nobody may be using one."""
        with self._lock:
            entries, self._entries = list(self._entries.values()), OrderedDict()
        for entry in entries:
            if entry.walk is not None:
                entry.walk.close()
