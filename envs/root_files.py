"""Files under another root directory, read and written from outside: no link inside leads out of it.

For a process that may be root on the host, over files that foreign code has made. Every path is resolved by the kernel
as if the other root were `/` (openat2(2), RESOLVE_IN_ROOT, Linux 5.6), with this thread's capabilities put down, so
that modes hold as they do for the uid 0 without capabilities inside. What is not a regular file of a disk is refused: a
file of /proc may never answer, or tell more of the host than inside.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import PurePosixPath

OPENAT2 = 437
"""The system call's number, the same on every architecture."""
RESOLVE_NO_MAGICLINKS, RESOLVE_IN_ROOT = 0x02, 0x10
CAPABILITIES = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3 (linux/capability.h)."""
KERNELS = (0x9FA0, 0x62656572, 0x27E0EB, 0x63677270)
"""File systems that are the kernel's own voice: proc, sysfs, cgroup, cgroup2 (linux/magic.h)."""
_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def read(root: int, path: str, limit: int) -> bytes:
    """The content of a regular file under the directory that `root` is a descriptor of. OSError as the system says,
    EFBIG where it has more than `limit` bytes."""
    with _opened(root, path, os.O_RDONLY) as fd, open(fd, "rb", closefd=False) as file:
        content = file.read(limit + 1) if os.fstat(fd).st_size <= limit else b""
        if len(content) > limit or os.fstat(fd).st_size > limit:
            raise too_large(path, limit)
        return content


def too_large(path: str, limit: int) -> OSError:
    """The error of reading a file that is larger than its reader allows."""
    return OSError(errno.EFBIG, f"more than the {limit} bytes that are read of it", path)


def check_folder(root: int, path: str) -> None:
    """OSError as the system says unless that is a folder."""
    os.close(_open(root, path, os.O_PATH | os.O_DIRECTORY))


def write(root: int, path: str, content: bytes) -> None:
    """Write a file whole, making the folders above it. OSError as the system says."""
    make_folders(root, str(PurePosixPath(path).parent))
    with _opened(root, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd, open(fd, "wb", closefd=False) as file:
        file.write(content)


def make_folders(root: int, path: str) -> None:
    """Make a folder and those above it where they are missing. OSError as the system says."""
    try:
        check_folder(root, path)
        return
    except FileNotFoundError:
        folder = PurePosixPath(path)
        if folder == folder.parent:
            raise
    make_folders(root, str(folder.parent))
    above = _open(root, str(folder.parent), os.O_PATH | os.O_DIRECTORY)
    try:
        with _powerless():
            os.mkdir(folder.name, 0o755, dir_fd=above)
    finally:
        os.close(above)


@contextlib.contextmanager
def _opened(root: int, path: str, flags: int) -> Iterator[int]:
    # Opening a fifo, which foreign code may have put there, must not wait for its other end.
    fd = _open(root, path, flags | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        if _file_system(fd) in KERNELS:
            raise OSError(errno.EINVAL, "not a regular file: one of the kernel's", path)
        yield fd
    finally:
        os.close(fd)


def _open(root: int, path: str, flags: int) -> int:
    if "\0" in path:
        raise OSError(errno.EINVAL, "a path cannot hold a NUL byte", path)
    how = _OpenHow(flags | os.O_CLOEXEC, 0o644 if flags & os.O_CREAT else 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    name = ctypes.c_char_p(os.fsencode(path))
    with _powerless():
        fd = int(_libc.syscall(OPENAT2, root, name, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))))
        code = ctypes.get_errno()
    if fd < 0:
        raise OSError(code, os.strerror(code), path)
    return fd


def _file_system(fd: int) -> int:
    """The number of the kind of file system a file is on (statfs(2))."""
    answer = (ctypes.c_long * 32)()
    _checked(_libc.fstatfs(fd, answer))
    return int(answer[0])


@contextlib.contextmanager
def _powerless() -> Iterator[None]:
    """Without this thread's capabilities, which are each thread's own (capabilities(7))."""
    header = _CapHeader(CAPABILITIES, 0)
    # Two times (effective, permitted, inheritable).
    held, put_down = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    _checked(_libc.capget(ctypes.byref(header), held))
    put_down[:] = [0, held[1], held[2], 0, held[4], held[5]]
    _checked(_libc.capset(ctypes.byref(header), put_down))
    try:
        yield
    finally:
        _checked(_libc.capset(ctypes.byref(header), held))


def _checked(status: int) -> None:
    if status < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
