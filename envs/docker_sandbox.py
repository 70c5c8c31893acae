"""One container as a sandbox: commands through one shell, files, snapshots as images, forks as containers of those."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import docker.errors

from envs import docker_files
from envs.base import Result, Spec
from envs.docker_container import kill_all, send_kill, state_of, written_bytes
from envs.docker_engine import again, engine, engine_errors
from envs.driver import Driver, shell_process
from envs.errors import SandboxError
from envs.hygiene import REMOVERS, SNAPSHOTS
from envs.owner import NAMED, Owner

if TYPE_CHECKING:
    from envs.docker_backend import DockerBackend

FILE_TIMEOUT = 60.0
"""Seconds for reading or writing a file."""
KILL_PATIENCE = 5.0
"""Seconds until what was killed must be dead."""
LOOK_EVERY = 1.0
"""Seconds between two looks at how much a sandbox has written."""


@dataclass
class Family:
    """A sandbox that was started, with its snapshots and forks."""

    snapshots: set[str] = field(default_factory=set)
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
        self.snapshots.discard(image)


class DockerSandbox:
    """See `envs.base.Sandbox`."""

    def __init__(
        self, backend: DockerBackend, container: str, spec: Spec, owner: Owner, family: Family, *, watched: bool
    ) -> None:
        self.container, self.spec, self._backend, self._owner = container, spec, backend, owner
        self._family, self._watched = family, watched
        self._is_fork, self._own_image, self._closed = False, "", False
        self._driver = Driver(
            lambda: shell_process(["docker", "exec", "-i", container, "bash", "--noprofile", "--norc"]),
            self._kill_all,
            lambda: state_of(container),
            spec.limits,
        )

    def open(self) -> None:
        """Open the shell. SandboxError where it does not answer: an image without bash or timeout."""
        self._driver.open()

    def run(
        self, command: str, timeout: float = 60.0, *, cwd: str = "", environment: Mapping[str, str] | None = None
    ) -> Result:
        """See `envs.base.Sandbox`. A command during which the sandbox writes more than its limit is killed."""
        self._check_open()
        with self._disk_watch() as full:
            done = self._driver.run(command, timeout, cwd=cwd or self.spec.workdir, environment=environment)
        if not full:
            return done
        note = f"\n[killed: {full[0] >> 20} MB written to the sandbox, {self.spec.limits.disk_mb} allowed]\n"
        return replace(done, output=done.output + note)

    def read_file(self, path: str) -> bytes:
        """See `envs.base.Sandbox`."""
        self._check_open()
        return docker_files.read_file(self.container, self._shell, path)

    def write_file(self, path: str, content: bytes) -> None:
        """See `envs.base.Sandbox`."""
        self._check_open()
        docker_files.write_file(self.container, self._shell, path, content)

    def snapshot(self, name: str = "") -> str:
        """See `envs.base.Sandbox`. The same `name`, such as the commands so far, gives the same id within a run.

        What a process in the background writes meanwhile may be in it by halves: nothing is stopped.
        """
        self._check_open()
        key = "\0".join((self._owner.run_id, self.spec.image, name)) if name else uuid.uuid4().hex
        tag = hashlib.sha256(key.encode()).hexdigest()[:32]
        image = f"{SNAPSHOTS}:{tag}"
        if image in self._family.snapshots:
            return image  # The name says what is in it; a second commit would take the tag from the first.
        with engine_errors("a snapshot"):
            # The container's labels are the image's too, but for its name; the comment is what none inherits from it.
            label = f'LABEL "{NAMED}"="{image}"'
            engine().api.commit(self.container, SNAPSHOTS, tag, message=image, changes=[label], pause=False)
        self._family.snapshots.add(image)
        return image

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
        if self._closed:
            return
        self._closed = True
        self._driver.close()
        again(lambda: REMOVERS["container"](self.container))
        family = self._family
        family.over = family.over or not self._is_fork
        for image in list(family.snapshots) if family.over else filter(None, [self._own_image]):
            again(lambda image=image: family.drop(image))  # type: ignore[misc]

    def _shell(self, command: str) -> Result:
        return self._driver.run(command, FILE_TIMEOUT, cwd="/")

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxError("this sandbox is closed")

    def _kill_all(self) -> None:
        kill_all(self.container, KILL_PATIENCE)

    @contextlib.contextmanager
    def _disk_watch(self) -> Iterator[list[int]]:
        """Kill everything once the sandbox has written too much; the list then holds how many bytes."""
        full: list[int] = []
        done = threading.Event()
        thread = threading.Thread(target=self._watch, args=(done, full), daemon=True)
        if self._watched:
            thread.start()
        try:
            yield full
        finally:
            done.set()
            if self._watched:
                thread.join()

    def _watch(self, done: threading.Event, full: list[int]) -> None:
        while not done.wait(LOOK_EVERY):
            with contextlib.suppress(SandboxError):  # A sandbox that is gone is the command's to report.
                written = written_bytes(self.container)
                if written > self.spec.limits.disk_mb << 20:
                    full[:] = [written]
                    # Not waited for: the driver opens another shell meanwhile, which must live.
                    send_kill(self.container)
                    return
