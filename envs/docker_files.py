"""Files of a container: small ones through its shell, large ones through the engine's archive calls."""

from __future__ import annotations

import base64
import errno
import io
import os
import shlex
import tarfile
import uuid
from collections.abc import Callable
from pathlib import PurePosixPath

import docker.errors

from envs.base import Result
from envs.docker_engine import engine, engine_errors
from envs.errors import SandboxError

Shell = Callable[[str], Result]
"""Runs a command; the sandbox's own `run` with a time limit."""
LARGE = 16_384
"""Bytes from which on the archive is used: base64 of less fits into a command and into its bounded output."""
SYSTEM_ERRORS = (
    errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT, errno.EROFS,
    errno.ENAMETOOLONG, errno.ELOOP, errno.EFBIG, errno.ETXTBSY,
)  # fmt: skip
DIRECTORY, IRREGULAR, TOO_LARGE = 90, 91, 92
"""Exit statuses of the command that reads."""


def read_file(container: str, shell: Shell, path: str) -> bytes:
    """See `envs.base.Sandbox.read_file`."""
    name = quoted(path)
    done = shell(
        f"export LC_ALL=C; [ ! -d {name} ] || exit {DIRECTORY}; [ ! -e {name} ] || [ -f {name} ] || exit {IRREGULAR}; "
        # The kernel's own answer on opening it comes first, whatever its size.
        f'exec 3< {name} || exit 1; [ "$(stat -Lc %s -- {name})" -le {LARGE} ] || exit {TOO_LARGE}; base64 -w0 <&3'
    )
    if done.exit_code == TOO_LARGE:
        return _fetch(container, path)
    if done.exit_code == DIRECTORY:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if done.exit_code == IRREGULAR:
        raise OSError(errno.EINVAL, "not a regular file", path)
    if done.exit_code:
        raise system_error(done, path)
    return base64.b64decode(done.output)


def write_file(container: str, shell: Shell, path: str, content: bytes) -> None:
    """See `envs.base.Sandbox.write_file`. A file that exists keeps its mode, and a link is followed."""
    name, parent = quoted(path), quoted(str(PurePosixPath(path).parent))
    before = f"export LC_ALL=C; set -o pipefail; mkdir -p -- {parent} && "
    if len(content) <= LARGE:
        done = shell(f"{before}printf %s {base64.b64encode(content).decode()} | base64 -d > {name}")
    else:
        parcel = f"/.srl-agent-{uuid.uuid4().hex}"
        _send(container, parcel, content)
        done = shell(f"{before}cat {parcel} > {name}; code=$?; rm -f {parcel}; exit $code")
    if done.exit_code:
        raise system_error(done, path)


def quoted(path: str) -> str:
    """A path as a shell's word. ValueError unless it is absolute, and without a NUL."""
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"expected an absolute path inside the sandbox, got {path!r}")
    return shlex.quote(path)


def system_error(done: Result, path: str) -> OSError:
    """The OSError whose words the shell's output ends with."""
    # mkdir, where a file stands in the way of a folder.
    output = done.output.replace(os.strerror(errno.EEXIST), os.strerror(errno.ENOTDIR))
    for number in SYSTEM_ERRORS:
        if os.strerror(number) in output:
            return OSError(number, os.strerror(number), path)
    return OSError(errno.EIO, done.output.strip()[-200:] or f"exit status {done.exit_code}", path)


def _fetch(container: str, path: str) -> bytes:
    """Read through the engine. A symbolic link comes with the path it leads to."""
    with engine_errors(f"reading {path}"):
        for _ in range(2):
            try:
                chunks, stat = engine().api.get_archive(container, path)
            except docker.errors.NotFound as error:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
            packed = b"".join(chunks)
            if not stat.get("linkTarget"):
                break
            path = stat["linkTarget"]
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        file = archive.extractfile(archive.next() or "")
        if file is None:
            raise SandboxError(f"reading {path}: the engine sent no file")
        return file.read()


def _send(container: str, path: str, content: bytes) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(path.lstrip("/"))
        member.size, member.mode = len(content), 0o600
        archive.addfile(member, io.BytesIO(content))
    with engine_errors(f"writing {path}"):
        engine().api.put_archive(container, "/", packed.getvalue())
