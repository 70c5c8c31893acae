"""`srl-agent sandbox`: what sandboxes left and its removal, which backends work here, and images of one's own."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from envs.errors import SandboxError
from srl_agent.commands import sandbox_build, sandbox_daemon

UNUSABLE = 1
"""Exit status: something could not be looked at or removed, or no backend that isolates works here."""


def add_parser(subparsers: Any) -> None:
    """Add `sandbox` with its commands to what `ArgumentParser.add_subparsers` returned."""
    parser = subparsers.add_parser("sandbox", help="list and clean what sandboxes left; say which backends work here")
    commands = parser.add_subparsers(dest="sandbox_command", metavar="COMMAND", required=True)
    ls = commands.add_parser("ls", help="containers, snapshots and folders of living and dead runs")
    ls.add_argument("--json", action="store_true", help="one JSON record a line")
    clean = commands.add_parser("clean", help="remove what dead runs left; living ones and others' are not touched")
    clean.add_argument("--dry-run", action="store_true", help="say what would be removed")
    clean.add_argument(
        "--all-users", action="store_true", help="as root: what other users' dead runs left in the engine, too"
    )
    sandbox_build.add_parser(commands)
    sandbox_daemon.add_parser(commands)
    commands.add_parser("doctor", help="for each backend: works or why not, and what it does not isolate")


def run(args: argparse.Namespace) -> int:
    """Run the command that was parsed; the exit status. SandboxError when the engine fails."""
    return COMMANDS[args.sandbox_command](args)


def _ls(args: argparse.Namespace) -> int:
    import json

    found, status = _look()
    for leftover in found:
        print(json.dumps(asdict(leftover)) if args.json else _line(leftover))
    if not found and not args.json:
        print("sandboxes have left nothing here, and none is running")
    return status


def _look() -> tuple[list[Any], int]:
    """What sandboxes left, and the exit status: not 0 where an engine was named and does not answer."""
    from envs.docker_engine import why_no_engine
    from envs.hygiene import docker_leftovers, folder_leftovers, state_root

    found = list(folder_leftovers(state_root()))
    if obstacle := why_no_engine():
        print(f"docker was not looked at: {obstacle}", file=sys.stderr)
        return found, UNUSABLE if os.environ.get("DOCKER_HOST") else 0
    return [*found, *docker_leftovers()], 0


def _line(leftover: Any) -> str:
    run_id = leftover.owner.run_id if leftover.owner else "?"
    state = f"dead: {leftover.dead}" if leftover.dead else "alive"
    name = leftover.name[:12] if leftover.kind == "container" else leftover.name
    return "  ".join(part for part in (f"{leftover.kind:9}", name, f"run {run_id}", state, leftover.detail) if part)


def _clean(args: argparse.Namespace) -> int:
    from envs.hygiene import reap, to_remove

    if args.all_users and os.geteuid() != 0:
        raise SandboxError("--all-users removes what belongs to other users: run it as root, or leave it out")
    found, status = _look()
    removed, failures = to_remove(found, all_users=args.all_users), list[str]()
    if not args.dry_run:
        removed, failures = reap(removed, all_users=True)
    verb = "would remove" if args.dry_run else "removed"
    for line in [f"{verb}  {_line(leftover)}" for leftover in removed] + [f"failed   {why}" for why in failures]:
        print(line)
    living = sum(not leftover.dead for leftover in found)
    others = len(found) - living - len(removed) - len(failures)
    parts = [f"{len(removed)} {'to remove' if args.dry_run else 'removed'}", f"{len(failures)} could not be"]
    parts += [f"{living} of living runs kept", f"{others} of other users' dead runs kept (as root: --all-users)"]
    print(", ".join(parts[: 4 if others else 3]))
    return UNUSABLE if failures else status


def _doctor(args: argparse.Namespace) -> int:
    from envs.base import AUTOMATIC, BACKENDS, find_backend

    works = []
    for name in BACKENDS:
        backend = find_backend(name)
        obstacle = backend.why_not()
        works += [] if obstacle else [name]
        print(f"{name:11} {'works' if not obstacle else 'does not work: ' + obstacle}")
        print(f"{'':11} {backend.isolation()}")
    for name, value in _facts().items():
        print(f"{name:11} {value}")
    usable = [name for name in AUTOMATIC if name in works]
    print(f"{'auto':11} {usable[0] if usable else 'nothing that isolates works here'}")
    return 0 if usable else UNUSABLE


def _facts() -> dict[str, str]:
    """Engine, free disk, control groups and kernel, each in a phrase."""
    from envs.docker_engine import engine, engine_errors, why_no_engine
    from envs.hygiene import engine_disk, find_leftovers, free_mb, state_root

    facts = {"kernel": platform.release(), "cgroups": cgroup_version()}
    if not why_no_engine():
        with engine_errors("docker"):
            info = engine().info()
        facts["engine"] = f"{info.get('ServerVersion')}, storage {info.get('Driver')}, rootless {_rootless(info)}"
        disk = engine_disk()
        facts["disk"] = f"{free_mb(disk)} MB free in {disk}" if disk else "the engine's disk is on another machine"
    facts["state"] = f"{free_mb(str(state_root()))} MB free where {state_root()} is"
    found = find_leftovers()
    dead = sum(bool(leftover.dead) for leftover in found)
    facts["leftovers"] = f"{dead} of dead runs (srl-agent sandbox clean), {len(found) - dead} of living ones"
    return facts


def _rootless(info: Mapping[str, Any]) -> str:
    return "yes" if any("rootless" in option for option in info.get("SecurityOptions") or []) else "no"


def cgroup_version() -> str:
    """What version of control groups is mounted, `2`, `1` or `none`."""
    top = Path("/sys/fs/cgroup")
    if (top / "cgroup.controllers").is_file():
        return "2"
    return "1" if (top / "memory").is_dir() else "none"


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "ls": _ls,
    "clean": _clean,
    "build": sandbox_build.run,
    "daemon": sandbox_daemon.run,
    "doctor": _doctor,
}
