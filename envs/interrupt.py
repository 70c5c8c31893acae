"""Ends the jobs of threads from outside: a sandbox's shell that a job waits for raises Interrupted when it is over.

The job then closes its sandboxes as after any other failure, in its own thread. What does not wait for a sandbox's
shell (a container being started, plain Python) is not interrupted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from envs.errors import SandboxError

TICK = 0.2
"""Seconds between two looks whether a job is over."""
_here = threading.local()


class Interrupted(SandboxError):
    """The job's time was up, or all jobs were stopped."""


@contextmanager
def job(ends: float, stop: threading.Event) -> Iterator[None]:
    """What this thread does within ends at `ends` (on the monotonic clock), or when `stop` is set."""
    _here.job = ends, stop
    try:
        yield
    finally:
        _here.job = None


def job_tick() -> float:
    """Seconds this thread may wait before it looks again; endless outside of a job. Interrupted when it is over."""
    found = getattr(_here, "job", None)
    if found is None:
        return float("inf")
    ends, stop = found
    if stop.is_set():
        raise Interrupted("interrupted")
    left: float = ends - time.monotonic()
    if left <= 0:
        raise Interrupted("its time was up")
    return min(left, TICK)
