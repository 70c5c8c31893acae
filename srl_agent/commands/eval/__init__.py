"""`srl-agent eval`: score a model on held-out steps, or on a benchmark; each command is one module beside this one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from srl_agent.commands.settings import add_settings
from srl_agent.domains import add_domain_commands, domain_commands, load
from srl_agent.errors import ConfigError

COMMANDS = {"steps": "srl_agent.commands.eval.steps:steps", "swebench-verified": ""}
"""Name of the command to the import path of a function (args, resolve) -> exit status; empty where it is to come."""

Resolve = Callable[[], Any]
"""Makes the configuration of the arguments, and lines on why it is so: (Config, list of text)."""


def add_parser(subparsers: Any) -> None:
    """Add `eval` with its commands to what `ArgumentParser.add_subparsers` returned."""
    parser = subparsers.add_parser("eval", help="score a model on held-out steps")
    commands = parser.add_subparsers(dest="eval_command", metavar="COMMAND", required=True)
    _add_steps(commands.add_parser("steps", help="reward on held-out expert steps, without training"))
    commands.add_parser("swebench-verified", help="issues resolved on SWE-bench Verified (not built yet)")
    add_domain_commands("eval", commands)


def run(args: argparse.Namespace, resolve: Resolve) -> int:
    """Run the command that was parsed; the exit status. Raises SrlError, ParseError and OSError."""
    own = domain_commands("eval")
    path = own[args.eval_command].run if args.eval_command in own else COMMANDS[args.eval_command]
    if not path:
        raise ConfigError(
            f"eval {args.eval_command}: not built yet; until then `srl-agent eval steps` gives the reward of a model "
            "on held-out steps"
        )
    command: Callable[[argparse.Namespace, Resolve], int] = load(path)
    return command(args, resolve)


def _add_steps(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Score --model.name with transformers, or a model behind --server. Any setting of training can be given as "
        "--section.key VALUE; --config RUN/config.yaml takes the data and reward of a run."
    )
    add_settings(parser, "score on")
    parser.add_argument("--data", metavar="PATH", help="expert episodes; sets data.path")
    add_asking(parser, "outputs.jsonl and summary.json")


def add_asking(parser: argparse.ArgumentParser, gets: str) -> None:
    """The options of what asks a model and writes into a directory, which `gets` these files."""
    parser.add_argument("--seed", metavar="N", help="of sampling; sets seed")
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"gets {gets}")
    add_server(parser).add_argument("--tokenizer", metavar="NAME", help="counts prompts' tokens; estimated without it")


def add_server(parser: argparse.ArgumentParser) -> Any:
    """The group of options that name a server and how it is asked, see `engines.server_of`."""
    server = parser.add_argument_group("a server", "the key is taken from the environment: OPENAI_API_KEY")
    server.add_argument("--server", metavar="URL", help="OpenAI-compatible, such as http://localhost:8000/v1")
    server.add_argument("--server-model", metavar="NAME", help="the model's name there")
    server.add_argument("--server-extra", default="{}", metavar="JSON", help="fields to add to requests; null removes")
    server.add_argument("-j", "--concurrency", type=int, default=16, metavar="N", help="requests at once (default: 16)")
    server.add_argument("--timeout", type=float, default=600.0, metavar="S", help="seconds an answer (default: 600)")
    server.add_argument("--retries", type=int, default=5, metavar="N", help="further tries of a request (default: 5)")
    return server
