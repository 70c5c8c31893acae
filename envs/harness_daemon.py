"""A second, hardened Docker engine for the SWE-bench harness, which runs patches as root with SYS_ADMIN.

The harness asks for that, a network and no limits (swebench 5.0.2, run_evaluation.py, `create_container`), so the
engine is one where it may: users are mapped (root inside is nobody outside), all containers together are bounded in
memory, processes, cores and disk, and the engine has network, mount and process namespaces of its own. It sees no
interface but its loopback and takes everything along when it dies. Left out: a bound for each container on memory and
disk (a bomb in one may fail the others that are scored beside it), and holes in the kernel, which is the host's.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket as socketlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import docker.errors
import requests.exceptions

from envs.base import Limits
from envs.cgroups import TOP, make_cgroup
from envs.docker_engine import engine_errors
from envs.errors import SandboxError
from envs.harness_settings import FIRST_ID, IDS, INSIDE, SOCKET, client_of, settings
from envs.hygiene import MIB, RESERVE_MB, Leftover, folder_leftovers, free_mb, remove, state_root
from envs.owner import Owner, is_alive, make_owned_folder, start_time, this_owner, write_owner

CONFIG, LOG_FILE = "daemon.json", "dockerd.log"
PATIENCE = 90.0
"""Seconds until the engine must answer."""
GRACE = 20.0
"""Seconds in which it ends by itself, and in which a kill takes effect."""
MOST_DISK_MB = 32 << 10
LONGEST_STATE = 107 - 53
"""Bytes of the state folder's path: a socket's has 107 (unix(7)), our folder and the socket's name take up to 53."""
TOOLS = ("docker", "dockerd", "docker-init", "unshare", "mount", "mkfs.ext4")

LAUNCH = """setsid bash -c "$1" harness "${@:2}" >"$3/dockerd.log" 2>&1 </dev/null & echo $!"""
OUTSIDE = r"""for _ in {1..100}; do
  # Until its record of owner is there nothing of it would be cleaned up after it.
  ! grep -q "\"srl-agent.pid\": \"$$\"" "$2/owner.json" ||
    exec unshare --mount --net --pid --fork --kill-child --mount-proc bash -c "$1" harness "${@:2}"
  sleep 0.1
done
exit 1"""
ENGINE = """set -eu
folder=$1 storage=$2 inside=$3
mkdir -p "$inside" /run/containerd
# Another engine's containerd would be found there, and used.
mount -t tmpfs -o mode=755 tmpfs /run/containerd
mount -t tmpfs -o mode=755 tmpfs "$inside"
mkdir "$inside/data"
if [ -f "$storage" ]; then how="-o loop,discard"; else how=--bind; fi
mount $how "$storage" "$inside/data"
for file in /etc/subuid /etc/subgid; do [ -e $file ] || : > $file; mount --bind "$folder/subid" $file; done
dockerd --config-file "$folder/daemon.json" & engine=$!
trap 'kill $engine' TERM
# The first process here: bash reaps what is orphaned while it waits.
while kill -0 $engine 2>/dev/null; do wait $engine || true; done
"""


@dataclass(frozen=True, slots=True)
class HarnessEngine:
    """The engine of this user that runs, or did."""

    folder: Path
    """Its state: socket, configuration, log and the record of its owner, which is the engine itself."""
    owner: Owner

    @property
    def docker_host(self) -> str:
        """What DOCKER_HOST is set to."""
        return f"unix://{self.folder / SOCKET}"

    @property
    def log(self) -> Path:
        """What the engine said."""
        return self.folder / LOG_FILE


def find() -> HarnessEngine | None:
    """The engine that runs; None where there is none."""
    found = [one for one in _folders() if not one.dead and one.owner]
    return next((HarnessEngine(Path(one.name), one.owner) for one in found if one.owner), None)


def socket() -> str:
    """DOCKER_HOST of the engine that runs. SandboxError where none does."""
    if (running := find()) is None:
        raise SandboxError("the harness's engine is not running: srl-agent sandbox daemon start")
    return running.docker_host


def default_limits() -> Limits:
    """What all containers may use together: three quarters of the memory, every core, half of the free disk."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    disk = min(MOST_DISK_MB, free_mb(str(state_root())) // 2)
    return Limits(memory_mb=memory * 3 // 4, pids=4096, cpus=float(os.cpu_count() or 1), disk_mb=disk)


def start(limits: Limits | None = None) -> HarnessEngine:
    """Start it, once what a dead one left is removed; one that runs is returned as it is.

    SandboxError where this user or machine cannot, with the end of the engine's log.
    """
    limits = limits or default_limits()
    with _lock():
        if running := find():
            return running
        if reason := why_not(limits):
            raise SandboxError(f"the harness's engine cannot be started: {reason}")
        remove_dead()
        storage = _storage(limits.disk_mb)
        folder = make_owned_folder(state_root(), this_owner("harness"))
        try:
            _write_settings(folder, limits)
            running = _launch(folder, storage)
        except BaseException:
            remove(Leftover("folder", str(folder), None, "it did not start"))
            raise
        with engine_errors("the harness's engine"), contextlib.closing(client_of(running.docker_host)) as client:
            # What an earlier engine, killed, has left on this disk.
            client.containers.prune()
        return running


def why_not(limits: Limits) -> str:
    """Why it cannot be started here; empty where it can."""
    if os.geteuid() != 0:
        return "it needs root, for control groups and the mapping of users"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"{', '.join(missing)} missing: apt-get install docker.io util-linux e2fsprogs (or docker/start-engine)"
    if not (limits.memory_mb and limits.pids and limits.cpus):
        return "memory, processes and cores must be bounded, as nothing else bounds what the harness starts"
    if len(os.fsencode(state_root())) > LONGEST_STATE:
        return f"{state_root()} is too long a path for sockets below it; set SRL_AGENT_STATE to a shorter one"
    if limits.network:
        return "it has no way to a network; tests that need one cannot be scored here"
    return ""


def stop(*, remove_images: bool = False) -> bool:
    """End the engine with everything in it; whether one ran. SandboxError where it does not die or leaves something."""
    with _lock():
        running = find()
        if running:
            _end(running.owner)
        remove_dead()
        if remove_images:
            for storage in _storages():
                subprocess.run(["rm", "-rf", "--one-file-system", "--", str(storage)], check=True)
        return running is not None


def remove_dead() -> list[str]:
    """Remove the folders and control groups of engines that are dead; returns the folders."""
    dead = [one for one in _folders() if one.dead]
    for one in dead:
        remove(one)
    return [one.name for one in dead]


def _folders() -> Iterator[Leftover]:
    return (one for one in folder_leftovers(state_root()) if (Path(one.name) / CONFIG).is_file())


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """One start or stop at a time."""
    with (state_root() / "harness.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _storages() -> tuple[Path, Path]:
    """The disk of its own and the folder in place of one; images are kept in them from one start to the next."""
    return state_root() / "harness-images.ext4", state_root() / "harness-images"


def disk_in_words() -> str:
    """Where images and containers are kept, and what bounds them."""
    disk, folder = _storages()
    if disk.exists():
        return f"{disk}, {disk.stat().st_size // MIB} MB at most (as first started; stop --remove-images removes it)"
    return f"{folder}, not bounded"


def _storage(disk_mb: int) -> Path:
    """Where images and containers are kept: a file system of that size in a sparse file; for 0 a folder."""
    disk, folder = _storages()
    if not disk_mb:
        folder.mkdir(exist_ok=True)
        return folder
    # It may hold images of an earlier start: its size is that of the first.
    if not disk.exists():
        if (free := free_mb(str(disk.parent))) < disk_mb + RESERVE_MB:
            raise SandboxError(f"{disk.parent}: {free} MB free; a disk of {disk_mb} MB for the engine would fill it")
        partial = disk.with_suffix(".partial")
        with partial.open("wb") as file:
            file.truncate(disk_mb << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(partial)], check=True)
        partial.replace(disk)
    return disk


def _write_settings(folder: Path, limits: Limits) -> None:
    group = make_cgroup(folder.name, limits)
    if group.missing:
        raise SandboxError(f"this machine gives no control group that bounds {', '.join(group.missing)}")
    unified = (TOP / "cgroup.controllers").exists()
    parent = group.folders[0].relative_to(TOP if unified else TOP / group.folders[0].relative_to(TOP).parts[0])
    (folder / "subid").write_text(f"daemon:{FIRST_ID}:{IDS}\n", encoding="ascii")
    (folder / CONFIG).write_text(json.dumps(settings(folder, limits, f"/{parent}"), indent=1), encoding="utf-8")


def _launch(folder: Path, storage: Path) -> HarnessEngine:
    """Start the engine as the owner of its folder, and wait until it answers."""
    command = ["bash", "-c", LAUNCH, "harness", OUTSIDE, ENGINE, str(folder), str(storage), INSIDE]
    pid = int(subprocess.run(command, capture_output=True, check=True, cwd="/").stdout)
    running = HarnessEngine(folder, replace(this_owner("harness", ttl=0), pid=pid, started=start_time(pid)))
    try:
        write_owner(folder, running.owner)
        _wait_for(running)
    except BaseException:
        _kill(running.owner)
        raise
    return running


def _wait_for(running: HarnessEngine) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and _lives(running.owner):
        # It listens before it is ready, and answers once it is.
        with (
            contextlib.suppress(FileNotFoundError, ConnectionRefusedError),
            socketlib.socket(socketlib.AF_UNIX) as probe,
        ):
            probe.connect(str(running.folder / SOCKET))
            with contextlib.suppress(docker.errors.DockerException, requests.exceptions.RequestException):
                client_of(running.docker_host).close()
                return
        time.sleep(0.2)
    said = running.log.read_text(encoding="utf-8", errors="replace").strip()[-2000:]
    raise SandboxError(f"the harness's engine did not start within {PATIENCE:g} s, or ended:\n{said}")


def _lives(owner: Owner) -> bool:
    return is_alive(owner.pid, owner.started)


def _end(owner: Owner) -> None:
    """Ask it to end, then kill it: the kernel then kills whatever runs in its process namespace."""
    # Either is gone where it has just died.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for pid in Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text(encoding="ascii").split():
            os.kill(int(pid), signal.SIGTERM)
    end = time.monotonic() + GRACE
    while _lives(owner) and time.monotonic() < end:
        time.sleep(0.05)
    _kill(owner)


def _kill(owner: Owner) -> None:
    end = time.monotonic() + GRACE
    while _lives(owner):
        if time.monotonic() > end:
            raise SandboxError(f"process {owner.pid}, the harness's engine, does not die; as root: kill -9 {owner.pid}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner.pid, signal.SIGKILL)
        time.sleep(0.05)
