"""What `hostile.py` puts on the host for attacks to reach: marked files, a process, listeners; and takes away again."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MARK = f"hostile{uuid.uuid4().hex[:12]}"
FOLDERS = ("/tmp", "/var/tmp", "/root", "/home", "/etc", "/usr/share")


@dataclass(frozen=True)
class Host:
    """The marks on the host."""

    secret: str
    process: subprocess.Popen[bytes]
    port: int
    addresses: tuple[str, ...]
    files: tuple[Path, ...]
    reached: list[str] = field(default_factory=list)
    """Who connected to the listener."""


@contextlib.contextmanager
def marks() -> Iterator[Host]:
    """Put the marks on the host, and take them away again."""
    secret = uuid.uuid4().hex
    files = tuple(Path(folder) / f"{MARK}.txt" for folder in FOLDERS)
    name = socket.gethostbyname(socket.gethostname())
    with contextlib.ExitStack() as stack:
        for path in files:
            stack.callback(path.unlink, missing_ok=True)
            path.write_text(secret)
        process = subprocess.Popen([f"driver-{secret}", "100000"], executable="/bin/sleep")
        stack.callback(process.kill)
        server = stack.enter_context(socket.create_server(("0.0.0.0", 0)))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind("\0" + MARK)
        abstract.listen()
        host = Host(secret, process, server.getsockname()[1], ("127.0.0.1", "172.17.0.1", name), files)
        threading.Thread(target=_accept, args=(server, host), daemon=True).start()
        yield host


def _accept(server: socket.socket, host: Host) -> None:
    with contextlib.suppress(OSError):
        while True:
            host.reached.append(server.accept()[1][0])
