"""What sandboxes left on this host, whose it is, and the removal of what a dead run left.

A thing is removed only when its own label says that its owner is dead (`envs.owner`); what carries no label of ours
is not even listed. Left out: processes of the `local` backend, which isolates nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker.errors

from envs.docker_engine import again, engine, engine_errors, is_local, why_no_engine
from envs.errors import SandboxError
from envs.owner import Owner, cause_of_death, folder_cause_of_death, from_labels, read_owner

OWNED = "srl-agent.run_id"
"""A label that each record has: the engine filters by it."""
SNAPSHOTS = "srl-agent/snapshot"
"""Repository of the images that snapshots make. Another image with our labels was made by hand from a sandbox."""
RESERVE_MB = 2048
"""Free disk below which no sandbox is started."""
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that a sandbox made."""

    kind: str
    """container, image, volume or folder."""
    name: str
    """Identifier within its kind."""
    owner: Owner | None
    """None where only a folder's name tells the owner."""
    dead: str
    """Why its owner no longer lives; empty while it does."""
    detail: str = ""


def find_leftovers() -> list[Leftover]:
    """All that sandboxes made on this host and its engine, of living and of dead owners."""
    return [*folder_leftovers(state_root()), *([] if why_no_engine() else docker_leftovers())]


def docker_leftovers() -> Iterator[Leftover]:
    """Containers, snapshot images and volumes with our labels. SandboxError when the engine fails."""
    api, ours = engine().api, {"label": OWNED}
    with engine_errors("listing what sandboxes left"):
        # Containers first: an image in use cannot be removed.
        for row in api.containers(all=True, filters=ours):
            yield from _labelled("container", row["Id"], row.get("Labels"), str(row.get("Status", "")))
        for row in api.images(filters=ours):
            tags = [tag for tag in row.get("RepoTags") or [] if tag != "<none>:<none>"]
            detail = f"{row.get('Size', 0) / 1e6:.0f} MB with its base"
            for name in [tag for tag in tags if tag.startswith(SNAPSHOTS + ":")] if tags else [row["Id"]]:
                yield from _labelled("image", name, row.get("Labels"), detail)
        for row in api.volumes(filters=ours).get("Volumes") or []:
            yield from _labelled("volume", row["Name"], row.get("Labels"), "")


def _labelled(kind: str, name: str, labels: Mapping[str, str] | None, detail: str) -> Iterator[Leftover]:
    owner = from_labels(labels)
    if owner:
        yield Leftover(kind, name, owner, cause_of_death(owner), detail)


def state_root() -> Path:
    """Where folders of sandboxes stand: SRL_AGENT_STATE, else one of this user's in the folder for temporary files."""
    return Path(os.environ.get("SRL_AGENT_STATE") or f"{tempfile.gettempdir()}/srl-agent-{os.getuid()}")


def folder_leftovers(root: Path) -> Iterator[Leftover]:
    """The folders that `envs.owner.make_owned_folder` made under `root`."""
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        owner, dead = read_owner(folder), folder_cause_of_death(folder)
        if owner or dead:
            yield Leftover("folder", str(folder), owner, dead)


def remove(leftover: Leftover) -> None:
    """Remove one thing, trying three times; gone already is removed. SandboxError when it cannot be."""
    again(lambda: REMOVERS[leftover.kind](leftover.name))


def _remove_from_engine(kind: str, call: Callable[[Any], object]) -> Callable[[str], None]:
    def remove_one(name: str) -> None:
        with engine_errors(f"{kind} {name} cannot be removed"):
            try:
                call(name)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if "is already in progress" not in str(error.explanation):
                    raise

    return remove_one


def remove_folder(name: str) -> None:
    """End the processes of the cgroups named after a folder, detach what is mounted under it, and delete it."""
    folder = Path(name)
    for group in sorted(_cgroups(folder.name), reverse=True):
        _end_cgroup(group)
    for point in _mounts_under(folder):
        subprocess.run(["umount", "-l", point], capture_output=True, check=False, timeout=30)
    if remaining := _mounts_under(folder):
        raise SandboxError(f"{folder}: {remaining[0]} cannot be detached; as root: umount -l {remaining[0]}")
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SandboxError(f"{folder} cannot be removed: {error.strerror}; as root: rm -rf {folder}") from error


def _cgroups(name: str) -> list[Path]:
    """Control groups that belong to a folder: `srl-agent/<its name>...`, under version 1 in each hierarchy."""
    top = Path("/sys/fs/cgroup")
    return [
        path for pattern in ("srl-agent", "*/srl-agent") for path in top.glob(f"{pattern}/{name}*") if path.is_dir()
    ]


def _end_cgroup(group: Path) -> None:
    """Kill what is in a group and remove it; a group that is not empty yet is left for the next try."""
    for line in (group / "cgroup.procs").read_text(encoding="ascii").split() if group.is_dir() else []:
        subprocess.run(["kill", "-9", line], capture_output=True, check=False)
    try:
        group.rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        raise SandboxError(f"control group {group} cannot be removed: {error.strerror}") from error


def _mounts_under(folder: Path) -> list[str]:
    """Mount points at or under a folder, the deepest first (proc(5): blanks in them are written `\\040`)."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    points = [line.split(" ")[4].encode("utf-8", "surrogateescape").decode("unicode_escape") for line in lines]
    prefix = str(folder)
    return sorted((p for p in points if p == prefix or p.startswith(prefix + "/")), key=len, reverse=True)


REMOVERS: Mapping[str, Callable[[str], None]] = {
    "container": _remove_from_engine("container", lambda name: engine().api.remove_container(name, force=True, v=True)),
    "image": _remove_from_engine("image", lambda name: engine().api.remove_image(name, force=False)),
    "volume": _remove_from_engine("volume", lambda name: engine().api.remove_volume(name, force=True)),
    "folder": remove_folder,
}


def reap(leftovers: list[Leftover] | None = None) -> tuple[list[Leftover], list[str]]:
    """Remove what dead owners left; returns what was removed, and why the rest could not be."""
    removed, failures = [], []
    for leftover in find_leftovers() if leftovers is None else leftovers:
        if not leftover.dead:
            continue
        try:
            remove(leftover)
            removed.append(leftover)
        except SandboxError as error:
            failures.append(str(error))
    return removed, failures


def check_disk(path: str, needed_mb: int = RESERVE_MB) -> None:
    """SandboxError when the file system of `path` has less than `needed_mb` MiB free for this user."""
    free = free_mb(path)
    if 0 <= free < needed_mb:
        raise SandboxError(
            f"{path}: {free} MB free, {needed_mb} needed before a sandbox is started; free some "
            "(srl-agent sandbox clean; docker system prune)"
        )


def free_mb(path: str) -> int:
    """MiB that this user may still write where `path` is; -1 where that cannot be told."""
    try:
        return shutil.disk_usage(path).free // MIB
    except OSError:
        return -1


def engine_disk() -> str:
    """The folder of a local engine's data; empty when the engine is elsewhere."""
    with engine_errors("docker"):
        return str(engine().info().get("DockerRootDir") or "") if is_local() else ""
