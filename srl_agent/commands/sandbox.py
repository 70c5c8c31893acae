"""`srl-agent sandbox`: list what sandboxes left, remove what is nobody's any more, and say which backends work here."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

UNUSABLE = 1
"""Exit status: something could not be removed, or no backend that isolates works here."""


def add_parser(subparsers: Any) -> None:
    """Add `sandbox` with its commands to what `ArgumentParser.add_subparsers` returned."""
    parser = subparsers.add_parser("sandbox", help="list and clean what sandboxes left; say which backends work here")
    commands = parser.add_subparsers(dest="sandbox_command", metavar="COMMAND", required=True)
    ls = commands.add_parser("ls", help="containers, snapshots, volumes and folders of living and dead runs")
    ls.add_argument("--json", action="store_true", help="one JSON record a line")
    clean = commands.add_parser("clean", help="remove what dead runs left; living ones and others' are not touched")
    clean.add_argument("--dry-run", action="store_true", help="say what would be removed")
    commands.add_parser("doctor", help="for each backend: works or why not, and what it does not isolate")


def run(args: argparse.Namespace) -> int:
    """Run the command that was parsed; the exit status. SandboxError when the engine fails."""
    return COMMANDS[args.sandbox_command](args)


def _ls(args: argparse.Namespace) -> int:
    import json

    from envs.hygiene import find_leftovers

    for leftover in find_leftovers():
        if args.json:
            print(json.dumps(asdict(leftover)))
        else:
            print(_line(leftover))
    return 0


def _line(leftover: Any) -> str:
    run_id = leftover.owner.run_id if leftover.owner else "?"
    state = f"dead: {leftover.dead}" if leftover.dead else "alive"
    name = leftover.name[:12] if leftover.kind == "container" else leftover.name
    return "  ".join(part for part in (f"{leftover.kind:9}", name, f"run {run_id}", state, leftover.detail) if part)


def _clean(args: argparse.Namespace) -> int:
    from envs.hygiene import find_leftovers, reap

    found = find_leftovers()
    if args.dry_run:
        for leftover in found:
            print(f"{'would remove' if leftover.dead else 'would keep'}  {_line(leftover)}")
        return 0
    removed, failures = reap(found)
    for line in [f"removed  {_line(leftover)}" for leftover in removed] + [f"failed   {why}" for why in failures]:
        print(line)
    kept = sum(not leftover.dead for leftover in found)
    print(f"{len(removed)} removed, {len(failures)} could not be, {kept} of living runs kept")
    return UNUSABLE if failures else 0


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
    root = state_root()
    facts["state"] = f"{free_mb(str(root if root.exists() else root.parent))} MB free where {root} is"
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


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {"ls": _ls, "clean": _clean, "doctor": _doctor}
