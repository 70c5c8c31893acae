"""Sandboxes as containers of the Docker engine, or of podman through its compatible socket.

Bounded by default: network, capabilities, processes, memory, cores, output, and the size of a file; the sum of the
files by a quota where the engine's storage has one (btrfs, zfs), else by a watch (`envs.docker_watch`) that kills what
runs in a sandbox once that has written too much. What the watch leaves open: between two looks, a second apart, a disk
can take in gigabytes; `docker/start-engine --disk` gives the engine a file system of its own for that. Images with
volumes are refused, since neither bounds nor snapshots hold for those.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from dataclasses import dataclass, field

from envs.base import Spec
from envs.docker_container import Hardening, create_container
from envs.docker_engine import again, engine, engine_errors, why_no_engine
from envs.docker_sandbox import DockerSandbox, Family
from envs.docker_watch import WATCH
from envs.errors import SandboxError
from envs.hygiene import REMOVERS, check_disk, docker_leftovers, engine_disk, reap
from envs.images import require_image
from envs.living import remember
from envs.owner import DEFAULT_TTL, Owner, this_owner

LOG = logging.getLogger(__name__)
REAP_EVERY = 60.0
"""Seconds; a process that starts sandboxes looks for orphans of dead ones this often at most."""


class Reaper:
    """Removes what dead runs left, at a process's first start and then once in a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0.0

    def look(self) -> None:
        """Reap when it is time. What cannot be removed is logged: it must not keep a living run from starting."""
        with self._lock:
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + REAP_EVERY
        removed, failures = reap(list(docker_leftovers()))
        if removed:
            LOG.info("removed %d things that dead runs left", len(removed))
        for failure in failures:
            LOG.warning("a dead run's leftover stays: %s", failure)


_reaper = Reaper()


@dataclass(frozen=True, slots=True)
class DockerBackend:
    """The backend `docker`."""

    pull: bool = False
    """Fetch an image that is not here from its registry."""
    ttl: float = DEFAULT_TTL
    """Seconds after which a container ends by itself, whatever became of its owner; 0: never."""
    hardening: Hardening = field(default_factory=Hardening)

    def why_not(self) -> str:
        """See `envs.base.Backend`."""
        if shutil.which("docker") is None:
            return "the command `docker` is missing: apt-get install docker.io, or docker/start-engine"
        return why_no_engine()

    def isolation(self) -> str:
        """See `envs.base.Backend`."""
        return (
            "shares the kernel with the host, uid 0 inside is uid 0 outside unless the engine maps users, and without "
            "a quota of the engine's storage a disk may fill up within a second before the command is killed"
        )

    def start(self, spec: Spec) -> DockerSandbox:
        """See `envs.base.Backend`. SandboxError also when the engine's disk is nearly full."""
        require_image(spec.image, pull=self.pull)
        _refuse_volumes(spec.image)
        _reaper.look()
        if disk := engine_disk():
            check_disk(disk)
        sandbox = self.start_from(spec.image, spec, this_owner(spec.run_id, self.ttl), Family())
        try:
            sandbox.enter_workdir()
        except BaseException:
            sandbox.close()
            raise
        return sandbox

    def start_from(self, image: str, spec: Spec, owner: Owner, family: Family) -> DockerSandbox:
        """A sandbox of an image that is here, in the family of the one whose snapshot that is."""
        container, has_quota = create_container(image, spec, owner, self.hardening, self.ttl)
        try:
            with engine_errors(f"a sandbox of {image}"):
                engine().api.start(container)
            sandbox = DockerSandbox(self, container, spec, owner, family)
            sandbox.open()
            if not has_quota:
                WATCH.add(container, spec.limits.disk_mb << 20)
        except BaseException:
            again(lambda: REMOVERS["container"](container))
            raise
        remember(sandbox)
        return sandbox


def _refuse_volumes(image: str) -> None:
    with engine_errors(f"image {image}"):
        volumes = engine().images.get(image).attrs["Config"].get("Volumes") or {}
    if volumes:
        raise SandboxError(
            f"image {image} has volumes ({', '.join(sorted(volumes))}), whose files are neither bounded nor part of "
            f"snapshots; one without them: docker export $(docker create {image}) | docker import - NAME"
        )
