"""One round with a sandbox of anyone's: start, commands, memory, stop. Needs the standard library only, so that the
rivals run it in environments of their own (`rival_*.py`), one round for each line on standard input.

Memory: resident (RSS) and proportional (PSS, which shares a program's text among those that run it) megabytes of the
processes on the host that this one started for the sandbox or whose command line names it, and what the sandbox's
control group is charged for (version 1: memory.usage_in_bytes; version 2: memory.current), page cache included.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Protocol

CGROUPS = Path("/sys/fs/cgroup")
GONE = 60.0
"""Seconds that what was stopped may take to be gone."""


class Subject(Protocol):
    """A sandbox that runs."""

    def run(self, command: str) -> str:
        """The command's output."""
        ...

    def marks(self) -> list[str]:
        """What the command lines of its processes on the host, and its control groups, are known by."""
        ...

    def stop(self) -> None:
        """As its users stop it."""
        ...


def one_round(start: Callable[[], Subject], commands: int) -> dict[str, float]:
    """Milliseconds and megabytes of one sandbox. Started means that the first command has answered."""
    others = descendants()
    begun = time.perf_counter()
    subject = start()
    assert subject.run("echo ready").strip() == "ready"
    figures = {"start": _since(begun)}
    times = []
    for _ in range(commands):
        begun = time.perf_counter()
        subject.run("true")
        times.append(_since(begun))
    figures["command"] = median(times)
    marks = subject.marks()
    figures |= memory(marks, others)
    begun = time.perf_counter()
    subject.stop()
    figures["stop"] = _since(begun)
    # Some only begin to stop.
    while groups_of(marks) and _since(begun) < GONE * 1000:
        time.sleep(0.005)
    figures["gone"] = _since(begun)
    return figures


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000


def memory(marks: Iterable[str], others: set[str]) -> dict[str, float]:
    """`rss`, `pss` and `cgroup` in megabytes, leaving out `others` of this process's descendants."""
    groups = groups_of(marks)
    inside = {pid for group in groups for pid in _words(group / "cgroup.procs")}
    pids = ({*helpers(marks)} | descendants() - others) - inside
    charged = sum(_number(group / file) for group in groups for file in ("memory.usage_in_bytes", "memory.current"))
    return {
        "rss": sum(_kilobytes(pid, "Rss:") for pid in pids) / 1024,
        "pss": sum(_kilobytes(pid, "Pss:") for pid in pids) / 1024,
        "cgroup": charged / (1 << 20),
    }


def descendants() -> set[str]:
    """Process ids of this process's children, their children and so on."""
    found: set[str] = set()
    generation = {str(os.getpid())}
    while generation:
        lists = [_words(path) for pid in generation for path in Path("/proc", pid, "task").glob("*/children")]
        generation = {pid for pids in lists for pid in pids}
        found |= generation
    return found


def helpers(marks: Iterable[str]) -> list[str]:
    """Processes other than this one whose command line holds a mark."""
    wanted = [mark.encode() for mark in marks]
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            except OSError:
                continue
            if any(mark in line for mark in wanted):
                found.append(folder.name)
    return found


def groups_of(marks: Iterable[str]) -> list[Path]:
    """Memory control groups whose name holds a mark."""
    places = [top for top in tops() if "memory" in top.parts or top.parent == CGROUPS]
    return [entry for top in places for entry in top.iterdir() if any(mark in entry.name for mark in marks)]


def tops() -> list[Path]:
    """Folders that hold the control groups of sandboxes, under version 1 of each controller."""
    return [top for pattern in ("docker", "srl-agent", "*/docker", "*/srl-agent") for top in CGROUPS.glob(pattern)]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _number(path: Path) -> int:
    words = _words(path)
    return int(words[0]) if words else 0


def _kilobytes(pid: str, name: str) -> int:
    """A line of smaps_rollup (proc(5)); 0 when the process is gone or not ours to read."""
    words = _words(Path("/proc") / pid / "smaps_rollup")
    return int(words[words.index(name) + 1]) if name in words else 0


def serve(start: Callable[[], Subject]) -> None:
    """A round for each line of standard input, which is the number of commands; its figures as a line of JSON."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What the libraries print is no answer.
    for line in sys.stdin:
        print(json.dumps(one_round(start, int(line))), file=answers, flush=True)
