"""`srl-agent data`: convert expert episodes, describe them, show them, cut them into steps, and export them.

The parser of all data commands, and nothing else: each command is one module beside it, imported when it is run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from srl_agent.commands import executing
from srl_agent.domains import add_commands, domain_commands, domain_of, load
from trajectories.errors import ParseError
from trajectories.sources import STANDARD_INPUT, find_sources

COMMANDS = {
    "convert": "srl_agent.commands.data.convert:convert",
    "stats": "srl_agent.commands.data.stats:stats",
    "show": "srl_agent.commands.data.show:show",
    "steps": "srl_agent.commands.data.steps:steps",
    "export": "srl_agent.commands.data.export:export",
    "compare": "srl_agent.commands.data.compare:compare",
}
"""Name of the command to the import path of what runs it."""


def add_parser(subparsers: Any) -> None:
    """Add `data` with its commands to what `ArgumentParser.add_subparsers` returned."""
    parser = subparsers.add_parser("data", help="convert, describe, show and prepare expert episodes")
    commands = parser.add_subparsers(dest="data_command", metavar="COMMAND", required=True)
    _add_convert(commands.add_parser("convert", help="any supported format to our own Episode JSONL"))
    _add_stats(commands.add_parser("stats", help="figures of a data set: episodes, steps, actions, lengths, gates"))
    _add_show(commands.add_parser("show", help="one episode to read, or the exact prompt and target of a step"))
    _add_steps(commands.add_parser("steps", help="episodes to training and held-out steps, with reward floors"))
    _add_compare(commands.add_parser("compare", help="execute sampled actions beside the expert's in sandboxes"))
    _add_export(commands.add_parser("export", help="rows for other trainers: TRL, pivot rows, ATIF, step rows"))
    add_commands(domain_commands("data"), commands)


def run(args: argparse.Namespace) -> int:
    """Run the data command that was parsed; the exit status. Raises SrlError, ParseError and OSError."""
    own = domain_commands("data")
    path = own[args.data_command].run if args.data_command in own else COMMANDS[args.data_command]
    command: Callable[[argparse.Namespace], int] = load(path)
    try:
        return command(args)
    except ParseError as error:
        domain = "" if args.data_command in own else _domain_of(getattr(args, "input", None))
        if not domain:
            raise
        raise ParseError(
            f"{args.input}: its rows are of the domain '{domain}', and `data {args.data_command}` is for an agent's "
            f"episodes; what was read, and a step with its target: srl-agent train --domain {domain} --data "
            f"{args.input} --dry-run"
        ) from error


def _domain_of(path: str | None) -> str:
    """The domain that the first row is of; empty for episodes, and where there is no row."""
    if not path or path == STANDARD_INPUT:
        return ""
    try:
        row = next((row for source in find_sources(path) for _, row in source.rows()), None)
    except ParseError:  # the command's own error tells it
        return ""
    return domain_of(row) if isinstance(row, Mapping) else ""


def _add_convert(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    parser.add_argument("output", metavar="OUTPUT", help="the Episode JSONL file to write")
    parser.add_argument("--report", metavar="FILE.json", help="also write the loss report, place by place")
    _add_gates(parser, default="none")


def _add_stats(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    _add_tokenizer(parser, "also give lengths in tokens, under this model's tokenizer")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    _add_gates(parser, default="all")


def _add_show(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    parser.add_argument("episode", metavar="EPISODE", nargs="?", help="number in the list, or traj_id; none to list")
    parser.add_argument("--step", type=int, metavar="K", help="the exact prompt of step K and its target")
    parser.add_argument("--full", action="store_true", help="shorten nothing")
    parser.add_argument("--json", action="store_true", help="print the episode, or the step row, as JSON")
    _add_step_settings(parser)


def _add_steps(parser: argparse.ArgumentParser) -> None:
    _add_input(parser, optional=True)
    parser.add_argument("--output", required=True, metavar="DIR", help="gets train.jsonl and held_out.jsonl")
    parser.add_argument(
        "--split", choices=("episode", "repository"), help="what is held out as a whole; sets data.split"
    )
    parser.add_argument(
        "--replayed", metavar="FILE", help="records of `replay --json`: only steps that came again are targets"
    )
    _add_step_settings(parser)
    _add_gates(parser)


def _add_export(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    parser.add_argument("output", metavar="OUTPUT", help="the JSONL file to write")
    parser.add_argument("--failed", action="store_true", help="keep runs that failed their task")
    parser.add_argument("--to", required=True, metavar="NAME", help="trl-sft, trl-sft-steps, steps, pivot or atif")
    _add_step_settings(parser)
    _add_gates(parser)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("samples", metavar="RUN", help="a run's directory, its samples folder, or one of its files")
    parser.add_argument(
        "--episodes", metavar="PATH", help="what the run was trained on; without it, what its config.yaml says"
    )
    executing.add_arguments(parser, timeout=30.0, unit="step")


def _add_step_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--context", metavar="window:N|full", help="what a prompt shows; sets data.context")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting such as data.keep_last_step=true"
    )
    _add_tokenizer(parser, "model whose tokenizer counts tokens; without it they are estimated")


def _add_gates(parser: argparse.ArgumentParser, default: str = "") -> None:
    """Without a default, the setting `data.gates` has the say."""
    shown = default or "data.gates, which is default"
    parser.add_argument(
        "--gates", default=default, metavar="NAMES", help=f"none, default, all, or names with commas ({shown})"
    )
    parser.add_argument(
        "--tasks", action="append", metavar="PATH", help="rows of the episodes' own tasks: hidden tests, gold patches"
    )
    parser.add_argument(
        "--evaluation", action="append", metavar="PATH", help="rows of an evaluation set that no episode may be of"
    )


def _add_tokenizer(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--tokenizer", metavar="NAME", help=what)


def _add_input(parser: argparse.ArgumentParser, optional: bool = False) -> None:
    what = "episodes in any supported format: file, folder, glob, Hugging Face owner/name:split, or - (standard input)"
    if optional:
        parser.add_argument("input", metavar="INPUT", nargs="?", help=f"{what}; none for the bundled set")
    else:
        parser.add_argument("input", metavar="INPUT", help=what)
    parser.add_argument("--format", default="", metavar="NAME", help="the format, where detection is wrong")
