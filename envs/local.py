"""A copied directory on this host, without any isolation: for code that is trusted, where nothing else works.

Never chosen by itself. Commands run as this user, with this user's files and network in reach. What is promised: the
original directory is not written to by relative paths, commands see only a few variables, their output and time are
bounded, and processes that kept the variables they were started with are killed. Of the limits only those of output
hold. The copy stands for the spec's working directory in `cwd` and in the paths of `read_file` and `write_file`; a
command that writes the directory's name out must use `$PWD` or a relative path.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final, Self

from envs.base import READ_LIMIT, Result, Sandbox, Spec, check_path
from envs.driver import Driver, shell_process
from envs.errors import SandboxError
from envs.hygiene import state_root
from envs.living import forget, remember
from envs.owner import make_owned_folder, remove_tree, this_owner
from envs.root_files import too_large

MARK: Final = "SRL_AGENT_LOCAL"
"""The variable by which a sandbox's processes are found."""
SNAPSHOT: Final = "snapshot-"
"""How the names of snapshots' folders begin."""
KEPT: Final = ("PATH", "LANG", "LC_ALL", "TZ")
"""Variables of the caller that commands see."""


class LocalSandbox(Sandbox):
    """One copied directory; see `envs.base.Sandbox`."""

    def __init__(self, spec: Spec, original: Path | None, family: Path | None = None) -> None:
        """Copy `original` (None: an empty directory). SandboxError where it cannot be copied."""
        self._spec, self._closed, self._removed = spec, False, False
        self._is_fork = family is not None
        self._family = family or make_owned_folder(state_root(), this_owner(spec.run_id))
        self._mark = uuid.uuid4().hex
        self.root = self._family / self._mark
        """Where the copy is."""
        self._driver = Driver(self._open_shell, self._kill_all, self._why_dead, spec.limits)
        try:
            _copy(original, self.root)
            self._driver.open()
        except BaseException:
            self.close()
            raise
        remember(self)

    def run(
        self,
        command: str,
        timeout: float = 60.0,
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> Result:
        """See `envs.base.Sandbox`."""
        self._check()
        place = str(self._place(cwd or self._spec.workdir))
        return self._driver.run(command, timeout, cwd=place, environment=environment, fresh=fresh)

    def read_file(self, path: str, limit: int = READ_LIMIT) -> bytes:
        """See `envs.base.Sandbox`."""
        self._check()
        with self._place(path).open("rb") as file:
            content = file.read(limit + 1) if os.fstat(file.fileno()).st_size <= limit else b""
            if len(content) > limit or os.fstat(file.fileno()).st_size > limit:
                raise too_large(path, limit)
        return content

    def write_file(self, path: str, content: bytes) -> None:
        """See `envs.base.Sandbox`."""
        self._check()
        place = self._place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def snapshot(self) -> str:
        """See `envs.base.Sandbox`; a copy."""
        self._check()
        name = uuid.uuid4().hex
        _copy(self.root, self._family / f"{SNAPSHOT}{name}")
        return name

    def fork(self, snapshot: str = "") -> Self:
        """See `envs.base.Sandbox`; a copy."""
        self._check()
        source = self._family / f"{SNAPSHOT}{snapshot}" if snapshot else self.root
        if not source.is_dir():
            raise SandboxError(f"no snapshot '{snapshot}' of this sandbox or of one it was forked from")
        return type(self)(self._spec, source, self._family)

    def close(self) -> None:
        """See `envs.base.Sandbox`."""
        if self._removed:
            return
        self._closed = True
        self._kill_all()
        self._driver.close()
        for folder in [self.root, *([] if self._is_fork else self._family.glob(f"{SNAPSHOT}*"))]:
            remove_tree(folder)
        # The last of a family takes its folder along: nothing but the owner's record is in it.
        if not any(folder.is_dir() for folder in self._family.glob("*")):
            remove_tree(self._family)
        self._removed = True
        forget(self)

    def _check(self) -> None:
        if reason := self._why_dead():
            raise SandboxError(reason)

    def _why_dead(self) -> str:
        if self._closed:
            return "the sandbox is closed"
        return "" if self.root.is_dir() else f"its directory {self.root} is gone"

    def _place(self, path: str) -> Path:
        """The host's path: the copy in place of the working directory."""
        check_path(path)
        inside = PurePosixPath(os.path.normpath(path))
        if inside.is_relative_to(self._spec.workdir):
            return self.root / inside.relative_to(self._spec.workdir)
        return Path(inside)

    def _open_shell(self) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        variables = {**kept, "HOME": str(self.root), **self._spec.environment, MARK: self._mark}
        words = [f"{name}={value}" for name, value in variables.items()]
        return shell_process(["env", "-i", *words, "bash", "--noprofile", "--norc"])

    def _kill_all(self) -> None:
        """Kill the processes that carry the mark, until there are none."""
        for _ in range(100):
            found = _marked(f"{MARK}={self._mark}".encode())
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not found:
                return
            time.sleep(0.01)
        raise SandboxError(f"processes started in {self.root} cannot be killed")


class LocalBackend:
    """See `envs.base.Backend`."""

    def why_not(self) -> str:
        """Why it cannot be used here."""
        missing = [name for name in ("bash", "env", "cp", "rm") if shutil.which(name) is None]
        return f"no command {', '.join(missing)}" if missing else ""

    def isolation(self) -> str:
        """One sentence on what it does not isolate."""
        return "isolates nothing: commands reach this user's files, processes and network, and only output is limited"

    def start(self, spec: Spec) -> LocalSandbox:
        """A running sandbox. SandboxError where the directory is missing."""
        if spec.image and not Path(spec.image).is_dir():
            raise SandboxError(f"image: {spec.image} is not a directory; the local backend copies one")
        return LocalSandbox(spec, Path(spec.image) if spec.image else None)


def _copy(source: Path | None, target: Path) -> None:
    if source is None:
        target.mkdir()
        return
    done = subprocess.run(["cp", "-a", "--", str(source), str(target)], capture_output=True, check=False)
    if done.returncode:
        raise SandboxError(f"{source} cannot be copied: {done.stderr.decode(errors='replace').strip()}")


def _marked(mark: bytes) -> list[int]:
    """Living processes of this user with that entry in the environment they were started with (proc(5))."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found
