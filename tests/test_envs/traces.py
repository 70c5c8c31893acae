"""Everything on the host that bears a mark, counted by the kernel's and the engine's own lists and not by ours.

What `envs.hygiene` cannot see would never show in a test that asks it. A run is marked by a variable of its sandboxes'
environment, which images inherit, and by a folder of its own for state and temporary files.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker.errors

from envs.docker_engine import engine

VARIABLE = "SRL_AGENT_TEST_MARK"
TOP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Traces:
    """What to look for."""

    mark: str
    folder: Path
    """Holds `state` and `tmp`."""
    image: str = ""
    """A docker image with a layer that no other has; empty: the engine is not looked at."""
    groups: set[Path] = field(default_factory=set)
    """Control groups that processes with the mark were seen in."""

    def found(self) -> dict[str, list[str]]:
        """What there is of each kind; kinds of which nothing is there are left out."""
        self.groups.update(self._groups())
        kinds = {
            "processes": [str(pid) for pid in self._processes()],
            "control groups": [str(group) for group in self.groups if group.is_dir()],
            "mounts": list(self._mounts()),
            "loop devices": list(self._loops()),
            "files": [str(path) for name in ("state", "tmp") for path in (self.folder / name).iterdir()],
        }
        if self.image:
            kinds |= {"containers": list(self._containers()), "images": list(self._images())}
        return {kind: things for kind, things in kinds.items() if things}

    def found_in_the_end(self, seconds: float = 20.0) -> dict[str, list[str]]:
        """What is still there after some time: the engine and the kernel end things while others go on."""
        ends = time.monotonic() + seconds
        while (found := self.found()) and time.monotonic() < ends:
            time.sleep(0.1)
        return found

    def _processes(self) -> Iterator[int]:
        needles = self.mark.encode(), bytes(self.folder)
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                content = path.read_bytes()
            except OSError:  # Gone meanwhile, or not ours to look at.
                continue
            if any(needle in content for needle in needles):
                yield int(path.parent.name)

    def _groups(self) -> Iterator[Path]:
        """Those of marked processes, but for the groups that this process is in itself."""
        own = Path("/proc/self/cgroup").read_text().splitlines()
        for pid in self._processes():
            try:
                lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
            except (FileNotFoundError, ProcessLookupError):
                continue
            for _, controllers, path in (line.split(":", 2) for line in lines if line not in own):
                yield TOP / controllers.removeprefix("name=") / path[1:]

    def _mounts(self) -> Iterator[str]:
        """Mounts in the folder, and overlays over the image's own layer."""
        needles = [str(self.folder)]
        if self.image:
            layer = Path(engine().images.get(self.image).attrs["GraphDriver"]["Data"]["UpperDir"]).parent
            needles.append(f"/l/{(layer / 'link').read_text()}")
        lines = Path("/proc/mounts").read_text(errors="replace").splitlines()
        return (line for line in lines if any(needle in line for needle in needles))

    def _loops(self) -> Iterator[str]:
        for path in Path("/sys/block").glob("loop*/loop/backing_file"):
            try:
                if str(self.folder) in path.read_text():
                    yield path.parts[3]
            except OSError:  # Freed meanwhile.
                continue

    def _containers(self) -> Iterator[str]:
        for row in engine().api.containers(all=True):
            try:
                environment = engine().containers.get(row["Id"]).attrs["Config"]["Env"] or []
            except (docker.errors.NotFound, docker.errors.APIError):
                continue  # Another run's, being removed.
            if any(self.mark in entry for entry in environment):
                yield row["Id"]

    def _images(self) -> Iterator[str]:
        for row in engine().api.images(all=True):
            try:
                environment = engine().images.get(row["Id"]).attrs["Config"]["Env"] or []
            except docker.errors.NotFound:
                continue
            if any(self.mark in entry for entry in environment):
                yield row["Id"]
