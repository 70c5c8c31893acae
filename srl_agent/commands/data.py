"""`srl-agent data`: convert expert episodes, describe them, and cut them into training steps.

Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from srl_agent.config import Config
    from trajectories.report import LossReport
    from trajectories.stats import EpisodeStats, Spread

CHARS_A_TOKEN = 4
"""Without a tokenizer, a token is taken to be this many characters."""


def add_parser(subparsers: Any) -> None:
    """Add `data` with its three commands to what `ArgumentParser.add_subparsers` returned."""
    parser = subparsers.add_parser("data", help="convert, describe and prepare expert episodes")
    commands = parser.add_subparsers(dest="data_command", metavar="COMMAND", required=True)
    _add_convert(commands.add_parser("convert", help="any supported format to our own Episode JSONL"))
    _add_stats(commands.add_parser("stats", help="figures of a data set: episodes, steps, tools, lengths"))
    _add_steps(commands.add_parser("steps", help="episodes to training and held-out steps, with reward floors"))


def run(args: argparse.Namespace) -> int:
    """Run the data command that was parsed; the exit status. Raises SrlError, ParseError and OSError."""
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "convert": _convert,
        "stats": _stats,
        "steps": _steps,
    }
    return commands[args.data_command](args)


def _add_convert(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    parser.add_argument("output", metavar="OUTPUT", help="the Episode JSONL file to write")
    parser.add_argument("--report", metavar="FILE.json", help="also write the loss report, place by place")


def _add_stats(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _add_steps(parser: argparse.ArgumentParser) -> None:
    _add_input(parser, optional=True)
    parser.add_argument("--output", required=True, metavar="DIR", help="gets train.jsonl and held_out.jsonl")
    parser.add_argument("--context", metavar="window:N|full", help="what a prompt shows; sets data.context")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting such as data.keep_last_step=true"
    )
    parser.add_argument(
        "--tokenizer", metavar="NAME", help="model whose tokenizer counts tokens; without it they are estimated"
    )


def _add_input(parser: argparse.ArgumentParser, optional: bool = False) -> None:
    what = "file, folder or glob of episodes in any supported format"
    if optional:
        parser.add_argument("input", metavar="INPUT", nargs="?", help=f"{what}; none for the bundled set")
    else:
        parser.add_argument("input", metavar="INPUT", help=what)
    parser.add_argument("--format", default="", metavar="NAME", help="the format, where detection is wrong")


def _refuse_same(source: str, target: str) -> None:
    """A conversion loses what our format does not hold, so it never replaces what it reads."""
    from srl_agent.errors import ConfigError

    if Path(target).exists() and Path(source).exists() and Path(target).samefile(source):
        raise ConfigError(f"{target}: input and output are the same file; name another output")


def _convert(args: argparse.Namespace) -> int:
    from trajectories.formats import iter_episodes
    from trajectories.report import Tally
    from trajectories.store import write_episodes

    _refuse_same(args.input, args.output)
    tally = Tally()
    count = write_episodes(args.output, iter_episodes(args.input, args.format, tally))
    console = _console()
    _print_report(console, tally.report())
    if args.report:
        _write_json(Path(args.report), tally.report().to_json())
        _say(console, f"wrote {args.report}: the loss report")
    _say(console, f"wrote {args.output}: {count} episodes")
    return 0


def _stats(args: argparse.Namespace) -> int:
    from trajectories.formats import read_episodes
    from trajectories.stats import stats_by_format

    episodes, report = read_episodes(args.input, args.format)
    by_format = stats_by_format(episodes)
    if args.json:
        from dataclasses import asdict

        figures = {name: asdict(stats) for name, stats in by_format.items()}
        print(json.dumps({"formats": figures, "report": report.to_json()}, indent=2))
        return 0
    console = _console()
    for name, stats in by_format.items():
        _print_stats(console, name, stats)
    _print_report(console, report)
    return 0


def _steps(args: argparse.Namespace) -> int:
    from srl_agent.step_sets import load_step_data
    from srl_agent.swe import SYSTEM_PROMPT, SweDomain
    from trajectories.store import write_steps

    config = _config(args)
    loaded = load_step_data(config.data, SYSTEM_PROMPT, _token_counter(args.tokenizer))
    console = _console()
    for line in loaded.sets.summary:
        _say(console, line)
    if not args.tokenizer:
        _say(console, f"tokens estimated as characters / {CHARS_A_TOKEN}; --tokenizer NAME counts them")
    _print_report(console, loaded.report)
    _print_floors(console, config, SweDomain().floors(config, loaded.sets.train))
    for name, steps in (("train", loaded.sets.train), ("held_out", loaded.sets.held_out)):
        path = Path(args.output) / f"{name}.jsonl"
        _say(console, f"wrote {path}: {write_steps(path, steps)} steps")
    return 0


def _config(args: argparse.Namespace) -> Config:
    """The configuration that the options describe; options of their own name win over `--set`."""
    from srl_agent.config_load import load_config, split_settings

    own = {"data.path": args.input, "data.format": args.format, "data.context": args.context}
    return load_config(
        overrides=[*split_settings(args.set), *((key, json.dumps(value)) for key, value in own.items() if value)]
    )


def _token_counter(name: str | None) -> Callable[[str], int]:
    if not name:
        return lambda text: -(-len(text) // CHARS_A_TOKEN)
    from srl_agent.models import load_tokenizer

    tokenizer = load_tokenizer(name)
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])


def _console() -> Console:
    from rich.console import Console

    return Console()


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_table(console: Console, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose cells are text as it is; the first column to the left, the rest to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    _say(console, title)
    table = Table(box=box.SIMPLE, show_header=any(header))
    for place, name in enumerate(header):
        table.add_column(name, justify="right" if place else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _print_report(console: Console, report: LossReport) -> None:
    """What reading kept, merged and dropped, and a table of the reasons where something was dropped."""
    formats = ", ".join(f"{name} {count}" for name, count in report.formats.items()) or "none"
    _say(console, f"episodes: {report.episodes_kept} of {report.episodes_read} rows kept; formats: {formats}")
    _say(
        console,
        f"messages: {report.messages_kept} of {report.messages_read} kept, {report.messages_merged} merged into "
        f"others, {report.messages_dropped} dropped",
    )
    rows = [
        (f"{what}: {reason}", str(count), str(messages), Path(place).name)
        for what, reason, count, messages, place in report.rows()
    ]
    if rows:
        _print_table(console, "dropped", ("what and why", "rows", "messages", "first at"), rows)


def _print_stats(console: Console, name: str, stats: EpisodeStats) -> None:
    counts = [
        ("episodes", str(stats.episodes)),
        ("tasks", str(stats.tasks)),
        ("steps", str(stats.steps)),
        ("resolved, failed, unknown", f"{stats.resolved}, {stats.unresolved}, {stats.unknown}"),
        *((f"calls of {kind}", str(count)) for kind, count in stats.kinds.items()),
    ]
    _print_table(console, f"{name}: counts", ("", ""), counts)
    spreads = [
        _spread_row("steps an episode", stats.steps_per_episode),
        _spread_row("characters of an action", stats.action_chars),
        _spread_row("characters of an observation", stats.observation_chars),
    ]
    _print_table(console, f"{name}: lengths", ("", "least", "median", "95 %", "most"), spreads)


def _spread_row(name: str, spread: Spread) -> tuple[str, ...]:
    return name, str(spread.least), f"{spread.median:g}", str(spread.p95), str(spread.most)


def _print_floors(console: Console, config: Config, floors: Mapping[str, float]) -> None:
    reward = config.reward
    title = f"reward floors of the training steps ({reward.name}, text {reward.text}, autojunk {reward.autojunk})"
    rows = [(name, f"{value:.3f}") for name, value in floors.items()]
    _print_table(console, title, ("output that needs no skill", "mean reward"), rows)


def _write_json(path: Path, record: Mapping[str, Any]) -> None:
    from trajectories.store import write_atomically

    write_atomically(path, json.dumps(record, indent=2).split("\n"))
