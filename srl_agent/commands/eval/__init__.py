"""`srl-agent eval`: score a model on held-out steps, or on a benchmark; each command is one module beside this one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from srl_agent.commands.settings import add_settings
from srl_agent.domains import Command, add_commands, domain_commands, load

_HERE = "srl_agent.commands.eval"
_ISSUES = f"{_HERE}.swebench_options:add_issues", f"{_HERE}.swebench:run"
COMMANDS = {
    "steps": Command("reward on held-out expert steps, without training", f"{_HERE}:add_steps", f"{_HERE}.steps:steps"),
    "swebench-verified": Command("issues resolved on SWE-bench Verified, 500 tasks", *_ISSUES),
    "swebench-lite": Command("issues resolved on SWE-bench Lite, 300 tasks", *_ISSUES),
    "swebench": Command("issues resolved on SWE-bench, 2,294 tasks", *_ISSUES),
    "issues": Command("issues resolved of rows of your own: --rows", *_ISSUES),
    "compare": Command(
        "two evaluations on the same issues, paired",
        f"{_HERE}.swebench_options:add_compare",
        f"{_HERE}.compare:run",
    ),
    "report": Command(
        "the table of a report of the SWE-bench harness",
        f"{_HERE}.swebench_options:add_report",
        f"{_HERE}.report:run",
    ),
}
"""Those that are no domain's: `run` is a function (args, resolve) -> exit status."""

Resolve = Callable[[], Any]
"""Makes the configuration of the arguments, and lines on why it is so: (Config, list of text)."""


def add_parser(subparsers: Any) -> None:
    """Add `eval` with its commands to what `ArgumentParser.add_subparsers` returned."""
    parser = subparsers.add_parser("eval", help="score a model on held-out steps, on issues, or on a benchmark")
    commands = parser.add_subparsers(dest="eval_command", metavar="COMMAND", required=True)
    add_commands({**COMMANDS, **domain_commands("eval")}, commands)


def run(args: argparse.Namespace, resolve: Resolve) -> int:
    """Run the command that was parsed; the exit status. Raises SrlError, ParseError, SandboxError and OSError."""
    command: Callable[[argparse.Namespace, Resolve], int] = load(
        {**COMMANDS, **domain_commands("eval")}[args.eval_command].run
    )
    return command(args, resolve)


def add_steps(parser: argparse.ArgumentParser, name: str) -> None:
    """Of `eval steps`."""
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
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"gets {gets} (default: one under runs/)")
    add_server(parser).add_argument("--tokenizer", metavar="NAME", help="counts prompts' tokens; estimated without it")


def add_server(parser: argparse.ArgumentParser, short: str = "-j") -> Any:
    """The group of options that name a server and how it is asked, see `engines.server_of`.

    `short` stands for `--concurrency` too, unless it is empty.
    """
    server = parser.add_argument_group("a server", "the key is taken from the environment: OPENAI_API_KEY")
    server.add_argument("--server", metavar="URL", help="OpenAI-compatible, such as http://localhost:8000/v1")
    server.add_argument("--server-model", metavar="NAME", help="the model's name there")
    server.add_argument("--server-extra", default="{}", metavar="JSON", help="fields to add to requests; null removes")
    names = (*filter(None, [short]), "--concurrency")
    server.add_argument(*names, type=int, default=16, metavar="N", help="requests at once (default: 16)")
    server.add_argument("--timeout", type=float, default=600.0, metavar="S", help="seconds an answer (default: 600)")
    server.add_argument("--retries", type=int, default=5, metavar="N", help="further tries of a request (default: 5)")
    return server
