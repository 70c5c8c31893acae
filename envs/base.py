"""The sandbox contract: what every backend gives and what it raises, and the dict of backends by name.

A failed command is a `Result`; a failed sandbox raises `SandboxError`. Paths are absolute paths inside the sandbox.
Left out here: tools over a sandbox (`envs.toolbox`), replay (`envs.replay`), many sandboxes at once (`envs.pool`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self, cast

from envs.errors import SandboxError

READ_LIMIT = 128 << 20
"""Bytes of a file above which `read_file` refuses it unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sandbox may use; a value of 0 lifts that limit."""

    memory_mb: int = 2048
    """Memory of all its processes, swap included."""
    pids: int = 512
    """Processes and threads at once."""
    cpus: float = 2.0
    """Cores' worth of time."""
    disk_mb: int = 4096
    """Bytes it may write over its image."""
    snapshots_mb: int = 8192
    """What the snapshots of a sandbox and its forks may hold together, where they are not on its own disk (docker)."""
    output_bytes: int = 65_536
    """Output kept of one command: the first and the last half."""
    flood_bytes: int = 256 << 20
    """A command that writes more than this is killed."""
    network: bool = False
    """True opens the network."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a sandbox is made from."""

    image: str
    """docker: an image name. bubblewrap: a root directory, or several joined by `:`, the uppermost first. local: a
    directory whose copy becomes the working directory."""
    workdir: str = "/testbed"
    """Where commands begin: an absolute path, of the image's unless that is empty or `make_workdir` is set."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of every command; none of the caller's reach in."""
    limits: Limits = field(default_factory=Limits)
    run_id: str = ""
    """Written into the labels of what the sandbox leaves on the host while it lives; empty for this process's own."""
    make_workdir: bool = False
    """Make the working directory where the image has none, for a caller who will fill it."""

    def __post_init__(self) -> None:
        if not self.workdir.startswith("/"):
            raise SandboxError(f"workdir: expected an absolute path inside the sandbox, got {self.workdir!r}")


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left."""

    exit_code: int
    """As the shell gives it: 128 + N for a command that signal N killed, 124 when its time was up."""
    output: str
    """Standard output and error as they came, decoded as UTF-8 with U+FFFD for what is not."""
    truncated: int = 0
    """Bytes left out in the middle, where the output says so."""
    duration: float = 0.0
    """Seconds."""
    timed_out: bool = False
    """Whether it was killed because its time, or its allowance of output, was up."""
    lost: bool = False
    """Whether the sandbox's shell died with it and was replaced."""


class Sandbox(Protocol):
    """One isolated checkout. Every method raises SandboxError when the sandbox itself is gone or closed."""

    def run(
        self,
        command: str,
        timeout: float = 60.0,
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> Result:
        """Run with bash in `cwd` (the spec's working directory if empty), standard input closed.

        When the time is up every process that the command started is killed, daemons included. `fresh` kills whatever
        earlier commands left running first and opens another shell: for steps whose result is believed, as a process
        in the background may trace a command, end it, or write to its output. ValueError for a variable without a name.
        """
        ...

    def read_file(self, path: str, limit: int = READ_LIMIT) -> bytes:
        """The content of a file. FileNotFoundError, IsADirectoryError or PermissionError as the system says, OSError
        (EFBIG) where it has more than `limit` bytes, ValueError unless the path is absolute."""
        ...

    def write_file(self, path: str, content: bytes) -> None:
        """Write a file whole, folders above it included. The OSError of the system where that is impossible;
        ValueError unless the path is absolute."""
        ...

    def snapshot(self) -> str:
        """Keep the files as they are, under an id. Processes are not kept; what one in the background writes meanwhile
        may be in it by halves. SandboxError where there is no room."""
        ...

    def fork(self, snapshot: str = "") -> Self:
        """A new sandbox with the files of that snapshot (empty: of now); neither sees the other's changes."""
        ...

    def close(self) -> None:
        """Kill and remove everything; closing twice is no error, and after a SandboxError it can be tried again.

        Snapshots go with the sandbox that was started, its forks live on.
        """
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def check_path(path: str) -> None:
    """ValueError unless a path inside a sandbox is absolute and without a NUL."""
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"expected an absolute path inside the sandbox, got {path!r}")


def missing_workdir(spec: Spec, reason: str) -> SandboxError:
    """What to raise where a sandbox has not the working directory that its spec names."""
    place = f"does not exist in image {spec.image}" if spec.image else "cannot be made"
    return SandboxError(
        f"workdir: {spec.workdir} {place} ({reason}): name a directory of the image, or set make_workdir where one is "
        "to be filled"
    )


class Backend(Protocol):
    """A way to make sandboxes."""

    def why_not(self) -> str:
        """Why it cannot be used on this machine, with the remedy; empty when it can."""
        ...

    def isolation(self) -> str:
        """One sentence on what it does not isolate."""
        ...

    def start(self, spec: Spec) -> Sandbox:
        """A running sandbox. SandboxError where the image is missing (named, with the command to get it)."""
        ...


BACKENDS = {
    "docker": "envs.docker_backend:DockerBackend",
    "bubblewrap": "envs.bubblewrap:BubblewrapBackend",
    "local": "envs.local:LocalBackend",
}
"""Names to import paths of classes without arguments."""
AUTOMATIC = ("docker", "bubblewrap")
"""What `auto` tries, in order; `local`, which isolates nothing, is never among them."""


def find_backend(name: str) -> Backend:
    """The backend of that name or import path `package.module:Class`; SandboxError lists the known ones."""
    module, _, attribute = BACKENDS.get(name, name).partition(":")
    if not attribute:
        raise SandboxError(f"backend: unknown name '{name}'; known: auto, {', '.join(BACKENDS)}")
    try:
        found = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError) as error:
        raise SandboxError(f"backend: '{name}' is no class that can be made without arguments: {error}") from error
    missing = [part for part in ("why_not", "isolation", "start") if not hasattr(found, part)]
    if missing:
        raise SandboxError(f"backend: '{name}' is no sandbox backend: it has no {', '.join(missing)}")
    return cast(Backend, found)


def choose_backend(name: str = "auto") -> tuple[str, Backend, str]:
    """(name, backend, why) of a backend that works here. SandboxError says for each one why it does not."""
    reasons: list[str] = []
    for candidate in AUTOMATIC if name == "auto" else (name,):
        backend = find_backend(candidate)
        obstacle = backend.why_not()
        if not obstacle:
            why = "as configured" if name != "auto" else "; ".join(reasons) or "the first that works"
            return candidate, backend, why
        reasons.append(f"{candidate}: {obstacle}")
    raise SandboxError(f"no sandbox backend works here: {'; '.join(reasons)}")
