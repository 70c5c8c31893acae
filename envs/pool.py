"""Many jobs at once, each with its own sandboxes: bounded, with time-outs, and repeated only when a sandbox failed.

The same `Pool` runs on this machine's threads or on a Ray cluster (`envs.ray_pool`). Jobs bound their own time through
the sandbox's time-outs; the pool bounds the whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from envs.errors import SandboxError

Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Item, Value]):
    """What became of one job."""

    item: Item
    value: Value | None
    error: str = ""
    """Why there is no value: the last failure of its sandbox, or that time was up."""
    attempts: int = 1
    seconds: float = 0.0


class Pool(Protocol):
    """Where jobs run."""

    def map(self, work: Callable[[Item], Value], items: Iterable[Item]) -> Iterator[Outcome[Item, Value]]:
        """Outcomes as they come; `items` is read only as fast as there is room. A SandboxError is tried again, any
        other exception ends the whole and is raised."""
        ...


class ThreadPool:
    """Jobs on threads of this process: they wait for sandboxes, which are processes of their own."""

    def __init__(self, size: int, *, retries: int = 1, timeout: float = 0.0) -> None:
        """`size` jobs at once, each tried `retries` times more, no new one after `timeout` seconds (0: no limit)."""
        if size < 1:
            raise ValueError("a pool needs at least one worker")
        self.size, self.retries, self.timeout = size, retries, timeout

    def map(self, work: Callable[[Item], Value], items: Iterable[Item]) -> Iterator[Outcome[Item, Value]]:
        """See `Pool`."""
        ends = time.monotonic() + self.timeout if self.timeout else float("inf")
        waiting = iter(items)
        running: set[Future[Outcome[Item, Value]]] = set()
        executor = ThreadPoolExecutor(self.size, thread_name_prefix="sandbox")
        try:
            while True:
                for item in waiting:
                    running.add(executor.submit(attempt, work, item, self.retries, ends))
                    if len(running) >= self.size:
                        break
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def attempt(work: Callable[[Item], Value], item: Item, retries: int, ends: float) -> Outcome[Item, Value]:
    """Do one job, again after a SandboxError, unless `ends` (on the monotonic clock) has passed."""
    started, error = time.monotonic(), ""
    for number in range(1, retries + 2):
        if time.monotonic() > ends:
            return Outcome(item, None, error or "the time for all jobs was up", number - 1, time.monotonic() - started)
        try:
            return Outcome(item, work(item), "", number, time.monotonic() - started)
        except SandboxError as failure:
            error = str(failure)
    return Outcome(item, None, error, retries + 1, time.monotonic() - started)
