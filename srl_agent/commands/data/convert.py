"""`srl-agent data convert`: any supported format to our own Episode JSONL, with the loss report."""

from __future__ import annotations

import argparse
from pathlib import Path

from srl_agent.commands.data.console import open_console, print_report, say, warn_of_losses, write_json
from srl_agent.errors import ConfigError
from srl_agent.wording import plural
from trajectories.formats import iter_episodes
from trajectories.report import Tally
from trajectories.store import write_episodes


def convert(args: argparse.Namespace) -> int:
    """Stream the episodes from INPUT to OUTPUT; raises ParseError, ConfigError and OSError."""
    refuse_same(args.input, args.output)
    tally = Tally()
    count = write_episodes(args.output, iter_episodes(args.input, args.format, tally))
    console = open_console()
    print_report(console, tally.report())
    if args.report:
        write_json(Path(args.report), tally.report().to_json())
        say(console, f"wrote {args.report}: the loss report")
    say(console, f"wrote {args.output}: {plural(count, 'episode')}")
    warn_of_losses(console, tally.report())
    return 0


def refuse_same(source: str, target: str) -> None:
    """A conversion loses what its output does not hold, so it never replaces what it reads."""
    if Path(target).exists() and Path(source).exists() and Path(target).samefile(source):
        raise ConfigError(f"{target}: input and output are the same file; name another output")
