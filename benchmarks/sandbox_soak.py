"""Many sandboxes at once, and many one after the other with nothing left of them.

    python benchmarks/sandbox_soak.py --at-once 64 --cycles 2000

A cycle starts a sandbox, runs a command, and closes it; every tenth also snapshots and forks it. What is counted
afterwards is what carries this run's id, or the name of one of its sandboxes; the exit status is 1 unless it is 0.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

import docker.errors
import sandbox_round
import sandbox_setup

from envs.base import Backend, Sandbox, Spec
from envs.docker_engine import engine
from envs.hygiene import find_leftovers
from envs.pool import ThreadPool

EACH = 20
"""Commands that each of the sandboxes at once runs."""
CROWD = (
    *("at once", "all ready s", "one ready s", "times as fast as one by one", "commands/s", "commands/s, one alone"),
    *("host PSS MB each", "cgroup MB each", "MemAvailable MB each"),
)
KINDS = {"container": "containers", "image": "images", "folder": "folders"}


def main() -> None:
    """Print a table for each part and backend."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    sandbox_setup.add_backends(parser)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--cycles", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=4, help="starts, and cycles, at a time")
    parser.add_argument("--run-id", default=f"soak-{uuid.uuid4().hex[:8]}")
    options = parser.parse_args()
    private = Path(tempfile.mkdtemp(prefix="srl-agent-soak-"))
    os.environ["TMPDIR"] = tempfile.tempdir = str(private)
    crowds, soaks, remains = [], [], []
    for name, backend, spec in sandbox_setup.chosen(options, options.run_id):
        if options.at_once:
            crowds.append([name, *at_once(backend, spec, options.at_once, options.workers)])
        if options.cycles:
            figures, rest = soak(backend, spec, options.cycles, options.workers, private)
            soaks.append([name, *figures])
            remains.append([name, *rest.values()])
            kinds = list(rest)
    if crowds:
        print(sandbox_setup.table(["backend", *CROWD], crowds) + "\n")
    if soaks:
        print(sandbox_setup.table(["backend", "cycles", "failed", "s", "cycles/s", "ours RSS MB +"], soaks) + "\n")
        print(sandbox_setup.table(["left", *kinds], remains))
    shutil.rmtree(private)
    sys.exit(any(any(row[1:]) for row in remains))


def at_once(backend: Backend, spec: Spec, number: int, workers: int) -> list[object]:
    """Start so many, run commands in all of them at the same time, and close them; beside one alone."""
    others = sandbox_round.descendants()
    started = time.perf_counter()
    alone = backend.start(spec)
    alone_ready = time.perf_counter() - started
    alone_rate = commands_a_second([alone])
    alone.close()
    available = _available()
    started = time.perf_counter()
    sandboxes: list[Sandbox] = []
    for outcome in ThreadPool(workers).map(lambda _: backend.start(spec), range(number)):
        if outcome.value is None:
            raise SystemExit(f"{len(sandboxes)} of {number} started: {outcome.error}")
        sandboxes.append(outcome.value)
    ready = time.perf_counter() - started
    rate = commands_a_second(sandboxes)
    memory = sandbox_round.memory(marks_of(spec.run_id), others)
    used = (available - _available()) / number
    for closed in ThreadPool(workers).map(lambda sandbox: sandbox.close(), sandboxes):
        if closed.error:
            raise SystemExit(closed.error)
    each = [memory["pss"] / number, memory["cgroup"] / number, used]
    return [number, ready, alone_ready, alone_ready * number / ready, rate, alone_rate, *each]


def commands_a_second(sandboxes: list[Sandbox]) -> float:
    """Of all together, a thread each."""

    def work(sandbox: Sandbox) -> None:
        for number in range(EACH):
            assert sandbox.run(f"echo {number}", cwd="/").output == f"{number}\n"

    started = time.perf_counter()
    for outcome in ThreadPool(len(sandboxes)).map(work, sandboxes):
        assert not outcome.error, outcome.error
    return len(sandboxes) * EACH / (time.perf_counter() - started)


def soak(backend: Backend, spec: Spec, cycles: int, workers: int, private: Path) -> tuple[list[object], dict[str, int]]:
    """(cycles, failures, seconds, cycles a second, growth of this process in MB) and what is left of them."""
    marks: set[str] = set()

    def cycle(number: int) -> None:
        sandbox = backend.start(spec)
        try:
            assert sandbox.run(f"echo {number} > mark; cat mark").output == f"{number}\n"
            if number % 10 == 0:
                fork = sandbox.fork(sandbox.snapshot())
                assert fork.run("cat mark").output == f"{number}\n"
                fork.close()
                marks.update(marks_of(spec.run_id))
        finally:
            sandbox.close()

    def several(numbers: Iterable[int]) -> int:
        return sum(outcome.value is None and bool(outcome.error) for outcome in ThreadPool(workers).map(cycle, numbers))

    several(range(workers))  # Modules, connections and caches that stay.
    before = own(private)
    memory = _resident()
    started = time.perf_counter()
    failed = several(range(cycles))
    seconds = time.perf_counter() - started
    growth = _resident() - memory
    after = own(private)
    left = remaining(spec.run_id, marks) | {kind: after[kind] - before[kind] for kind in after}
    return [cycles, failed, seconds, cycles / seconds, growth], left


def marks_of(run_id: str) -> set[str]:
    """What is known of the run's living sandboxes: names of containers, of their layers, and of folders."""
    marks = set()
    for one in find_leftovers():
        if one.owner and one.owner.run_id == run_id and one.kind in ("container", "folder"):
            marks.add(Path(one.name).name)
            if one.kind == "container":
                marks |= _layer(one.name)
    return marks


def _layer(container: str) -> set[str]:
    """The directory of a container's layer, where the engine's storage is overlay2."""
    try:
        data = engine().api.inspect_container(container).get("GraphDriver", {}).get("Data") or {}
    except docker.errors.NotFound:
        return set()
    return {Path(data["MergedDir"]).parent.name} if "MergedDir" in data else set()


def remaining(run_id: str, marks: Iterable[str]) -> dict[str, int]:
    """How much there is of each kind that carries the run's id or a mark."""
    marks = list(marks)
    found = [one.kind for one in find_leftovers() if one.owner and one.owner.run_id == run_id]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    groups = [entry for top in sandbox_round.tops() for entry in top.iterdir()]
    return {KINDS[kind]: found.count(kind) for kind in KINDS} | {
        "mounts": sum(any(mark in line for mark in marks) for line in mounts),
        "cgroups": sum(any(mark in group.name for mark in marks) for group in groups),
        "processes": len(sandbox_round.helpers(marks)),
    }


def own(private: Path) -> dict[str, int]:
    """What this process holds: open files, threads, children of any state, and files in its temporary folder."""
    gc.collect()
    children = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    root = private / f"srl-agent-{os.getuid()}"  # The folders' own folder stays.
    return {
        "open files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "children, zombies too": sum(map(len, children)),
        "temporary files": sum(path != root for path in private.rglob("*")),
    }


def _available() -> float:
    """MB that programs may still take, as the kernel estimates it."""
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) / 1024


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


if __name__ == "__main__":
    main()
