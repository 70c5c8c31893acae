"""`srl-agent sandbox build`: an image of one's own repository, or of a SWE-bench instance without a registry."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from srl_agent.errors import ConfigError

BASE = "srl-agent/base:bookworm"
"""What docker/sandbox-base.Dockerfile and docker/make-base-image make."""
OF_INSTANCE = ("commit", "require", "wheels", "python", "env", "depth")


def add_parser(commands: Any) -> None:
    """Add `build` to the commands of `sandbox`."""
    build = commands.add_parser("build", help="make an image of a repository, or of a SWE-bench instance (docker)")
    build.add_argument("source", type=Path, metavar="SOURCE", help="a folder, an sdist (.tar.gz) or a local git mirror")
    name = build.add_mutually_exclusive_group(required=True)
    name.add_argument("--image", metavar="NAME", help="the name of the image to make")
    name.add_argument("--instance", metavar="ID", help="make that instance's, as the SWE-bench harness expects it")
    build.add_argument("--base", default=BASE, metavar="NAME", help="an image with bash and git (%(default)s)")
    build.add_argument("--setup", metavar="COMMAND", help="run in it; with --instance 'python -m pip install -e .'")
    group = build.add_argument_group("with --instance")
    group.add_argument("--commit", metavar="SHA", help="the base commit in the mirror; without: SOURCE's files as one")
    group.add_argument("--depth", type=int, metavar="N", help="commits of its history to keep; 0: all (default)")
    group.add_argument("--wheels", type=Path, metavar="FOLDER", help="wheels, all that pip finds in the image")
    group.add_argument(
        "--require", action="append", metavar="PACKAGE", help="install from them first: pytest, setuptools"
    )
    group.add_argument("--python", type=Path, metavar="ARCHIVE", help="python-build-standalone, ..install_only.tar.gz")
    group.add_argument("--env", action="append", metavar="K=V", help="a variable of everything in the image")


def run(args: argparse.Namespace) -> int:
    """Build; the exit status. SandboxError with the end of the build's log; ConfigError for options that do not fit."""
    given = [f"--{name}" for name in OF_INSTANCE if getattr(args, name) is not None]
    from srl_agent.swe_eval.rows import ID

    if args.instance and not ID.fullmatch(args.instance):
        raise ConfigError(
            f"--instance: '{args.instance}' is no id of an instance; expected such as pallets__flask-5014"
        )
    if given and not args.instance:
        raise ConfigError(f"{', '.join(given)}: for an instance's image only; give --instance ID in place of --image")
    print(f"building {args.image or args.instance} of {args.source} on {args.base}", flush=True)
    return _instance(args) if args.instance else _folder(args)


def _folder(args: argparse.Namespace) -> int:
    from envs.images import build_from_folder

    build_from_folder(args.source, args.image, args.base, args.setup or "")
    print(f"{args.image} is ready, the repository at /testbed: srl-agent replay EPISODES --image {args.image}")
    return 0


def _instance(args: argparse.Namespace) -> int:
    from envs.instance_images import Instance, build_instance

    instance = Instance(
        args.instance,
        args.source,
        commit=args.commit or "",
        base=args.base,
        python=args.python,
        wheels=args.wheels,
        requirements=tuple(args.require or ()),
        environment=_variables(args.env or []),
        depth=args.depth or 0,
        **({} if args.setup is None else {"install": args.setup}),
    )
    commit = build_instance(instance)
    print(f"{instance.image} is ready, /testbed ends at {commit}")
    return 0


def _variables(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if broken := [text for text, (name, equals, _) in zip(given, pairs, strict=True) if not (name and equals)]:
        raise ConfigError(f"--env {broken[0]}: expected NAME=VALUE")
    return {name: value for name, _, value in pairs}
