"""Any step of any episode again, without re-running what came before it: one walk, a snapshot a step, forks on demand.

Walks are kept by (image, task, actions so far), so that runs of one task share a walk while their actions agree; the
least recently used are closed when there are too many. Files are kept, processes are not.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

from envs.base import Backend, Sandbox, Spec
from envs.toolbox import Toolbox
from trajectories.records import Action
from trajectories.render import render_action

Prepare = Callable[[Sandbox], None]
"""Puts the repository in place where the image has none."""


class Walk:
    """One sandbox that goes through a sequence of actions, and the snapshots it left on its way."""

    def __init__(
        self,
        backend: Backend,
        spec: Spec,
        prepare: Prepare | None = None,
        timeout: float = 60.0,
        *,
        keeps: bool = True,
    ) -> None:
        self.actions: list[Action] = []
        self.sandbox = backend.start(spec)
        try:
            if prepare is not None:
                prepare(self.sandbox)
            self.toolbox = Toolbox(self.sandbox, spec.workdir, timeout, keeps=keeps)
            self.snapshots = [self.sandbox.snapshot()]
        except BaseException:
            self.sandbox.close()
            raise
        self._editors = [self.toolbox.editor_state()]

    def before(self, actions: Sequence[Action]) -> Toolbox:
        """The tools over a fork of the state after `actions`, which begin with those walked so far or are part of
        them. The caller closes its sandbox."""
        for action in actions[len(self.actions) :]:
            self.toolbox.do(action)
            self.actions.append(action)
            self.snapshots.append(self.sandbox.snapshot())
            self._editors.append(self.toolbox.editor_state())
        place = len(actions)
        return self.toolbox.moved_to(self.sandbox.fork(self.snapshots[place]), self._editors[place])

    def leads_to(self, actions: Sequence[Action]) -> bool:
        """Whether `actions` lie on this walk or go on from its end."""
        common = min(len(actions), len(self.actions))
        return list(actions[:common]) == self.actions[:common]

    def close(self) -> None:
        """Remove the sandbox and its snapshots."""
        self.sandbox.close()


class States:
    """Walks of many episodes, the least recently used closed first."""

    def __init__(self, backend: Backend, keep: int = 8, timeout: float = 60.0) -> None:
        self.backend, self.keep, self.timeout = backend, keep, timeout
        self.walks: OrderedDict[str, Walk] = OrderedDict()

    def before(self, spec: Spec, task: str, actions: Sequence[Action], prepare: Prepare | None = None) -> Toolbox:
        """The tools over a fork of the state that `actions` lead to in the task. The caller closes its sandbox."""
        for key, walk in reversed(self.walks.items()):
            if key.startswith(f"{spec.image}\n{task}\n") and walk.leads_to(actions):
                self.walks.move_to_end(key)
                return walk.before(actions)
        while len(self.walks) >= self.keep:
            self.walks.popitem(last=False)[1].close()
        walk = self.walks[_key(spec, task, actions)] = Walk(self.backend, spec, prepare, self.timeout)
        return walk.before(actions)

    def close(self) -> None:
        """Close every walk."""
        while self.walks:
            self.walks.popitem()[1].close()


def _key(spec: Spec, task: str, actions: Sequence[Action]) -> str:
    text = "\n".join(render_action(action) for action in actions)
    return f"{spec.image}\n{task}\n{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"
