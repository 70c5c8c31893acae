"""`srl-agent data convert`: any supported format to our own Episode JSONL, with the loss report."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from srl_agent.commands.data.console import open_console, print_gates, print_report, say, warn_of_losses, write_json
from srl_agent.commands.data.settings import config_of
from srl_agent.data_gates import chosen_gates, gate_settings, gates_line
from srl_agent.errors import ConfigError
from srl_agent.wording import plural
from trajectories.errors import ParseError
from trajectories.formats import iter_episodes
from trajectories.gates import GateTally, gate_episodes
from trajectories.records import Episode
from trajectories.report import Tally
from trajectories.sources import FOLDER_SUFFIXES, FileSource, find_sources
from trajectories.store import write_episodes
from trajectories.streams import inner_suffix

PACKED = (".gz", ".zst", ".bz2", ".xz", ".zip", ".parquet")


def convert(args: argparse.Namespace) -> int:
    """Stream the episodes from INPUT to OUTPUT; raises ParseError, ConfigError and OSError.

    Gates, where asked, drop episodes; what they find at single steps is reported only, as an episode holds them all.
    """
    refuse_same(args.input, args.output)
    if args.report:
        refuse_same(args.input, args.report)
        if os.path.realpath(args.report) == os.path.realpath(args.output):
            raise ConfigError(f"--report: {args.report} is the output; name another file")
    data = config_of(args).data
    tally, gates = Tally(), GateTally()
    gated = gate_episodes(
        iter_episodes(args.input, args.format, tally), chosen_gates(data.gates), gate_settings(data), gates
    )
    kept = (one.episode for one in gated if one.kept)
    count = write_episodes(args.output, _some(kept, f"{args.input}: the gates left no episode", gates))
    console = open_console()
    print_report(console, tally.report())
    print_gates(console, gates.report())
    if args.report:
        write_json(Path(args.report), {**tally.report().to_json(), "gates": gates.report().to_json()})
        say(console, f"wrote {args.report}: the loss report")
    say(console, f"wrote {args.output}: {plural(count, 'episode')}")
    warn_of_losses(console, tally.report())
    return 0


def _some(episodes: Iterable[Episode], message: str, gates: GateTally) -> Iterator[Episode]:
    """The episodes; ParseError at the end where there was none, so that no empty file is written."""
    empty = True
    for episode in episodes:
        empty = False
        yield episode
    if empty:
        raise ParseError(f"{message}: {gates_line(gates.report())}")


def _would_be_read(source: str, path: Path) -> bool:
    """Whether a folder or glob takes that file as input, now or once it is written."""
    if Path(source).is_dir():
        return Path(os.path.realpath(source)) in path.parents and inner_suffix(path) in FOLDER_SUFFIXES
    if Path(source).exists() or not path.exists() or not any(sign in source for sign in "*?["):
        return False
    return any(isinstance(one, FileSource) and path.samefile(one.path) for one in find_sources(source))


def refuse_same(source: str, target: str) -> None:
    """A conversion loses what its output does not hold, so it never replaces what it reads.

    ConfigError also for an output that is no plain text file to be written: standard output, a packed name, a file
    that is read-only even where its folder is not.
    """
    path = Path(os.path.realpath(target))  # folders that are yet to be made, and `..` behind them, included
    if path == Path(os.path.realpath(source)) or (path.exists() and Path(source).exists() and path.samefile(source)):
        raise ConfigError(f"{target}: input and output are the same file; name another output")
    if _would_be_read(source, path):
        raise ConfigError(f"{target}: is among what {source} stands for, and would be read; name a place outside")
    if target == "-" or (path.exists() and not path.is_file()):
        raise ConfigError(f"{target}: expected the name of a file to write")
    if path.suffix in PACKED:
        raise ConfigError(f"{target}: the output is plain text; leave {path.suffix} out of its name and pack it after")
    if path.exists() and not path.stat().st_mode & 0o222:
        raise ConfigError(f"{target}: is read-only; name another output")
