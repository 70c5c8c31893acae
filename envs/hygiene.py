"""What sandboxes left on this host, whose it is, and the removal of what a dead run left.

A thing is removed only when its own record says that its owner is dead (`envs.owner`); what carries no record of ours,
or one that it inherited, is not even listed. Left out: processes of the `local` backend, which isolates nothing, and
other users' folders.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker.errors

from envs.cgroups import find_cgroups
from envs.docker_engine import again, engine, engine_errors, is_local, why_no_engine
from envs.errors import SandboxError
from envs.owner import (
    FOLDER_NAME,
    NAMED,
    Owner,
    cause_of_death,
    folder_cause_of_death,
    from_labels,
    read_owner,
    remove_tree,
)

OWNED = "srl-agent.run_id"
"""A label that each record has: the engine filters by it."""
SNAPSHOTS = "srl-agent/snapshot"
"""Repository of the images that snapshots make."""
RESERVE_MB = 2048
"""Free disk below which no sandbox is started."""
MIB = 1 << 20
OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that a sandbox made."""

    kind: str
    """container, image or folder."""
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
    """Containers and snapshot images with our labels. SandboxError when the engine fails."""
    api, ours = engine().api, {"label": OWNED}
    with engine_errors("listing what sandboxes left"):
        # Containers first: an image in use cannot be removed.
        for row in api.containers(all=True, filters=ours):
            if f"/{_own_name(row)}" in (row.get("Names") or []):
                yield from _labelled("container", row["Id"], row, str(row.get("Status", "")))
        for row in api.images(filters=ours):
            detail = f"{row.get('Size', 0) / 1e6:.0f} MB with its base"
            tags = [tag for tag in row.get("RepoTags") or [] if tag != "<none>:<none>"]
            if _own_name(row) in tags:
                yield from _labelled("image", _own_name(row), row, detail)
            # Labels are inherited, the comment of a commit is not.
            elif not tags and _comment(row["Id"]) == _own_name(row):
                yield from _labelled("image", row["Id"], row, detail)


def _own_name(row: Mapping[str, Any]) -> str:
    """The name of what the labels were written for."""
    return str((row.get("Labels") or {}).get(NAMED, "?"))


def _comment(image: str) -> str:
    try:
        return str(engine().images.get(image).attrs.get("Comment", ""))
    except docker.errors.NotFound:
        return ""


def _labelled(kind: str, name: str, row: Mapping[str, Any], detail: str) -> Iterator[Leftover]:
    owner = from_labels(row.get("Labels"))
    if owner:
        yield Leftover(kind, name, owner, cause_of_death(owner), detail)


def state_root() -> Path:
    """Where folders of sandboxes stand, made when it is missing.

    SRL_AGENT_STATE, else one of this user's in the folder for temporary files. SandboxError for one in which others may
    write: they could put there what we would remove, and what we would trust.
    """
    root = Path(os.environ.get("SRL_AGENT_STATE") or f"{tempfile.gettempdir()}/srl-agent-{os.geteuid()}")
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    found, user = root.stat(), os.geteuid()
    if {root.lstat().st_uid, found.st_uid} != {user} or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SandboxError(
            f"{root} (mode {stat.filemode(found.st_mode)}, user {found.st_uid}) is not user {user}'s alone; let "
            "SRL_AGENT_STATE name a folder in which nobody else may write"
        )
    return root.resolve()


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
    # A folder of another name has no control groups, and one of ours none but its own.
    if FOLDER_NAME.fullmatch(folder.name):
        try:
            find_cgroups(folder.name).remove()
        except OSError as error:
            raise SandboxError(f"a control group of {folder} cannot be removed: {error}") from error
    for point in mounts_under(folder):
        subprocess.run(["umount", "-l", point], capture_output=True, check=False, timeout=30)
    if remaining := mounts_under(folder):
        mounted = os.fsdecode(remaining[0])
        raise SandboxError(f"{folder}: {mounted} cannot be detached; as root: umount -l {shlex.quote(mounted)}")
    remove_tree(folder)


def mounts_under(folder: Path) -> list[bytes]:
    """Mount points at or under a folder, the deepest first (proc(5): blanks in them are written `\\040`)."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    points = [OCTAL.sub(lambda found: bytes([int(found[1], 8)]), line.split(b" ")[4]) for line in lines]
    prefix = os.fsencode(folder)
    return sorted((p for p in points if p == prefix or p.startswith(prefix + b"/")), key=len, reverse=True)


REMOVERS: Mapping[str, Callable[[str], None]] = {
    "container": _remove_from_engine("container", lambda name: engine().api.remove_container(name, force=True, v=True)),
    "image": _remove_from_engine("image", lambda name: engine().api.remove_image(name, force=False)),
    "folder": remove_folder,
}


def to_remove(leftovers: Iterable[Leftover], *, all_users: bool = False) -> list[Leftover]:
    """What dead owners left, of this user's alone unless `all_users`."""
    user = os.geteuid()
    return [one for one in leftovers if one.dead and (all_users or one.owner is None or one.owner.uid == user)]


def reap(leftovers: Iterable[Leftover], *, all_users: bool = False) -> tuple[list[Leftover], list[str]]:
    """Remove what dead owners left; returns what was removed, and why the rest could not be."""
    removed, failures = [], []
    for leftover in to_remove(leftovers, all_users=all_users):
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
