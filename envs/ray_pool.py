"""The pool of `envs.pool` over a Ray cluster: many machines, each sandbox leased where its image is.

A machine says which images it has when it joins, as resources that it has in any amount:

    ray start --address=HEAD:6379 --resources="$(python -m envs.ray_pool)"

Cancelling interrupts the jobs that run, which close their sandboxes as on Ctrl-C, and ends their processes. So what an
interrupted job could not close, or what a killed driver, worker or machine leaves, has a dead owner (`envs.owner`) and
is reaped by the next sandbox that starts on that machine. Left out: pulling images, and moving files between machines.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from envs.errors import SandboxError
from envs.pool import Outcome, attempt

try:
    import ray
    from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as missing:
    raise SandboxError("jobs on a cluster need Ray: pip install 'srl-agent[ray]'") from missing

Item = TypeVar("Item")
Value = TypeVar("Value")

MARK = "image:"
"""Before an image's name in the name of the resource by which a machine says that it has it."""
PATIENCE = 30.0
"""Seconds that interrupted jobs have to close their sandboxes before their processes are killed."""
TICK = 0.25
"""Seconds between a job's looks whether it was interrupted."""
LOST = (WorkerCrashedError, NodeDiedError, OutOfMemoryError)
"""The machine's faults, not the job's: it is tried again as after a SandboxError."""
TIME_UP = "the time for all jobs was up"


@dataclass(frozen=True, slots=True)
class _Job(Generic[Item]):
    item: Item
    started: float
    """On the driver's monotonic clock."""
    attempts: int = 1
    node: str = ""
    """The machine it was given to for its image; empty for any."""


class RayPool:
    """Jobs on the machines of the cluster that `ray.init` joined; `work`, items and values travel pickled.

    It follows `envs.pool.Pool`, and where that waits for what runs when the time is up, this interrupts it.
    """

    def __init__(
        self,
        size: int,
        *,
        retries: int = 1,
        timeout: float = 0.0,
        cpus: float = 1.0,
        image_of: Callable[[Any], str] | None = None,
    ) -> None:
        """`size` jobs at once, each tried `retries` times more, all over after `timeout` seconds (0: no limit).

        A job takes `cpus` of a machine's cores and waits while all are taken. `image_of` gives the image of an item:
        its job goes to a machine that has it, the least busy with ours, even if it must wait for it; where none has
        it, or the machine is lost, anywhere. SandboxError where no cluster was joined.
        """
        if size < 1:
            raise ValueError("a pool needs at least one worker")
        if not ray.is_initialized():
            raise SandboxError("no Ray cluster was joined: call ray.init(address=...) before")
        self.size, self.retries, self.timeout, self._image_of = size, retries, timeout, image_of
        # Ray's own retries would also repeat what was interrupted.
        self._remote = ray.remote(num_cpus=cpus, max_retries=0)(_run_once)

    def map(self, work: Callable[[Item], Value], items: Iterable[Item]) -> Iterator[Outcome[Item, Value]]:
        """See `envs.pool.Pool`."""
        ends = time.monotonic() + self.timeout if self.timeout else float("inf")
        waiting, shared = iter(items), ray.put(work)
        running: dict[Any, _Job[Item]] = {}
        try:
            while time.monotonic() < ends:
                while len(running) < self.size and (new := next(waiting, running)) is not running:
                    self._submit(shared, _Job(new, time.monotonic()), running)  # type: ignore[arg-type]
                if not running:
                    return
                left = None if ends == float("inf") else max(0.0, ends - time.monotonic())
                for ref in ray.wait(list(running), timeout=left)[0]:
                    job = running.pop(ref)
                    outcome = _collect(ref, job)
                    if outcome.error and job.attempts <= self.retries and time.monotonic() < ends:
                        self._submit(shared, replace(job, attempts=job.attempts + 1), running)
                    else:
                        yield outcome
            stopped = list(running.values())
            cancel(running)
            running.clear()
            yield from (_over(job.item, job.attempts, job.started) for job in stopped)
            yield from (_over(item, 0, time.monotonic()) for item in waiting)
        finally:
            cancel(running)

    def _submit(self, work: Any, job: _Job[Item], running: dict[Any, _Job[Item]]) -> None:
        node = _node_with(self._image_of(job.item), running.values()) if self._image_of else ""
        where = NodeAffinitySchedulingStrategy(node, soft=True) if node else "SPREAD"
        ref = self._remote.options(scheduling_strategy=where).remote(work, job.item)
        running[ref] = replace(job, node=node)


def _run_once(work: Callable[[Item], Value], item: Item) -> Outcome[Item, Value]:
    """One try, on the machine that has it."""
    # Ray interrupts by `_thread.interrupt_main`, which ends no wait; a signal does, and then the interrupt is seen.
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, TICK, TICK)
    try:
        return attempt(work, item, 0, float("inf"))
    except KeyboardInterrupt:
        # It may have come between starting a sandbox and what closes it: with the process its owner ends.
        sys.exit(1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _collect(ref: Any, job: _Job[Item]) -> Outcome[Item, Any]:
    """What became of a try; raises what the job raised."""
    seconds = time.monotonic() - job.started
    try:
        outcome: Outcome[Item, Any] = ray.get(ref)
    except LOST as error:
        return Outcome(job.item, None, f"its worker was lost: {error}".strip(), job.attempts, seconds)
    return replace(outcome, item=job.item, attempts=job.attempts, seconds=seconds)


def _over(item: Item, attempts: int, started: float) -> Outcome[Item, Any]:
    return Outcome(item, None, TIME_UP, attempts, time.monotonic() - started)


def _node_with(image: str, running: Iterable[_Job[Any]]) -> str:
    """The machine that has an image and the fewest of our jobs for each of its cores; empty where none has it."""
    busy = Counter(job.node for job in running)
    nodes = [node for node in ray.nodes() if node["Alive"] and MARK + image in node["Resources"]]
    nodes.sort(key=lambda node: busy[node["NodeID"]] / node["Resources"].get("CPU", 1.0))
    return str(nodes[0]["NodeID"]) if nodes else ""


def cancel(jobs: Collection[Any]) -> None:
    """Interrupt jobs, and return when all have ended; one that takes too long is killed with its process."""
    for ref in jobs:
        ray.cancel(ref, force=False)
    late = ray.wait(list(jobs), num_returns=len(jobs), timeout=PATIENCE)[1] if jobs else []
    for ref in late:
        ray.cancel(ref, force=True)


def resources(images: Iterable[str]) -> dict[str, float]:
    """What a machine that has these images (docker: their names, bubblewrap: their directories) says when it joins."""
    return {MARK + image: 1.0 for image in images}


def local_images() -> list[str]:
    """The names of the images that this machine's engine has, snapshots left out. SandboxError where none answers."""
    from envs.docker_engine import engine, engine_errors
    from envs.hygiene import SNAPSHOTS

    with engine_errors("listing images"):
        tags = [tag for image in engine().images.list() for tag in image.tags]
    return sorted(tag for tag in tags if not tag.startswith(SNAPSHOTS + ":"))


if __name__ == "__main__":
    print(json.dumps(resources([*local_images(), *sys.argv[1:]])))
