"""One container as a sandbox: commands through one shell, files, snapshots as images, forks as containers of those."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import docker.errors

from envs import docker_files
from envs.base import READ_LIMIT, Result, Sandbox, Spec, missing_workdir
from envs.docker_container import kill_all, state_of, written_bytes
from envs.docker_engine import again, engine, engine_errors
from envs.docker_watch import WATCH
from envs.driver import Driver, shell_process
from envs.errors import SandboxError
from envs.hygiene import REMOVERS, SNAPSHOTS
from envs.living import forget
from envs.owner import NAMED, Owner

if TYPE_CHECKING:
    from envs.docker_backend import DockerBackend

FILE_TIMEOUT = 60.0
"""Seconds for reading or writing a file."""
KILL_PATIENCE = 5.0
"""Seconds until what was killed must be dead."""


@dataclass
class Family:
    """A sandbox that was started, with its snapshots and forks."""

    snapshots: dict[str, int] = field(default_factory=dict)
    """Images to the bytes that each added."""
    over: bool = False
    """The sandbox that was started is closed: snapshots go as soon as no fork uses them."""

    def drop(self, image: str) -> None:
        """Remove a snapshot; one that a living fork uses stays until that is closed."""
        with contextlib.suppress(docker.errors.NotFound), engine_errors(f"snapshot {image} cannot be removed"):
            try:
                engine().api.remove_image(image, force=False)
            except docker.errors.APIError as error:
                if error.status_code != 409:
                    raise
                return
        self.snapshots.pop(image, None)


class DockerSandbox(Sandbox):
    """See `envs.base.Sandbox`."""

    def __init__(self, backend: DockerBackend, container: str, spec: Spec, owner: Owner, family: Family) -> None:
        self.container, self.spec, self._backend, self._owner, self._family = container, spec, backend, owner, family
        self._is_fork, self._own_image, self._closed, self._removed = False, "", False, False
        self._driver = Driver(
            lambda: shell_process(["docker", "exec", "-i", container, "bash", "--noprofile", "--norc"]),
            self._kill_all,
            lambda: state_of(container),
            spec.limits,
            guard=True,
        )

    def open(self) -> None:
        """Open the shell. SandboxError where it does not answer: an image without bash."""
        self._driver.open()

    def enter_workdir(self) -> None:
        """SandboxError where the working directory is missing and not to be made."""
        place = docker_files.quoted(self.spec.workdir)
        done = self._shell(f"mkdir -p -- {place}" if self.spec.make_workdir else f"cd -- {place}")
        if done.exit_code:
            raise missing_workdir(self.spec, done.output.strip())

    def run(
        self,
        command: str,
        timeout: float = 60.0,
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> Result:
        """See `envs.base.Sandbox`. What runs while the sandbox has written more than its limit is killed."""
        self._check_open()
        done = self._driver.run(command, timeout, cwd=cwd or self.spec.workdir, environment=environment, fresh=fresh)
        written, allowed = WATCH.killed_at(self.container), self.spec.limits.disk_mb
        if written:
            note = f"[processes killed: {written >> 20} MB written to the sandbox, {allowed} allowed]"
        elif done.exit_code == docker_files.XFSZ and allowed:
            note = f"[killed: a file may have {allowed} MB, as the sandbox's disk may]"
        else:
            return done
        return replace(done, output=f"{done.output}\n{note}\n")

    def read_file(self, path: str, limit: int = READ_LIMIT) -> bytes:
        """See `envs.base.Sandbox`."""
        self._check_open()
        return docker_files.read_file(self.container, self._shell, path, limit)

    def write_file(self, path: str, content: bytes) -> None:
        """See `envs.base.Sandbox`."""
        self._check_open()
        docker_files.write_file(self.container, self._shell, path, content)

    def snapshot(self, name: str = "") -> str:
        """See `envs.base.Sandbox`. The same `name`, such as the commands so far, gives the same id within a run."""
        self._check_open()
        key = "\0".join((self._owner.run_id, self.spec.image, name)) if name else uuid.uuid4().hex
        tag = hashlib.sha256(key.encode()).hexdigest()[:32]
        image = f"{SNAPSHOTS}:{tag}"
        if image in self._family.snapshots:
            return image  # The name says what is in it; a second commit would take the tag from the first.
        size, held = written_bytes([self.container]).get(self.container, 0), sum(self._family.snapshots.values())
        allowed = self.spec.limits.snapshots_mb
        if allowed and held + size > allowed << 20:
            raise SandboxError(
                f"no room for a snapshot of {size >> 20} MB: {len(self._family.snapshots)} of this sandbox's "
                f"hold {held >> 20} MB of the {allowed} allowed (Limits.snapshots_mb); they go when it is closed"
            )
        again(lambda: self._commit(image, tag))  # nothing is paused: a file that goes while it is read may fail one
        self._family.snapshots[image] = size
        return image

    def _commit(self, image: str, tag: str) -> None:
        with engine_errors("a snapshot"):
            # The container's labels are the image's too, but for its name; the comment is what none inherits from it.
            label = f'LABEL "{NAMED}"="{image}"'
            engine().api.commit(self.container, SNAPSHOTS, tag, message=image, changes=[label], pause=False)

    def fork(self, snapshot: str = "") -> DockerSandbox:
        """See `envs.base.Sandbox`."""
        self._check_open()
        image = snapshot or self.snapshot()
        if image not in self._family.snapshots:
            raise SandboxError(f"{image} is no snapshot of this sandbox")
        child = self._backend.start_from(image, self.spec, self._owner, self._family)
        child._is_fork, child._own_image = True, "" if snapshot else image
        return child

    def close(self) -> None:
        """See `envs.base.Sandbox`. SandboxError when the engine does not remove it in three tries."""
        if self._removed:
            return
        self._closed = True
        WATCH.remove(self.container)
        self._driver.close()
        again(lambda: REMOVERS["container"](self.container))
        family = self._family
        family.over = family.over or not self._is_fork
        for image in list(family.snapshots) if family.over else filter(None, [self._own_image]):
            again(lambda image=image: family.drop(image))  # type: ignore[misc]
        self._removed = True
        forget(self)

    def _shell(self, command: str) -> Result:
        return self._driver.run(command, FILE_TIMEOUT, cwd="/")

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxError("this sandbox is closed")

    def _kill_all(self) -> None:
        kill_all(self.container, KILL_PATIENCE)
