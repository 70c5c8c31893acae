"""Who owns what a sandbox leaves on the host: a record of labels, written with each thing, and whether its owner lives.

Everything of ours carries this record: containers and snapshot images as labels, directories as the file `owner.json`.
What carries none, or one that cannot be read, is never ours to remove. Labels are inherited, by an image from the
container it is made of and by a container from its image, so that one of them names the very thing it was written for.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import re
import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from envs.errors import SandboxError

PREFIX = "srl-agent."
"""Before each label's name."""
NAMED = PREFIX + "name"
"""The label that holds the name of what carries it; another name there is inherited, and says nothing."""
OWNER_FILE = "owner.json"
FOLDER_NAME = re.compile(r"([0-9a-f]{10})-(\d{1,7})-(\d+)-[0-9a-f]{8}")
"""Boot, process id, its start time, a random part."""
MOST_PID = 1 << 22
"""Linux numbers processes below this (proc(5), pid_max)."""
DEFAULT_TTL = 86_400.0
"""Seconds after which what an owner out of sight left is given up."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that answers for a thing. Fields are what the labels say; all but the first come from the host."""

    run_id: str
    host: str
    """Name and machine id: two machines of one name that share an engine are told apart."""
    boot_id: str
    """Linux gives each boot one, `/proc/sys/kernel/random/boot_id`."""
    pid_space: str
    """The process-id namespace: the same pid in two containers of one host is two processes."""
    pid: int
    started: int
    """Clock ticks from boot to the start of the process (proc(5), field 22 of stat): a pid alone is used again."""
    uid: int
    """The host's user: what one user's run left is for that user to remove."""
    expires: float
    """Seconds since 1970; 0: never. It counts only where the process cannot be looked up."""


def this_owner(run_id: str = "", ttl: float = DEFAULT_TTL) -> Owner:
    """The record of this process; an empty run id becomes one of its own. `ttl` in seconds, 0 for no end."""
    pid = os.getpid()
    started = start_time(pid)
    host, boot_id, pid_space = here()
    run_id = run_id or f"process-{pid}-{started}"
    return Owner(run_id, host, boot_id, pid_space, pid, started, os.geteuid(), time.time() + ttl if ttl else 0.0)


@functools.cache
def here() -> tuple[str, str, str]:
    """(host, boot id, process-id namespace) of this process; empty where the system has no such thing."""
    machine = _content("/etc/machine-id")[:12]
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return f"{platform.node()}/{machine}", _content("/proc/sys/kernel/random/boot_id"), space


def _content(path: str) -> str:
    try:
        # A program's name, in /proc/PID/stat, may be any bytes.
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def start_time(pid: int) -> int:
    """Clock ticks from boot to the start of a process; 0 when there is none, or only its zombie."""
    # The name of the program, in parentheses, may hold anything, a parenthesis and a blank included.
    fields = _content(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] not in "ZX" else 0


def is_alive(pid: int, started: int) -> bool:
    """Whether that process lives, or may: of another user's, where /proc hides them, only the number can be seen."""
    found = start_time(pid)
    if found:
        return found == started
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return False  # A zombie of this user's, whose entry in /proc no option hides.


def cause_of_death(owner: Owner, now: float | None = None) -> str:
    """Why the owner no longer lives; empty while it does, or may.

    A process of this boot and namespace is looked up. One of an earlier boot is dead. One out of sight (another
    host, another namespace) counts as alive until its record expires.
    """
    host, boot_id, pid_space = here()
    if owner.host == host and owner.boot_id and owner.boot_id != boot_id:
        return "its host was started again"
    if (owner.host, owner.boot_id, owner.pid_space) == (host, boot_id, pid_space) and boot_id:
        return "" if is_alive(owner.pid, owner.started) else f"process {owner.pid} is gone"
    if owner.expires and (time.time() if now is None else now) > owner.expires:
        return "its time is up"
    return ""


def to_labels(owner: Owner, name: str = "") -> dict[str, str]:
    """The record as labels of the container or the image of that name."""
    labels = {PREFIX + field: str(value) for field, value in asdict(owner).items()}
    return labels | ({NAMED: name} if name else {})


def from_labels(labels: Mapping[str, str] | None) -> Owner | None:
    """The record that labels hold; None where one is missing or is not what it must be: not ours."""
    if not labels:
        return None
    try:
        text = {name: labels[PREFIX + name] for name in Owner.__slots__}
        pid, started, uid = (int(text.pop(name)) for name in ("pid", "started", "uid"))
        expires = float(text.pop("expires"))
    except (KeyError, TypeError, ValueError):
        return None
    if not 0 < pid <= MOST_PID:
        return None
    return Owner(text["run_id"], text["host"], text["boot_id"], text["pid_space"], pid, started, uid, expires)


def make_owned_folder(root: Path, owner: Owner) -> Path:
    """A new directory under `root` with the record in it: for states, mounts and whatever a sandbox keeps on disk.

    A process killed between making it and writing the record leaves a directory whose name says who made it.
    """
    name = "-".join([_boot(owner), str(owner.pid), str(owner.started), uuid.uuid4().hex[:8]])
    folder = root / name
    folder.mkdir(parents=True, mode=0o700)
    write_owner(folder, owner)
    return folder


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it, however deep (shutil's recursion ends at Python's own limit); gone already is
    removed. SandboxError where that fails."""
    done = subprocess.run(["rm", "-rf", "--", str(folder)], capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise SandboxError(f"{folder} cannot be removed: {said[-1] if said else 'rm failed'}; as root: rm -rf {folder}")


def folder_cause_of_death(folder: Path) -> str:
    """Why the owner of a directory made by `make_owned_folder` no longer lives; empty where it does, or is unknown."""
    owner = read_owner(folder)
    if owner is not None:
        return cause_of_death(owner)
    named = FOLDER_NAME.fullmatch(folder.name)
    maker = this_owner()
    if not named or named[1] != _boot(maker) or is_alive(int(named[2]), int(named[3])):
        return ""
    return f"process {named[2]} is gone"


def _boot(owner: Owner) -> str:
    """Boot and namespace in short: within them a pid and its start time name one process."""
    return hashlib.sha256(f"{owner.host} {owner.boot_id} {owner.pid_space}".encode()).hexdigest()[:10]


def write_owner(folder: Path, owner: Owner) -> None:
    """Put the record into a directory; do so before anything else is put there."""
    partial = folder / f".{OWNER_FILE}.tmp"
    partial.write_text(json.dumps(to_labels(owner)), encoding="utf-8")
    partial.replace(folder / OWNER_FILE)


def read_owner(folder: Path) -> Owner | None:
    """The record of a directory; None where there is none that can be read."""
    try:
        labels = json.loads((folder / OWNER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return from_labels(labels) if isinstance(labels, dict) else None
