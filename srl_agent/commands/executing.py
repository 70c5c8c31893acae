"""What the commands that run sandboxes share: their options, where episodes are run, and a clean end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srl_agent.signals import ended_by_sigterm

if TYPE_CHECKING:
    from envs.places import Places

INTERRUPTED = 130
"""Exit status after Ctrl-C or SIGTERM."""
EXIT = "Exit status: 0 all could be run; 1 some could not, for their sandboxes; 2 wrong input; 130 interrupted."
IMAGE = (
    "image of every episode: a name for docker, a root directory for bubblewrap, a directory to copy for local, and '' "
    "for the host's own system (bubblewrap) or an empty directory (local); default: by the naming of the data set"
)

JSON = "write the records as JSONL; stopped or killed, the same command goes on behind what was finished"
MATTERING = ("image", "workdir", "env", "timeout", "job_timeout")
"""Options that change what a job's records say."""


def add_arguments(parser: argparse.ArgumentParser, timeout: float, unit: str) -> None:
    """The options of what runs episodes in sandboxes; a job is a `unit`."""
    parser.epilog = EXIT
    parser.add_argument("--image", metavar="IMAGE", help=IMAGE)
    parser.add_argument("--pull", action="store_true", help="fetch images that are not here (docker)")
    parser.add_argument(
        "--backend",
        default="auto",
        metavar="NAME",
        help="auto, docker, bubblewrap, local or package.module:Class (auto)",
    )
    parser.add_argument("--workdir", default="/testbed", metavar="DIR", help="where the repository is (%(default)s)")
    parser.add_argument(
        "--env", type=_variable, action="append", default=[], metavar="K=V", help="a variable of every command"
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=timeout, metavar="S", help="seconds for each action (%(default)g)"
    )
    parser.add_argument(
        f"--{unit}-timeout",
        dest="job_timeout",
        type=_count,
        default=0,
        metavar="S",
        help=f"seconds for each {unit}; 0 for no limit (0)",
    )
    parser.add_argument("-j", "--jobs", type=_positive, default=2, metavar="N", help=f"{unit}s at once (%(default)s)")
    parser.add_argument("--limit", type=_count, default=0, metavar="N", help="only the first N episodes; 0 for all (0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help=JSON)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e8:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, got {text}")
    return value


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return int(text)


def _count(text: str) -> int:
    if int(text) < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, got {text}")
    return int(text)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and equals):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text}")
    return name, value


def choose_places(args: argparse.Namespace, *, bundled: bool) -> tuple[Places, str]:
    """Where the episodes are run, and the line that says so. SandboxError where no backend works."""
    from dataclasses import replace

    from envs.base import AUTOMATIC, choose_backend
    from envs.docker_backend import DockerBackend
    from envs.places import Places
    from srl_agent.errors import ConfigError

    name, backend, why = choose_backend(args.backend)
    if args.pull and not isinstance(backend, DockerBackend):
        raise ConfigError(f"--pull: the backend {name} has no registry to fetch images from; leave it out")
    if isinstance(backend, DockerBackend):
        backend = replace(backend, pull=args.pull)
    limits = "`srl-agent sandbox doctor` says what it does not isolate" if name in AUTOMATIC else backend.isolation()
    places = Places(name, backend, bundled, args.image, args.timeout, args.workdir, dict(args.env))
    return places, f"sandbox: {name} ({why}); {limits}"


def made_with(args: argparse.Namespace, backend: str) -> dict[str, Any]:
    """The settings that a job's records depend on, for its key in `Records`."""
    return {"backend": backend} | {name: getattr(args, name) for name in MATTERING}


def until_interrupted(command: Callable[[], int]) -> int:
    """Run a command; Ctrl-C or SIGTERM interrupts its jobs in their commands, closes their sandboxes and ends it."""
    try:
        with ended_by_sigterm():
            return command()
    except KeyboardInterrupt:
        print(
            "\nsrl-agent: interrupted; the sandboxes are closed, finished records are in --json, and the same command "
            "goes on behind them",
            file=sys.stderr,
        )
        return INTERRUPTED
