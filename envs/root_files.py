"""Files under another root directory, read and written from outside: no link inside leads out of it.

For a process that may be root on the host, over files that foreign code has made. Every path is resolved by the kernel
as if the other root were `/` (openat2(2), RESOLVE_IN_ROOT, Linux 5.6). What is not a regular file is refused.
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
AT_FDCWD = -100
_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def read(root: int, path: str) -> bytes:
    """The content of a regular file under the directory that `root` is a descriptor of. OSError as the system says."""
    with _opened(root, path, os.O_RDONLY) as fd, open(fd, "rb", closefd=False) as file:
        return file.read()


def write(root: int, path: str, content: bytes) -> None:
    """Write a file whole, making the folders above it. OSError as the system says."""
    make_folders(root, str(PurePosixPath(path).parent))
    with _opened(root, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd, open(fd, "wb", closefd=False) as file:
        file.write(content)


def make_folders(root: int, path: str) -> None:
    """Make a folder and those above it where they are missing. OSError as the system says."""
    try:
        os.close(_open(root, path, os.O_PATH | os.O_DIRECTORY))
        return
    except FileNotFoundError:
        folder = PurePosixPath(path)
        if folder == folder.parent:
            raise
    make_folders(root, str(folder.parent))
    above = _open(root, str(folder.parent), os.O_PATH | os.O_DIRECTORY)
    try:
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
        yield fd
    finally:
        os.close(fd)


def _open(root: int, path: str, flags: int) -> int:
    if "\0" in path:
        raise OSError(errno.EINVAL, "a path cannot hold a NUL byte", path)
    how = _OpenHow(flags | os.O_CLOEXEC, 0o644 if flags & os.O_CREAT else 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    name = ctypes.c_char_p(os.fsencode(path))
    fd = int(_libc.syscall(OPENAT2, root, name, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))))
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return fd
