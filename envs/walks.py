"""States before the steps of many episodes, for several threads at once: who asks is given a fork of its own.

An episode is walked through once, its actions in their order and each state kept; walks that nobody uses are closed
when there are too many. Files are kept, processes are not (`envs.states`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from envs.base import Backend, Spec
from envs.demo.place import demo_spec, placer
from envs.errors import SandboxError
from envs.images import task_image
from envs.replay import mover
from envs.states import Walk
from envs.toolbox import TOOLS, Toolbox, UnknownTool, keeps_shell
from trajectories.records import Action, Episode


@dataclass(frozen=True, slots=True)
class Places:
    """How the sandbox of an episode is made."""

    name: str
    """Of the backend."""
    backend: Backend
    bundled: bool = False
    """The episodes are of the bundled demonstration set, whose repositories are written into any base image."""
    image: str = ""
    """Of every episode; empty for the bundled set's usual one, or after the naming of the episode's data set."""
    timeout: float = 60.0
    """Seconds for each action."""

    def start(self, episode: Episode) -> Walk:
        """A walk at the beginning of the episode. SandboxError where its image, or the task, is not there."""
        if self.bundled:
            spec, prepare = demo_spec(self.name, self.image), placer(episode.instance_id)
            return Walk(self.backend, spec, prepare, self.timeout)
        image = self.image or task_image({"instance_id": episode.instance_id}, episode.source)
        return Walk(self.backend, Spec(image), None, self.timeout, keeps=keeps_shell(episode.source))


@dataclass
class _Entry:
    episode: Episode
    move: Callable[[Action], Action]
    lock: Lock = field(default_factory=Lock)
    walk: Walk | None = None
    users: int = 0


class Walks:
    """Forks of the states of many episodes, kept by traj_id."""

    def __init__(self, places: Places, keep: int = 8) -> None:
        self.places, self.keep = places, keep
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def before(self, episode: Episode, step: int) -> Iterator[tuple[Toolbox, Callable[[Action], Action]]]:
        """The tools over a fork of the state before step `step` (from 1), and what moves an action to it.

        Recorded actions name the repository where it stood then; the policy's repeat that. The fork is closed at the
        end. UnknownTool where an earlier action has no tool here: the state cannot be reached.
        """
        actions = [turn.action for turn in episode.turns[: step - 1]]
        strange = next((action.tool for action in actions if action.tool not in TOOLS), None)
        if strange is not None:
            raise UnknownTool(f"{episode.traj_id}: no tool '{strange}' here, which an action before step {step} needs")
        entry = self._enter(episode)
        try:
            tools = self._fork(entry, [entry.move(action) for action in actions])
            try:
                yield tools, entry.move
            finally:
                tools.sandbox.close()
        finally:
            self._leave(entry)

    def _fork(self, entry: _Entry, actions: list[Action]) -> Toolbox:
        with entry.lock:
            if entry.walk is None:
                entry.walk = self.places.start(entry.episode)
            try:
                return entry.walk.before(actions)
            except SandboxError:
                entry.walk.close()  # the next attempt begins anew
                entry.walk = None
                raise

    def _enter(self, episode: Episode) -> _Entry:
        with self._lock:
            entry = self._entries.get(episode.traj_id)
            if entry is None:
                entry = self._entries[episode.traj_id] = _Entry(episode, mover(episode, "/testbed"))
            self._entries.move_to_end(episode.traj_id)
            entry.users += 1
            return entry

    def _leave(self, entry: _Entry) -> None:
        with self._lock:
            entry.users -= 1
            idle = [name for name, other in self._entries.items() if not other.users]
            surplus = [self._entries.pop(name) for name in idle[: max(len(self._entries) - self.keep, 0)]]
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
