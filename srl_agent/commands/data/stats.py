"""`srl-agent data stats`: the figures of a data set, format by format, as tables or JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console

from srl_agent.commands.data.console import open_console, print_gates, print_report, print_table, warn_of_losses
from srl_agent.commands.data.settings import config_of, token_counter
from srl_agent.data_gates import chosen_gates, gate_settings
from trajectories.formats import read_episodes
from trajectories.gates import GateReport, run_gates
from trajectories.report import LossReport
from trajectories.stats import EpisodeStats, Lengths, Spread, stats_by_format


def stats(args: argparse.Namespace) -> int:
    """Print the figures; raises ParseError, and ModelError where the tokenizer cannot be loaded."""
    count_tokens = token_counter(args.tokenizer) if args.tokenizer else None
    data = config_of(args).data
    names, settings = chosen_gates(data.gates), gate_settings(data)
    episodes, report = read_episodes(args.input, args.format)
    gates = run_gates(episodes, names, settings).report
    by_format = stats_by_format(episodes, count_tokens)
    if args.json:
        print(json.dumps(_as_json(by_format, report, gates), indent=2))
        return 0
    console = open_console()
    for name, figures in by_format.items():
        _print_stats(console, name, figures)
    print_report(console, report)
    print_gates(console, gates)
    warn_of_losses(console, report)
    return 0


def _as_json(by_format: Mapping[str, EpisodeStats], report: LossReport, gates: GateReport) -> dict[str, Any]:
    formats = {
        name: {**asdict(figures), "resolved_share": figures.resolved_share} for name, figures in by_format.items()
    }
    return {"formats": formats, "report": report.to_json(), "gates": gates.to_json()}


def _print_stats(console: Console, name: str, figures: EpisodeStats) -> None:
    share = figures.resolved_share
    counts = [
        ("episodes", str(figures.episodes)),
        ("tasks", str(figures.tasks)),
        ("steps", str(figures.steps)),
        ("steps without a thought", str(figures.steps_without_thought)),
        ("resolved, failed, unknown", f"{figures.resolved}, {figures.unresolved}, {figures.unknown}"),
        ("resolved share of those known", "-" if share is None else f"{share:.1%}"),
        *((f"calls of {kind}", str(count)) for kind, count in figures.kinds.items()),
    ]
    print_table(console, f"{name}: counts", ("", ""), counts)
    spreads = [_spread_row("steps an episode", figures.steps_per_episode), *_length_rows("characters", figures.chars)]
    if figures.tokens:
        spreads += _length_rows("tokens", figures.tokens)
    print_table(console, f"{name}: lengths", ("", "least", "median", "95 %", "most", "all"), spreads)


def _length_rows(unit: str, lengths: Lengths) -> list[tuple[str, ...]]:
    return [
        _spread_row(f"{unit} of a task", lengths.task),
        _spread_row(f"{unit} of a thought", lengths.thought),
        _spread_row(f"{unit} of an action", lengths.action),
        _spread_row(f"{unit} of an action's call", lengths.call),
        _spread_row(f"{unit} of an observation", lengths.observation),
        _spread_row(f"{unit} of an episode", lengths.episode),
    ]


def _spread_row(name: str, spread: Spread) -> tuple[str, ...]:
    return name, str(spread.least), f"{spread.median:g}", str(spread.p95), str(spread.most), str(spread.total)
