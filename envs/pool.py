"""Many jobs at once, each with its own sandboxes: bounded, with time-outs, and repeated only when a sandbox failed.

The same `Pool` runs on this machine's threads or on a Ray cluster (`envs.ray_pool`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from envs.errors import SandboxError
from envs.interrupt import job

TIME_UP = "its time was up, or that of all jobs"
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
    """Jobs on threads of this process: they wait for sandboxes, which are processes of their own.

    A job that is over (its time or that of all is up, or the consumer stops reading, as on Ctrl-C) is interrupted in
    its sandbox's command and closes its sandboxes; see `envs.interrupt`.
    """

    def __init__(self, size: int, *, retries: int = 1, timeout: float = 0.0, job_timeout: float = 0.0) -> None:
        """`size` jobs at once, each tried `retries` times more.

        All end after `timeout` seconds, and each `job_timeout` seconds after it began, retries included (0: no limit).
        """
        if size < 1:
            raise ValueError("a pool needs at least one worker")
        self.size, self.retries, self.timeout, self.job_timeout = size, retries, timeout, job_timeout

    def map(self, work: Callable[[Item], Value], items: Iterable[Item]) -> Iterator[Outcome[Item, Value]]:
        """See `Pool`. Closing the iterator stops the jobs that run and returns when they have ended."""
        ends = time.monotonic() + (self.timeout or float("inf"))
        stop, waiting = threading.Event(), iter(items)
        running: set[Future[Outcome[Item, Value]]] = set()
        executor = ThreadPoolExecutor(self.size, thread_name_prefix="sandbox")

        def run(item: Item) -> Outcome[Item, Value]:
            last = min(ends, time.monotonic() + (self.job_timeout or float("inf")))
            with job(last, stop):
                return attempt(work, item, self.retries, last)

        try:
            while True:
                for item in waiting:
                    running.add(executor.submit(run, item))
                    if len(running) >= self.size:
                        break
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            stop.set()
            executor.shutdown(wait=True, cancel_futures=True)


def attempt(work: Callable[[Item], Value], item: Item, retries: int, ends: float) -> Outcome[Item, Value]:
    """Do one job, again after a SandboxError; none, and no value of one, after `ends` (on the monotonic clock)."""
    started, error, number = time.monotonic(), "", 0
    while number <= retries and time.monotonic() <= ends:
        number += 1
        try:
            value = work(item)
        except SandboxError as failure:
            error = str(failure)
        else:
            if time.monotonic() <= ends:
                return Outcome(item, value, "", number, time.monotonic() - started)
    error = error if time.monotonic() <= ends else TIME_UP
    return Outcome(item, None, error, number, time.monotonic() - started)
