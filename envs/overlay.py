"""The disks of sandboxes: stacked read-only layers under a bounded writable one, in a mount namespace of their own.

One `Store` belongs to a sandbox and all its forks. A bash in a private mount and process-id namespace (of a user
namespace, where the user is not root) makes the mounts; it ends with this process, however that ends, and the kernel
then takes the mounts and the processes with it. What stays is a folder with its owner's record (`envs.owner`).

    <folder>/i0, i1, ...    the image's directories, bound read-only, the uppermost first
    <folder>/<n>            the disk of sandbox n: ext4 on a sparse file, or tmpfs where no loop device may be mounted
    <folder>/<n>/<k>        its layers; the one with the highest k is being written, the others are frozen
    <folder>/m<n>           the whole as sandbox n sees it

The option string of a mount is one page (mount(2)), hence the short names.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from envs import layers as layers_script
from envs.base import Limits
from envs.driver import Driver, shell_process
from envs.errors import SandboxError
from envs.owner import make_owned_folder, remove_tree, start_time, this_owner

MOST_LAYERS: Final = 100
"""Above so many, layers of one disk are merged; the kernel takes 500 (OVL_MAX_STACK)."""
SEARCH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLEAN: Final = {"PATH": SEARCH, "LC_ALL": "C"}
"""What is started within the namespaces gets of this process's environment: nothing, as some can be looked at there."""
PATIENCE: Final = 120.0
"""Seconds that a mount may take on a busy machine."""


class Store:
    """The disks of one family of sandboxes."""

    def __init__(self, root: Path, image: Sequence[Path] | Callable[[Path], Sequence[Path]], run_id: str = "") -> None:
        """A new store under `root`; an image that is a function makes its directories in the store's folder.

        SandboxError where the kernel does not allow it.
        """
        self.folder = make_owned_folder(root, this_owner(run_id))
        self.image = tuple(image(self.folder) if callable(image) else image)
        self.is_root = os.geteuid() == 0
        self.snapshots: dict[str, tuple[str, ...]] = {}
        """Identifiers to layers, the uppermost first."""
        self._disks, self._lock = 0, threading.RLock()
        self._members: set[int] = set()
        self._holder: subprocess.Popen[bytes] | None = None
        self.holder = 0
        """The host's process id of what holds the namespaces."""
        # What takes mounts and files away again must run on when a job is over.
        self._driver = Driver(
            self._open_holder, self._too_slow, self.why_dead, Limits(output_bytes=4096), interruptible=False
        )
        try:
            self._driver.open()
            self.holder = children(self._driver.pid)[0]
            binds = [f"mkdir i{n} && mount --rbind {_word(path)} i{n}" for n, path in enumerate(self.image)]
            # bwrap looks its own children up in /proc, by their numbers in this namespace.
            self.do(" && ".join(["mount -t proc proc /proc", *binds]), "the image cannot be mounted")
            self.do(self._make_shell(host=callable(image)), "the image has no bash in /usr/bin or /bin")
        except BaseException:
            self.close()
            raise

    @property
    def shell(self) -> Path:
        """The image's bash as a file that its user may run and not read, within the namespace."""
        return self.folder / "s/bash"

    def _make_shell(self, host: bool) -> str:
        """The copy is on a file system of its own, since this folder's may be mounted `noexec`."""
        own = "/usr/bin/bash /bin/bash" if host else "i*/usr/bin/bash i*/bin/bash"
        # A link of the image that leads out of it would find the host's.
        inside = "true" if host else 'case $(realpath -q "$f") in "$PWD"/i*) true;; *) false;; esac'
        find = f"for f in {own}; do {inside} && cp -L $f s/bash && chmod 111 s/bash && break; done 2>/dev/null"
        return f"mkdir s && mount -t tmpfs -o size=16m,mode=711 shell s && {{ {find}; [ -e s/bash ]; }}"

    def _open_holder(self) -> subprocess.Popen[bytes]:
        if self._holder is not None:
            raise SandboxError("the process that held the sandbox's mounts is gone")
        user = [] if self.is_root else ["--user", "--map-root-user"]
        words = ["unshare", *user, "--mount", "--pid", "--fork", "--kill-child", "bash", "--noprofile", "--norc"]
        self._holder = shell_process(words, environment=CLEAN)
        return self._holder

    def _too_slow(self) -> None:
        raise SandboxError(f"what makes the sandbox's mounts is gone, or has not answered for {PATIENCE:g} s")

    def why_dead(self) -> str:
        """Why the namespaces are gone; empty while they are there."""
        gone = (
            self._holder is None or self._holder.poll() is not None or not start_time(self.holder or self._holder.pid)
        )
        return "the process that held its mounts is gone" if gone else ""

    def do(self, script: str, failure: str) -> None:
        """Run a script of ours in the namespace, in the store's folder. SandboxError names the `failure`."""
        with self._lock:
            result = self._driver.run(script, PATIENCE, cwd=str(self.folder), environment=CLEAN)
        if result.exit_code != 0:
            raise SandboxError(f"{failure}: {result.output.strip()}")

    def entering(self) -> list[str]:
        """The words before a command that is to run within the namespaces."""
        user = [] if self.is_root else ["--user", "--preserve-credentials"]
        return ["nsenter", *user, "--mount", "--pid", f"--target={self.holder}", "--"]

    def new_disk(self, size_mb: int) -> int:
        """The number of a new, empty disk of that size (0: unbounded, a plain directory)."""
        with self._lock:
            number, self._disks = self._disks, self._disks + 1
            self._members.add(number)
        try:
            self.do(self._make_disk(number, size_mb), f"no disk of {size_mb} MB for a sandbox")
        except BaseException:
            self.drop(number, keep=False)
            raise
        return number

    def _make_disk(self, number: int, size_mb: int) -> str:
        folders = f"mkdir -m 755 {number} m{number}"
        if not size_mb:
            return folders
        if not has_loop():
            return f"{folders} && mount -t tmpfs -o size={size_mb}m,nr_inodes=0,mode=755,nodev sandbox {number}"
        options = "-q -F -m 0 -O ^has_journal,^resize_inode -E lazy_itable_init=1,nodiscard"
        image = f"truncate -s {size_mb}M {number}.ext4 && mkfs.ext4 {options} {number}.ext4"
        return f"{folders} && {image} && mount -o loop,discard,nodev {number}.ext4 {number}"

    def view(self, number: int) -> Path:
        """Where sandbox `number`'s files are, within the namespace."""
        return self.folder / f"m{number}"

    def is_empty(self, number: int, layer: int) -> bool:
        """Whether nothing has been written to a layer."""
        with os.scandir(f"/proc/{self.holder}/root{self.folder}/{number}/{layer}") as entries:
            return next(entries, None) is None

    def mount(self, number: int, layer: int, lower: Sequence[str]) -> None:
        """Mount sandbox `number` with a new writable layer over frozen ones, the uppermost first, and the image."""
        below = ":".join([*lower, *(f"i{n}" for n in range(len(self.image)))])
        upper = f"{number}/{layer}"
        # As Docker has it: a renamed directory is copied. With userxattr the kernel refuses to be told so.
        marks = "redirect_dir=off" if self.is_root else "userxattr"
        # volatile: nothing of a sandbox outlives the machine's crash, so nothing waits for the disk.
        options = f"{marks},volatile,index=off,metacopy=off,nodev"
        words = f"lowerdir={below},upperdir={upper},workdir={number}/w,{options}"
        if len(words) > os.sysconf("SC_PAGE_SIZE") - 256:
            raise SandboxError(f"{len(lower)} snapshots over one another do not fit one mount: fork less deeply")
        script = f"rm -rf {number}/w && mkdir -p {upper} {number}/w && mount -t overlay -o {words} overlay m{number}"
        self.do(script, f"no overlay mount ({self._remedy()})")

    def _remedy(self) -> str:
        if self.is_root:
            return "needs Linux 5.10 or newer, with overlayfs"
        return "without root it needs Linux 5.11 or newer, 6.6 for a bounded disk: else set disk_mb: 0, or use root"

    def unmount(self, number: int) -> None:
        """Take a sandbox's view away; none of its processes may live. Mounted or not."""
        self.do(f"! mountpoint -q m{number} || umount m{number}", "a sandbox's files cannot be unmounted")

    def copy_layer(self, number: int, layer: int, to: int) -> None:
        """Copy a layer that is being written to a frozen one; what vanishes meanwhile is not in it."""
        said, part = f"{number}.said", f"{number}/{to}.part"
        vanished = r": No such file or directory$|: Not a directory$|replaced while being copied$"
        copy = f"cp -a --reflink=auto {number}/{layer} {part} 2>{said} || ! grep -vE {shlex.quote(vanished)} {said}"
        done = f"{{ {copy}; }} && mv {part} {number}/{to}"
        self.do(f"{done} || {{ rm -rf {part}; false; }}", "a snapshot cannot be copied within the sandbox's disk")

    def merged(self, number: int, layer: int, stack: tuple[str, ...]) -> tuple[str, ...]:
        """The stack with the topmost layers of this disk as one, `layer`, where there are too many."""
        if len(stack) <= MOST_LAYERS:
            return stack
        own = 0
        while own < len(stack) and stack[own].startswith(f"{number}/"):
            own += 1
        if own < 2:
            return stack
        space = "trusted" if self.is_root else "user"
        below = ["--", *stack[own:], *(f"i{n}" for n in range(len(self.image)))]
        words = [sys.executable, "-I", layers_script.__file__, space, f"{number}/{layer}", *stack[:own], *below]
        self.do(shlex.join(words), "snapshots cannot be merged")
        return (f"{number}/{layer}", *stack[own:])

    def drop(self, number: int, keep: bool) -> None:
        """A sandbox is closed: remove its view, and its disk unless `keep`; the last takes the store with it."""
        with self._lock:
            self._members.discard(number)
            last = not self._members
            if not last and not self.why_dead():
                view = f"umount -l m{number} 2>/dev/null; rmdir m{number} 2>/dev/null"
                disk = f"umount -l {number} 2>/dev/null; rm -rf -- {number} {number}.ext4 {number}.said"
                self.do(f"{view}; {'true' if keep else disk}", "a sandbox's disk cannot be removed")
        if last:
            self.close()

    def close(self) -> None:
        """End the namespaces and remove the folder. Closing twice is no error."""
        if not self.why_dead():
            # Within, where this user is root: a sandbox may have left directories that their owner cannot enter. Where
            # that fails, or the holder dies meanwhile, what is left is seen below.
            with contextlib.suppress(SandboxError):
                self.do("umount -l m* 2>/dev/null; rm -rf -- [0-9]*/* 2>/dev/null; true", "a store cannot be emptied")
        self._driver.close()
        if not self.folder.exists():
            return
        remove_tree(self.folder)


def has_loop() -> bool:
    """Whether this user can mount a file as a disk."""
    return os.geteuid() == 0 and Path("/dev/loop-control").exists() and bool(shutil.which("mkfs.ext4", path=SEARCH))


def children(pid: int) -> list[int]:
    """The process ids of a process's children (proc(5): /proc/[pid]/task/[tid]/children)."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except FileNotFoundError:
        return []


def _word(path: Path) -> str:
    return shlex.quote(str(path))
