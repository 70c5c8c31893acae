"""The command line `srl-agent`: parse, then import what the command needs, and say errors in one place."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import srl_agent
from envs.errors import SandboxError
from srl_agent.commands.settings import add_settings
from srl_agent.errors import ConfigError, SrlError
from srl_agent.signals import ended_by_sigterm
from trajectories.errors import ParseError

if TYPE_CHECKING:
    from srl_agent.config import Config

PACKAGES = ("srl_agent", "envs", "trajectories", "math_track")
TRACEBACK = "SRL_AGENT_TRACEBACK"
"""Environment variable that shows where in the code the system said no."""
FAILURE, INTERRUPTED = 2, 130
"""Exit statuses: something the user can mend; Ctrl-C."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = argparse.Namespace()
    try:
        check_siblings(_origins())
        # A domain or a backend of one's own, package.module:Class, may stand in the current folder; ours come first.
        sys.path.append(str(Path.cwd()))
        args, rest = build_parser().parse_known_args(argv)
        command: Callable[[argparse.Namespace, list[str]], int] = args.command
        return command(args, rest)
    except (SrlError, ParseError, SandboxError) as error:
        return _fail(str(error))
    except BrokenPipeError:
        # The reader of our output has gone; nothing can be said any more, and Python must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except OSError as error:
        if os.environ.get(TRACEBACK):
            raise
        return _fail(f"{error.filename or 'system'}: {error.strerror or error} (where: set {TRACEBACK}=1)")
    except KeyboardInterrupt:
        goes_on = getattr(args, "goes_on", "")
        kept = f"; what was finished is kept, and goes on with {goes_on}" if goes_on else ""
        print(f"\nsrl-agent: interrupted{kept}", file=sys.stderr)
        return INTERRUPTED


def _fail(message: str) -> int:
    print(f"srl-agent: error: {message}", file=sys.stderr)
    return FAILURE


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; it imports nothing heavy."""
    from srl_agent.commands import data, replay, sandbox
    from srl_agent.commands import eval as evaluation

    parser = argparse.ArgumentParser(
        prog="srl-agent", description="Train software-engineering agents step by step from expert trajectories."
    )
    parser.add_argument("--version", action="version", version=f"srl-agent {srl_agent.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_train(commands.add_parser("train", help="train a policy on expert steps", allow_abbrev=False))
    data.add_parser(commands)
    commands.choices["data"].set_defaults(command=_data)
    replay_parser = commands.add_parser("replay", help="run recorded episodes again in sandboxes and compare")
    replay.add_arguments(replay_parser)
    replay_parser.set_defaults(command=_replay)
    sandbox.add_parser(commands)
    commands.choices["sandbox"].set_defaults(command=_sandbox)
    evaluation.add_parser(commands)
    commands.choices["eval"].set_defaults(command=_eval)
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train on expert steps. Any setting can be given as --section.key VALUE; --settings says which there are."
    )
    add_settings(parser, "train on")
    parser.add_argument(
        "--data", metavar="PATH", help="expert episodes: file, folder, glob, owner/name:split or -; sets data.path"
    )
    parser.add_argument("--stages", metavar="sft,srl,rlvr", help="training methods in order, one or more; sets stages")
    parser.add_argument("--seed", metavar="N", help="of sampling and of the order of the steps; sets seed")
    parser.add_argument("--output", metavar="DIR", help="the run directory; sets output")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with the run in this directory")
    parser.add_argument("--dry-run", action="store_true", help="print choices and the whole resolved tree, then stop")
    parser.add_argument(
        "--settings",
        nargs="?",
        const="",
        metavar="NAME",
        help="print what the settings mean, with values, and stop: all, a section or a key; --preset gives its own",
    )
    parser.set_defaults(command=_train)


def _train(args: argparse.Namespace, rest: list[str]) -> int:
    if args.settings is None and os.environ.get("RANK", "0") == "0":  # of several processes one talks
        print("srl-agent train: loading libraries, which takes some seconds", flush=True)
    from srl_agent.config_load import check_resumed, load_config, with_absolute_model
    from srl_agent.run_dir import check_untaken

    overrides = _overrides(args, rest, {"data.path": args.data, "output": args.output})
    overrides += [("seed", args.seed)] if args.seed else []
    if args.stages is not None:
        overrides.append(("stages", f"[{args.stages}]"))
    if args.settings is not None:
        from srl_agent.commands import setting_list

        file = _resumed(args) if args.resume else args.config
        config = load_config(preset=args.preset, file=file, overrides=overrides, domain=args.domain or "")
        return setting_list.run(config, args.settings)
    if args.resume:
        file, why = _resumed(args), [f"resuming {args.resume} with its own settings"]
        config = with_absolute_model(load_config(file=file, overrides=overrides, domain=args.domain or ""))
        check_resumed(with_absolute_model(load_config(file=file)), config)
    else:
        config, why = _resolve(args, overrides)
        config = with_absolute_model(config)
    _check_paths(config.data.path, config.output)
    if not args.resume:
        check_untaken(config.output)
    from srl_agent.commands import train

    return train.run(config, resume=args.resume, dry_run=args.dry_run, why=why)


def _overrides(args: argparse.Namespace, rest: list[str], own: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Settings of the command line in their order of precedence; `own` are options with a name of their own."""
    from srl_agent.config_load import split_settings

    # YAML would read a folder named 2026 as a number.
    quoted = [(key, json.dumps(value)) for key, value in own.items() if value]
    return [*split_settings(args.set), *dotted(rest), *quoted]


def _resolve(args: argparse.Namespace, overrides: list[tuple[str, str]]) -> tuple[Config, list[str]]:
    """The configuration, with the preset that suits the machine where none is named, and why it does."""
    from srl_agent.config_load import check_values, load_config, read_yaml
    from srl_agent.presets import choose_preset

    file, preset, why = args.config, args.preset, []
    if not preset and not _names_preset(file, overrides):
        check_values(file=file, overrides=overrides, domain=args.domain or "")  # torch, asked below, takes its time
        has_data = any(key == "data.path" for key, _ in overrides) or bool(file and "data" in read_yaml(file))
        if usual := getattr(args, "usual_preset", ""):
            preset, reason = usual, "on every machine: a score depends on how prompts are shown; --preset takes another"
        else:
            preset, reason = choose_preset(args.domain or "swe", has_data, _accelerator_gb)
        why.append(f"preset: {preset} ({reason})")
    return load_config(preset=preset, file=file, overrides=overrides, domain=args.domain or ""), why


def _check_paths(data: str, output: str) -> None:
    """What can be told before torch is imported: data that is not there, a directory that cannot be written."""
    from trajectories.sources import find_sources

    if data:
        find_sources(data)
    parent = Path(output).absolute()
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise ConfigError(f"output: {parent} is a file, and a directory is needed; name another with --output")
    if not os.access(parent, os.W_OK):
        raise ConfigError(f"output: {parent} cannot be written to; name another directory with --output")


def _names_preset(file: Path | None, overrides: Sequence[tuple[str, str]]) -> bool:
    from srl_agent.config_load import read_yaml

    return any(key == "preset" for key, _ in overrides) or bool(file and read_yaml(file).get("preset"))


def _resumed(args: argparse.Namespace) -> Path:
    """The settings of the run to go on with. ConfigError for what would make it another run."""
    if args.preset or args.config or args.output:
        raise ConfigError("--resume keeps the run's own settings; leave out --preset, --config and --output")
    file: Path = args.resume / "config.yaml"
    if not file.is_file():
        raise ConfigError(f"--resume: {file} does not exist; give the directory of a run that has begun")
    return file


def dotted(rest: Sequence[str]) -> list[tuple[str, str]]:
    """`--a.b c` and `--a.b=c` as pairs. ConfigError for anything else that the parser did not know."""
    pairs, words = [], list(rest)
    while words:
        word = words.pop(0)
        key, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or "." not in key:
            raise ConfigError(
                f"unknown argument '{word}'; settings are given as --section.key VALUE or --set key=value"
            )
        if not equals:
            if not words:
                raise ConfigError(f"{word}: a value is missing")
            value = words.pop(0)
        pairs.append((key, value))
    return pairs


def _data(args: argparse.Namespace, rest: list[str]) -> int:
    _refuse(rest)
    from srl_agent.commands import data

    return data.run(args)


def _sandbox(args: argparse.Namespace, rest: list[str]) -> int:
    _refuse(rest)
    from srl_agent.commands import sandbox

    return sandbox.run(args)


def _replay(args: argparse.Namespace, rest: list[str]) -> int:
    _refuse(rest)
    from srl_agent.commands import replay

    return replay.run(args)


def _eval(args: argparse.Namespace, rest: list[str]) -> int:
    from srl_agent.commands import eval as evaluation

    if not getattr(args, "settings", True):
        _refuse(rest)

    def resolve() -> tuple[Config, list[str]]:
        overrides = _overrides(args, rest, {"data.path": getattr(args, "data", None)})
        overrides += [("seed", args.seed)] if args.seed else []
        _check_server(getattr(args, "server", None), overrides)
        config, why = _resolve(args, overrides)
        _check_paths(config.data.path, str(args.output or ""))
        return config, why

    with ended_by_sigterm():  # sandboxes are closed, and what was made is kept
        return evaluation.run(args, resolve)


def _check_server(server: str | None, overrides: Sequence[tuple[str, str]]) -> None:
    """ConfigError where a command asks both a server and a model on this machine; a file's settings may name one."""
    local = [key for key, _ in overrides if key.startswith("model.") or key == "trainer.engine"]
    if server and local:
        raise ConfigError(
            f"--{local[0]}: is about a model on this machine, and --server names another, whose model is "
            "--server-model; leave one of them out"
        )


def _refuse(rest: Sequence[str]) -> None:
    if rest:
        raise ConfigError(f"unknown argument '{rest[0]}'; --help lists the known ones")


def _accelerator_gb() -> float:
    """Memory of the first CUDA device in GB; 0 without one (Apple's shares the system's memory)."""
    import torch

    return torch.cuda.get_device_properties(0).total_memory / 1e9 if torch.cuda.is_available() else 0.0


def _origins() -> dict[str, str]:
    """Where each of our packages would be imported from."""
    found = {}
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        locations = list(spec.submodule_search_locations or []) if spec else []
        found[name] = locations[0] if locations else ""
    return found


def check_siblings(origins: dict[str, str]) -> None:
    """Refuse to run when another distribution's package stands in for one of ours (`envs` is on PyPI too)."""
    home = Path(origins["srl_agent"]).resolve().parent
    strangers = {name: path for name, path in origins.items() if not path or Path(path).resolve().parent != home}
    if strangers:
        what = ", ".join(f"{name} ({path or 'missing'})" for name, path in strangers.items())
        raise ConfigError(
            f"these packages are not the ones of srl-agent, which stands in {home}: {what}; "
            "uninstall the distribution they come from, then: pip install --force-reinstall --no-deps srl-agent"
        )
