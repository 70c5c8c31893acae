"""A control group of one's own for a sandbox: memory, processes and cores bounded together, not each process alone.

Version 1 (one hierarchy a controller) and version 2. Groups are called `srl-agent/<name>`. Left out: version 2 where
a service manager delegates no group to this user; then there is none, and the caller is told what is not limited.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from envs.base import Limits

TOP = Path("/sys/fs/cgroup")
CONTROLLERS = ("memory", "pids", "cpu")
PERIOD = 100_000
"""Microseconds in which a group uses its share of the cores."""


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The directories of one group."""

    folders: tuple[Path, ...]
    """One under version 2, up to three under version 1; none where nothing can be limited."""
    missing: tuple[str, ...]
    """Controllers that limit nothing here."""

    def groups(self) -> list[Path]:
        """It and what stands below it, the deepest first: an engine makes a group for each container in one of ours."""
        below = {Path(path) for folder in self.folders for path, _, _ in os.walk(folder)}
        return sorted(below | set(self.folders), key=lambda path: (-len(path.parts), path))

    def kill(self) -> None:
        """Kill whatever is in it."""
        for folder in self.groups():
            # Gone already: another process removes what the same dead run left.
            with contextlib.suppress(FileNotFoundError):
                for pid in (folder / "cgroup.procs").read_text(encoding="ascii").split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)

    def remove(self) -> None:
        """Kill what is in it and remove it. OSError where that does not succeed within two seconds."""
        for folder in self.groups():
            for attempt in range(200):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    # Busy: processes that were killed are leaving.
                    if attempt == 199:
                        raise
                    self.kill()
                    time.sleep(0.01)


def find_cgroups(folder_name: str, top: Path = TOP) -> Cgroup:
    """The groups of a store's sandboxes: those of exactly its folder's name, with or without a number behind it."""
    # Version 2 has them under whatever group their process was in.
    pattern = "**/srl-agent" if (top / "cgroup.controllers").exists() else "*/srl-agent"
    wanted = re.compile(rf"{re.escape(folder_name)}(-\d+)?")
    found = [path for above in top.glob(pattern) for path in above.iterdir() if wanted.fullmatch(path.name)]
    return Cgroup(tuple(sorted(found)), ())


def make_cgroup(name: str, limits: Limits, top: Path = TOP) -> Cgroup:
    """A new group of that name with these limits, as far as this user may make one."""
    wanted = settings(limits)
    if (top / "cgroup.controllers").exists():
        return _make_unified(name, wanted, top)
    folders, missing = [], []
    for controller in CONTROLLERS:
        folder = top / controller / "srl-agent" / name
        try:
            folder.mkdir(parents=True)
            for file, value in wanted[controller][0]:
                # Some kernels do not count swap.
                if file != "memory.memsw.limit_in_bytes" or (folder / file).exists():
                    (folder / file).write_text(value, encoding="ascii")
            folders.append(folder)
        except OSError:
            missing.append(controller)
            with contextlib.suppress(OSError):
                folder.rmdir()
    return Cgroup(tuple(folders), tuple(missing))


def _make_unified(
    name: str, wanted: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]], top: Path
) -> Cgroup:
    """Under the first ancestor of this process's group in which this user may make one, the top first."""
    own = Path("/proc/self/cgroup").read_text(encoding="utf-8").rpartition("0::/")[2].strip()
    places = [top, *(top / parent for parent in reversed(Path(own).parents) if str(parent) != ".")]
    for place in places:
        folder = place / "srl-agent" / name
        missing = []
        try:
            folder.mkdir(parents=True)
        except OSError:
            continue
        for controller in CONTROLLERS:
            try:
                for above in (place, place / "srl-agent"):
                    (above / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")
                for file, value in wanted[controller][1]:
                    (folder / file).write_text(value, encoding="ascii")
            except OSError:
                missing.append(controller)
        return Cgroup((folder,), tuple(missing))
    return Cgroup((), CONTROLLERS)


def settings(limits: Limits) -> dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]]:
    """For each controller the files and values of version 1 and of version 2 (kernel: cgroup-v1/, cgroup-v2.rst)."""
    memory, quota = str(limits.memory_mb << 20), str(int(limits.cpus * PERIOD))
    memory_1 = [("memory.limit_in_bytes", memory), ("memory.memsw.limit_in_bytes", memory)]
    memory_2 = [("memory.max", memory), ("memory.swap.max", "0")]
    pids = [("pids.max", str(limits.pids))]
    cpu_1, cpu_2 = [("cpu.cfs_quota_us", quota)], [("cpu.max", f"{quota} {PERIOD}")]
    return {
        "memory": (memory_1, memory_2) if limits.memory_mb else ([], []),
        "pids": (pids, pids) if limits.pids else ([], []),
        "cpu": (cpu_1, cpu_2) if limits.cpus else ([], []),
    }
