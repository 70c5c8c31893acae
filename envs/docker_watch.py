"""A watch on how much each living container of this process has written, for engines whose storage has no quota.

One thread for all of them, one question to the engine a second, whether commands run or not. A container over its
bound has its processes killed, and again whenever it has grown since: one that shrinks can be emptied.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from envs.docker_container import send_kill, written_bytes
from envs.errors import SandboxError

LOOK_EVERY = 1.0
"""Seconds between two looks."""
LOG = logging.getLogger(__name__)


class DiskWatch:
    """See the module; safe to call from any thread."""

    def __init__(
        self,
        measure: Callable[[Sequence[str]], Mapping[str, int]] = written_bytes,
        kill: Callable[[str], None] = send_kill,
    ) -> None:
        self._measure, self._kill, self._lock = measure, kill, threading.Lock()
        self._bounds: dict[str, int] = {}
        self._allowed: dict[str, int] = {}
        self._killed: dict[str, int] = {}
        self._over = threading.Event()

    def add(self, container: str, bound: int) -> None:
        """Watch a container; `bound` is in bytes."""
        with self._lock:
            if not self._bounds:
                self._over = threading.Event()
                threading.Thread(target=self._watch, args=(self._over,), name="disk-watch", daemon=True).start()
            self._bounds[container] = self._allowed[container] = bound

    def remove(self, container: str) -> None:
        """Watch it no longer; one that is not watched is no error. The thread ends with the last."""
        with self._lock:
            for table in (self._bounds, self._allowed, self._killed):
                table.pop(container, None)
            if not self._bounds:
                self._over.set()

    def killed_at(self, container: str) -> int:
        """Bytes at which its processes were killed since one last asked; 0 where they were not."""
        with self._lock:
            return self._killed.pop(container, 0)

    def look(self) -> None:
        """Look at all of them once. SandboxError when the engine fails."""
        for container, written in self._measure(list(self._bounds)).items():
            with self._lock:
                if container not in self._bounds:
                    continue
                over = written > self._allowed[container]
                self._allowed[container] = max(written, self._bounds[container])
                if over:
                    self._killed[container] = written
            if over:
                # Not waited for: the driver opens another shell meanwhile, which must live.
                self._kill(container)

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(LOOK_EVERY):
            try:
                self.look()
            except SandboxError as error:
                # A container that is gone is its next command's to report; an engine that is, everybody's.
                LOG.warning("the disks of sandboxes cannot be looked at: %s", error)


WATCH = DiskWatch()
"""This process's."""
