"""Any state of one task again, without re-running what led to it: a tree of snapshots by the actions so far.

Files are kept, processes are not. `envs.walks` has the walks of many tasks, for many threads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

from envs.base import Backend, Sandbox, Spec
from envs.places import Places, Prepare
from envs.toolbox import EditorState, Toolbox, keeps_shell
from trajectories.records import Action, Episode
from trajectories.render import render_action

START = ""
"""The digest of no action."""


@dataclass(frozen=True, slots=True)
class _State:
    snapshot: str
    editor: EditorState


class Walk:
    """A sandbox that goes through actions, the snapshot of each state on its way, and forks where ways part.

    States are known by the actions that led to them, so episodes of one task share what they have in common.
    """

    def __init__(
        self,
        backend: Backend,
        spec: Spec,
        prepare: Prepare | None = None,
        timeout: float = 60.0,
        *,
        keeps: bool = True,
    ) -> None:
        self.sandbox: Sandbox = backend.start(spec)
        """The one that was started: with it all snapshots go."""
        try:
            if prepare is not None:
                prepare(self.sandbox)
            self._walker = Toolbox(self.sandbox, spec.workdir, timeout, keeps=keeps)
            self._at: str | None = START
            self.states = {START: _State(self.sandbox.snapshot(), self._walker.editor_state())}
            """By a digest of the actions so far."""
        except BaseException:
            self.sandbox.close()
            raise

    @classmethod
    def of(cls, places: Places, episode: Episode) -> Self:
        """A walk at the beginning of the episode's task. SandboxError where its image, or the task, is not there."""
        spec, prepare = places.of(episode)
        return cls(places.backend, spec, prepare, places.timeout, keeps=keeps_shell(episode.source))

    def before(self, actions: Sequence[Action]) -> Toolbox:
        """The tools over a fork of the state that `actions` lead to. The caller closes its sandbox.

        What is not known yet is walked from the longest known beginning. SandboxError where that fails; the states
        before it stay.
        """
        keys = _keys(actions)
        known = max(place for place, key in enumerate(keys) if key in self.states)
        if known < len(actions):
            self._go_to(keys[known])
        for place in range(known, len(actions)):
            self._do(actions[place], keys[place], keys[place + 1])
        return self._fork(keys[-1])

    def close(self) -> None:
        """Remove the sandboxes and the snapshots."""
        if self._walker.sandbox is not self.sandbox:
            self._walker.sandbox.close()
        self.sandbox.close()

    def _go_to(self, key: str) -> None:
        """Have the walker stand at a known state."""
        if self._at == key:
            return
        left, self._walker, self._at = self._walker, self._fork(key), key
        if left.sandbox is not self.sandbox:
            left.sandbox.close()

    def _do(self, action: Action, here: str, there: str) -> None:
        self._at = None  # until the snapshot is made, nobody knows where it stands
        self._walker.do(action)
        if _only_reads(action):
            self.states[there] = self.states[here]
        else:
            self.states[there] = _State(self._walker.sandbox.snapshot(), self._walker.editor_state())
        self._at = there

    def _fork(self, key: str) -> Toolbox:
        state = self.states[key]
        return self._walker.moved_to(self.sandbox.fork(state.snapshot), state.editor)


def _only_reads(action: Action) -> bool:
    """Whether an action surely changes no file; bash writes down where it is."""
    command = dict(action.arguments).get("command")
    return action.tool in ("think", "submit") or (action.tool == "str_replace_editor" and command == "view")


def _keys(actions: Sequence[Action]) -> list[str]:
    """For 0, 1, ... of the actions a digest of them, each made from the one before."""

    def texts() -> Iterator[str]:
        yield START
        yield from map(render_action, actions)

    return list(
        accumulate(texts(), lambda key, text: hashlib.sha256(f"{key}{text}".encode(errors="surrogatepass")).hexdigest())
    )
