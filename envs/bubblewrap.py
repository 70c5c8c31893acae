"""Sandboxes without a daemon: bubblewrap over overlay mounts, for root and for ordinary users.

An image is a root directory, or several joined by `:` with the uppermost first, none of which is ever written to. The
empty name is a root made from this host's own `/usr`, read-only, with an `/etc` of its own (`envs.host_root`): whatever
the host has there can be read and run inside; `/home`, `/root`, `/var` and the rest of `/etc` cannot.

Inside, commands are uid 0 without any capability, in user, mount, process, network, IPC and host-name namespaces of
their own; further user namespaces are refused. `/tmp` is on the sandbox's disk and part of snapshots; `/dev/shm` holds
64 MB. Memory, processes and cores are bounded by a control group where one can be made (`envs.cgroups`), else by
limits of each process, as `isolation` says. The disk is bounded by a file system of its own (`envs.overlay`).

There is no seccomp filter unless the backend is given one, so the kernel's system calls are the wall: Docker's default
profile refuses some 40 of them, this refuses none. A snapshot of a sandbox in which background processes live is a copy
of what was written, else a rename of it; forking is one more mount. Needs Linux 5.11, bubblewrap 0.8 and util-linux.
"""

from __future__ import annotations

import functools
import os
import platform
import shutil
import uuid
from pathlib import Path
from typing import Final

from envs.base import Limits, Spec
from envs.bubblewrap_sandbox import BubblewrapSandbox
from envs.cgroups import make_cgroup
from envs.errors import SandboxError
from envs.host_root import make_host_root
from envs.hygiene import check_disk, folder_leftovers, reap, state_root
from envs.overlay import Store, has_loop

__all__ = ["BubblewrapBackend", "BubblewrapSandbox"]
PROGRAMS: Final = {"bwrap": "bubblewrap", "unshare": "util-linux", "nsenter": "util-linux", "mount": "mount"}
"""What is needed, and the Debian packages that hold it."""


class BubblewrapBackend:
    """See `envs.base.Backend`; `seccomp` is a file with a compiled BPF program for bwrap's `--add-seccomp-fd`."""

    def __init__(self, seccomp: Path | None = None) -> None:
        self.seccomp = seccomp

    def why_not(self) -> str:
        """Why it cannot be used here; found out, once, by starting a sandbox."""
        return _why_not()

    def isolation(self) -> str:
        """One sentence on what it does not isolate."""
        said = ["shares the host's kernel" + ("" if self.seccomp else " without a seccomp filter")]
        said.append("file times, load and hardware can be read")
        missing = _missing_controllers()
        each = [what for what in missing if what != "cpu"]
        if each:
            said.append(f"no control group for {' and '.join(each)}: bounded for each process, not for all together")
        if "cpu" in missing:
            said.append("cores are not limited")
        if not has_loop():
            said.append("its disk is memory of the host, outside the memory limit unless a control group counts it")
        return "; ".join(said)

    def start(self, spec: Spec) -> BubblewrapSandbox:
        """A running sandbox. SandboxError where a directory of the image is missing."""
        _reap_once()
        check_disk(str(state_root()))
        image = [Path(name) for name in spec.image.split(":")] if spec.image else []
        for folder in image:
            if not folder.is_absolute() or not folder.is_dir():
                raise SandboxError(
                    f"image: {folder} is not a directory by its absolute path; bubblewrap runs root directories, such "
                    f"as `debootstrap --variant=minbase bookworm {folder}` or `docker export` and tar make"
                )
        store = Store(state_root(), image or make_host_root, spec.run_id)
        try:
            return BubblewrapSandbox(store, spec, seccomp=self.seccomp)
        except BaseException:
            store.close()
            raise


@functools.cache
def _why_not() -> str:
    if platform.system() != "Linux":
        return "needs Linux"
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            return f"no command `{program}`; on Debian: apt install {package}"
    try:
        with_nothing = Spec("", limits=Limits(disk_mb=16))
        sandbox = BubblewrapBackend().start(with_nothing)
        sandbox.close()
    except SandboxError as error:
        return f"{error} (user {os.geteuid()}, Linux {platform.release()})"
    return ""


@functools.cache
def _missing_controllers() -> tuple[str, ...]:
    cgroup = make_cgroup(f"probe-{uuid.uuid4().hex}", Limits())
    cgroup.remove()
    return cgroup.missing


@functools.cache
def _reap_once() -> None:
    """Remove what dead runs of this user left."""
    reap(list(folder_leftovers(state_root())))
