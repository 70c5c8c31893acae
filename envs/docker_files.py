"""Files of a container: read through the engine's archive calls, which no process inside has a say in; small ones are
written through its shell. What is mounted over the container's own files (/dev/shm) cannot be read."""

from __future__ import annotations

import base64
import contextlib
import errno
import io
import os
import shlex
import signal
import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

import docker.errors

from envs.base import Result, check_path
from envs.docker_engine import engine, engine_errors
from envs.root_files import too_large

Shell = Callable[[str], Result]
"""Runs a command; the sandbox's own `run` with a time limit."""
SMALL = 16_384
"""Bytes up to which a file is written by a command: base64 of so many fits into one."""
SYSTEM_ERRORS = (
    errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT, errno.EROFS,
    errno.ENAMETOOLONG, errno.ELOOP, errno.EFBIG, errno.ETXTBSY,
)  # fmt: skip
DIRECTORY, IRREGULAR = 90, 91
"""Exit statuses of the command that opens."""
TAR = 1 << 16
"""Bytes that the engine's tar of one file may take besides its content."""
XFSZ = 128 + signal.SIGXFSZ
"""Exit status of what wrote a file larger than one may be."""


def read_file(container: str, shell: Shell, path: str, limit: int) -> bytes:
    """See `envs.base.Sandbox.read_file`."""
    name = quoted(path)
    # The kernel's own answer on opening it: the engine reads what the sandbox's user may not.
    done = shell(
        f"export LC_ALL=C; [ ! -d {name} ] || exit {DIRECTORY}; [ ! -e {name} ] || [ -f {name} ] || exit {IRREGULAR}; "
        f"exec 3< {name} || exit 1"
    )
    if done.exit_code == DIRECTORY:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if done.exit_code == IRREGULAR:
        raise OSError(errno.EINVAL, "not a regular file", path)
    if done.exit_code:
        raise system_error(done, path)
    return _fetch(container, path, limit)


def write_file(container: str, shell: Shell, path: str, content: bytes) -> None:
    """See `envs.base.Sandbox.write_file`. A file that exists keeps its mode, and a link is followed."""
    name, parent = quoted(path), quoted(str(PurePosixPath(path).parent))
    before = f"export LC_ALL=C; set -o pipefail; mkdir -p -- {parent} && "
    if len(content) <= SMALL:
        done = shell(f"{before}printf %s {base64.b64encode(content).decode()} | base64 -d > {name}")
    else:
        parcel = f"/.srl-agent-{uuid.uuid4().hex}"
        _send(container, parcel, content)
        done = shell(f"{before}cat {parcel} > {name}; code=$?; rm -f {parcel}; exit $code")
    if done.exit_code:
        raise system_error(done, path)


def quoted(path: str) -> str:
    """A path as a shell's word. ValueError unless it is absolute, and without a NUL."""
    check_path(path)
    return shlex.quote(path)


def system_error(done: Result, path: str) -> OSError:
    """The OSError whose words the shell's output ends with."""
    if done.exit_code == XFSZ:
        return OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    # mkdir, where a file stands in the way of a folder.
    output = done.output.replace(os.strerror(errno.EEXIST), os.strerror(errno.ENOTDIR))
    for number in SYSTEM_ERRORS:
        if os.strerror(number) in output:
            return OSError(number, os.strerror(number), path)
    return OSError(errno.EIO, done.output.strip()[-200:] or f"exit status {done.exit_code}", path)


def _fetch(container: str, path: str, limit: int) -> bytes:
    """Read through the engine. A symbolic link comes with the path it leads to."""
    target = path
    with engine_errors(f"reading {path}"):
        for _ in range(2):
            try:
                chunks, stat = engine().api.get_archive(container, target)
            except docker.errors.NotFound as error:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
            with contextlib.closing(chunks):
                if stat.get("linkTarget"):
                    target = stat["linkTarget"]
                    continue
                if stat["size"] > limit:
                    raise too_large(path, limit)
                packed = _bounded(chunks, path, limit)
                break
        else:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    try:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            member = archive.next()
            file = archive.extractfile(member) if member is not None and member.isreg() else None
            if file is None:
                raise OSError(errno.EINVAL, "not a regular file", path)
            return file.read()
    except tarfile.TarError as error:
        # It was cut or replaced while the engine packed it.
        raise OSError(errno.EIO, f"changed while it was read: {error}", path) from error


def _bounded(chunks: Iterator[bytes], path: str, limit: int) -> bytes:
    packed = bytearray()
    for chunk in chunks:
        packed += chunk
        if len(packed) > limit + TAR:
            raise too_large(path, limit)
    return bytes(packed)


def _send(container: str, path: str, content: bytes) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(path.lstrip("/"))
        member.size, member.mode = len(content), 0o600
        archive.addfile(member, io.BytesIO(content))
    with engine_errors(f"writing {path}"):
        engine().api.put_archive(container, "/", packed.getvalue())
