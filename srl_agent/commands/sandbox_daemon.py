"""`srl-agent sandbox daemon`: the hardened engine on which the SWE-bench harness scores patches nobody has read."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

NOT_RUNNING = 3
"""Exit status of `status` where no engine runs, as of a service (LSB, init scripts)."""


def add_parser(commands: Any) -> None:
    """Add `daemon` with its own commands."""
    parser = commands.add_parser("daemon", help="the hardened engine for scoring: start, stop, status, bring images")
    actions = parser.add_subparsers(dest="daemon_command", metavar="COMMAND", required=True)
    start = actions.add_parser("start", help="start it (root); bounds are of all its containers together")
    start.add_argument("--memory", type=int, metavar="MB", help="default: 3/4 of the machine's")
    start.add_argument("--pids", type=int, metavar="N", help="default: 4096")
    start.add_argument("--cpus", type=float, metavar="N", help="default: all")
    start.add_argument(
        "--disk", type=int, default=-1, metavar="MB", help="default: half of what is free, 32 GB at most"
    )
    stop = actions.add_parser("stop", help="end it and all that runs in it")
    stop.add_argument("--remove-images", action="store_true", help="and remove its copies of images")
    actions.add_parser("status", help="whether it runs, its address, containers and images")
    bring = actions.add_parser("bring", help="copy images from the main engine")
    bring.add_argument("images", nargs="+", metavar="IMAGE")


def run(args: argparse.Namespace) -> int:
    """Run the command that was parsed; the exit status. SandboxError when an engine fails."""
    return COMMANDS[args.daemon_command](args)


def _start(args: argparse.Namespace) -> int:
    from envs.harness_daemon import default_limits, find, start

    if find():
        print("it runs already, with the bounds that it was started with")
    else:
        asked = {"memory_mb": args.memory, "pids": args.pids, "cpus": args.cpus}
        limits = replace(default_limits(), **{name: value for name, value in asked.items() if value is not None})
        limits = limits if args.disk < 0 else replace(limits, disk_mb=args.disk)
        print(f"starting: {limits.memory_mb} MB of memory, {limits.pids} processes, {limits.cpus:g} cores, no network")
        start(limits)
    return _status(args)


def _stop(args: argparse.Namespace) -> int:
    from envs.harness_daemon import stop

    print("stopped" if stop(remove_images=args.remove_images) else "it was not running")
    return 0


def _status(args: argparse.Namespace) -> int:
    from envs.docker_engine import engine_errors
    from envs.harness_daemon import disk_in_words, find
    from envs.harness_settings import client_of, why_not_hardened

    running = find()
    if not running:
        print("not running; start it: srl-agent sandbox daemon start")
        return NOT_RUNNING
    with engine_errors("the harness's engine"):
        client = client_of(running.docker_host)
        images, containers = client.images.list(), client.containers.list(all=True)
        client.close()
    print(f"running, process {running.owner.pid}, {len(containers)} containers, {len(images)} images")
    print(f"disk     {disk_in_words()}")
    print(f"log      {running.log}")
    print(f"hardened {why_not_hardened(running.docker_host) or 'yes'}")
    print(f"export DOCKER_HOST={running.docker_host}")
    return 0


def _bring(args: argparse.Namespace) -> int:
    from envs.harness_images import bring_images

    copied = bring_images(args.images)
    for name in args.images:
        print(f"{name}: {'copied' if name in copied else 'is there'}")
    return 0


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "start": _start,
    "stop": _stop,
    "status": _status,
    "bring": _bring,
}
