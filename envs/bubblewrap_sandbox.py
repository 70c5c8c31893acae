"""One bubblewrap sandbox: its namespaces and mounts, the shell inside, its layers and its end."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self, TypeVar

from envs import root_files
from envs.base import READ_LIMIT, Result, Sandbox, Spec, check_path, missing_workdir
from envs.cgroups import make_cgroup
from envs.driver import Driver, shell_process
from envs.errors import SandboxError
from envs.host_root import host_binds
from envs.living import forget, remember
from envs.overlay import CLEAN, SEARCH, Store, children

ENVIRONMENT: Final = {"PATH": SEARCH, "HOME": "/root", "LANG": "C.UTF-8"}
"""What commands see unless the spec says otherwise; nothing of the caller's own."""
SHARED_MEMORY: Final = 64 << 20
"""Bytes of /dev/shm, as much as Docker gives."""
KERNEL_SETTINGS: Final = ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/sysrq-trigger", "/proc/pressure")
"""What sets the kernel's behaviour for the whole host."""
SHELL: Final = "/dev/.bash"
"""The driver's shell and PID 1 inside: the image's bash, which nothing inside may read, so that nobody there may look
into the process (execve(2)), write to its pipes or kill it. bwrap's own first process would hold the same pipes."""
JOIN: Final = 'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'
"""Moves the shell that runs it into control groups before it becomes the command."""
NAMESPACES: Final = ("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try")

Value = TypeVar("Value")


class BubblewrapSandbox(Sandbox):
    """One sandbox; see `envs.base.Sandbox`."""

    def __init__(self, store: Store, spec: Spec, lower: tuple[str, ...] = (), seccomp: Path | None = None) -> None:
        """Over frozen layers of a store, the uppermost first. SandboxError where it cannot be started."""
        self._store, self._spec, self._lower, self._seccomp = store, spec, lower, seccomp
        self._layers, self._layer, self._mounted, self._froze = 0, 0, False, False
        self._closed = self._removed = False
        self._number = store.new_disk(spec.limits.disk_mb)
        self._cgroup = make_cgroup(f"{store.folder.name}-{self._number}", spec.limits)
        self._shell: subprocess.Popen[bytes] | None = None
        self._driver = Driver(self._open_shell, self._kill_all, self._why_dead, spec.limits)
        try:
            self._enter_workdir()
        except BaseException:
            self.close()
            raise
        remember(self)

    @property
    def holder(self) -> int:
        """The host's process id of what holds its namespaces and those of its forks; they end with it."""
        return self._store.holder

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
        return self._driver.run(command, timeout, cwd=cwd or self._spec.workdir, environment=environment, fresh=fresh)

    def read_file(self, path: str, limit: int = READ_LIMIT) -> bytes:
        """See `envs.base.Sandbox`."""
        check_path(path)
        return self._with_root(lambda root: root_files.read(root, path, limit))

    def write_file(self, path: str, content: bytes) -> None:
        """See `envs.base.Sandbox`."""
        check_path(path)
        self._with_root(lambda root: root_files.write(root, path, content))

    def snapshot(self) -> str:
        """See `envs.base.Sandbox`."""
        self._check()
        stack = self._lower
        if self._mounted and not self._store.is_empty(self._number, self._layer):
            stack = self._freeze() if self._is_quiet() else self._copy()
            self._froze = True
        name = uuid.uuid4().hex
        self._store.snapshots[name] = stack
        return name

    def fork(self, snapshot: str = "") -> Self:
        """See `envs.base.Sandbox`."""
        self._check()
        stack = self._store.snapshots.get(snapshot or self.snapshot())
        if stack is None:
            raise SandboxError(f"no snapshot '{snapshot}' of this sandbox or of one it was forked from")
        return type(self)(self._store, self._spec, stack, self._seccomp)

    def close(self) -> None:
        """See `envs.base.Sandbox`."""
        if self._removed:
            return
        self._closed = True
        # Each of them is done, the last one first, whatever becomes of the others.
        with contextlib.ExitStack() as steps:
            steps.callback(self._store.drop, self._number, keep=self._froze)
            steps.callback(self._remove_cgroup)
            steps.callback(self._driver.close)
            steps.callback(self._kill_all)
        self._removed = True
        forget(self)

    def _enter_workdir(self) -> None:
        """SandboxError where the working directory is missing and not to be made."""
        workdir = self._spec.workdir
        try:
            if self._spec.make_workdir or not self._spec.image:
                self._with_root(lambda root: root_files.make_folders(root, workdir))
            else:
                self._with_root(lambda root: root_files.check_folder(root, workdir))
        except OSError as error:
            raise missing_workdir(self._spec, str(error.strerror)) from error

    def _remove_cgroup(self) -> None:
        try:
            self._cgroup.remove()
        except OSError as error:
            raise SandboxError(f"a control group cannot be removed: {error}") from error

    def _check(self) -> None:
        if self._closed:
            raise SandboxError("the sandbox is closed")

    def _why_dead(self) -> str:
        return "it is closed" if self._closed else self._store.why_dead()

    def _new_layer(self) -> int:
        self._layers += 1
        return self._layers

    def _freeze(self) -> tuple[str, ...]:
        """End the shell and keep what was written as a layer; the next command gets a shell over a new one."""
        self._kill_all()
        self._driver.close()
        self._store.unmount(self._number)
        self._mounted = False
        stack = (f"{self._number}/{self._layer}", *self._lower)
        self._lower = self._store.merged(self._number, self._new_layer(), stack)
        return self._lower

    def _copy(self) -> tuple[str, ...]:
        """Copy what was written, since processes live that a new mount would end."""
        copy = self._new_layer()
        self._store.copy_layer(self._number, self._layer, copy)
        return (f"{self._number}/{copy}", *self._lower)

    def _open_shell(self) -> subprocess.Popen[bytes]:
        if not self._mounted:
            self._layer = self._new_layer()
            self._store.mount(self._number, self._layer, self._lower)
            self._mounted = True
        filters = [os.open(self._seccomp, os.O_RDONLY | os.O_CLOEXEC)] if self._seccomp else []
        try:
            self._shell = shell_process([*self._entering(), *self._bwrap(filters)], filters, CLEAN)
        finally:
            for fd in filters:
                os.close(fd)
        return self._shell

    def _entering(self) -> list[str]:
        groups = [str(folder) for folder in self._cgroup.folders]
        return ["/bin/sh", "-c", JOIN, "sh", *groups, "--", *self._store.entering()]

    def _bwrap(self, filters: Sequence[int]) -> list[str]:
        words = [
            shutil.which("bwrap") or "bwrap",
            *NAMESPACES,
            "--disable-userns",
            "--uid",
            "0",
            "--gid",
            "0",
            "--hostname",
            "sandbox",
        ]
        words += [] if self._spec.limits.network else ["--unshare-net"]
        words += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--as-pid-1"]
        words += ["--bind", str(self._store.view(self._number)), "/", "--proc", "/proc", "--dev", "/dev"]
        # uid 0 inside may be uid 0 outside, whose files the kernel's settings are: without capabilities it still writes
        # what it owns, /proc/sys/kernel/core_pattern among it.
        for settings in KERNEL_SETTINGS:
            words += ["--ro-bind-try", settings, settings]
        words += ["--perms", "1777", "--size", str(SHARED_MEMORY), "--tmpfs", "/dev/shm"]
        words += ["--ro-bind", str(self._store.shell), SHELL, "--remount-ro", "/dev"]
        words += [] if self._spec.image else host_binds()
        words += ["--chdir", "/", "--clearenv"]
        for name, value in {**ENVIRONMENT, **self._spec.environment}.items():
            words += ["--setenv", name, value]
        for fd in filters:
            words += ["--add-seccomp-fd", str(fd)]
        return [*words, SHELL, "-c", f"{self._rlimits()}; exec {SHELL} --noprofile --norc"]

    def _rlimits(self) -> str:
        """Limits of each process where there is no control group; the kernel counts processes by user namespace."""
        limits, missing = self._spec.limits, self._cgroup.missing
        words = ["ulimit -c 0"]
        if "pids" in missing and limits.pids:
            words.append(f"ulimit -u {limits.pids}")
        if "memory" in missing and limits.memory_mb:
            words.append(f"ulimit -d {limits.memory_mb << 10}")
        return "; ".join(words)

    def _first_process(self) -> int:
        """The host's process id of PID 1 inside; 0 when it is not running."""
        generation = [self._shell.pid] if self._shell is not None and self._shell.poll() is None else []
        while generation:
            for pid in generation:
                if _is_first(pid):
                    return pid
            generation = [child for pid in generation for child in children(pid)]
        return 0

    def _is_quiet(self) -> bool:
        """Whether nothing runs inside but the shell."""
        return not children(self._first_process())

    def _kill_all(self) -> None:
        """Kill PID 1 inside, with which the kernel kills the rest, and wait until all are gone."""
        if self._shell is None:
            return
        first = self._first_process()
        if first:
            _kill_and_wait(first)
        else:
            self._shell.kill()
        self._shell.wait()

    def _with_root(self, act: Callable[[int], Value]) -> Value:
        """Call with a descriptor of the sandbox's root directory as its processes see it."""
        self._check()
        self._driver.open()
        first = self._first_process()
        if not first:
            # It died between two commands; the next one, as this, gets another.
            self._driver.close()
            self._driver.open()
            first = self._first_process()
        try:
            root = os.open(f"/proc/{first}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SandboxError(f"the sandbox is gone: {self._why_dead() or error}") from error
        try:
            return act(root)
        finally:
            os.close(root)


def _is_first(pid: int) -> bool:
    """Whether a process is PID 1 of its own namespace."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(line.split()[1:][-1] == "1" for line in status.splitlines() if line.startswith("NSpid:"))


def _kill_and_wait(pid: int) -> None:
    """Kill PID 1 of a namespace; it ends when every process of its namespace has (pid_namespaces(7))."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if _is_first(pid):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        if not poll.poll(30_000):
            raise SandboxError("processes in the sandbox do not end 30 s after SIGKILL")
    except ProcessLookupError:
        return
    finally:
        os.close(handle)
