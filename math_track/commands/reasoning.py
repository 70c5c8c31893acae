"""`srl-agent eval reasoning`: how the outputs of evaluations reason, side by side, and a figure of their lengths."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any

from math_track.commands.options import MODES
from math_track.evaluation import ITEMS, SUMMARY
from math_track.reasoning import Reasoning, reasoning
from srl_agent.commands.data.console import open_console, print_table, say, warn
from srl_agent.commands.eval import Resolve
from srl_agent.errors import ConfigError
from srl_agent.run_dir import read_jsonl, write_bytes
from srl_agent.wording import plural

FORMATS = (".svg", ".png", ".pdf")
Cell = tuple[str, str]
"""Benchmark and way of drawing."""


@dataclass(frozen=True)
class Shown:
    """What an evaluation has of one benchmark, drawn one way."""

    problems: frozenset[str]
    outputs: tuple[Reasoning, ...]


def reasoning_command(args: argparse.Namespace, resolve: Resolve) -> int:
    """Print the table, and draw the figure. ConfigError for folders or a file that will not do."""
    if args.figure and args.figure.suffix not in FORMATS:
        raise ConfigError(f"--figure: expected a name ending in {', '.join(FORMATS)}, found '{args.figure}'")
    console = open_console()
    found = {folder: read_reasoning(folder) for folder in args.folders}
    groups = {" ".join((str(folder), *cell)): one for folder, cells in found.items() for cell, one in cells.items()}
    columns = [_column(group.outputs) for group in groups.values()]
    print_table(console, "", ("", *groups), [(name, *(column[name] for column in columns)) for name in columns[0]])
    say(console, MODES)
    for line in unequal(found):
        warn(console, line)
    if args.figure:
        draw(args.figure, {name: [one.words for one in group.outputs] for name, group in groups.items()})
        say(console, f"wrote {args.figure}")
    return 0


def read_reasoning(folder: Path) -> dict[Cell, Shown]:
    """Of each benchmark and way of drawing, what the outputs of an evaluation show.

    ConfigError where it is not a finished one.
    """
    if not (folder / SUMMARY).is_file():
        raise ConfigError(
            f"{folder}: no {SUMMARY} in it; expected what `srl-agent eval` on a benchmark wrote to its end"
        )
    rows: dict[Cell, list[dict[str, Any]]] = {}
    for row in read_jsonl(folder / ITEMS):
        rows.setdefault((row["benchmark"], row["draw"]), []).append(row)
    return {
        cell: Shown(
            frozenset(row["question"] for row in group),
            tuple(reasoning(output["text"]) for row in group for output in row["outputs"]),
        )
        for cell, group in rows.items()
    }


def unequal(found: Mapping[Path, Mapping[Cell, Shown]]) -> Iterator[str]:
    """Why the columns of the evaluations are no comparison of models: other problems, which are longer or shorter."""
    (base, cells), *others = found.items()
    for folder, theirs in others:
        for cell in sorted(cells.keys() | theirs.keys()):
            name = " ".join(cell)
            if cell not in cells or cell not in theirs:
                yield f"{name} is in {base if cell in cells else folder} only"
            elif cells[cell].problems != theirs[cell].problems:
                ours, other = cells[cell].problems, theirs[cell].problems
                yield (
                    f"{name}: {base} has {plural(len(ours), 'problem')}, {folder} {len(other)}, {len(ours & other)} of "
                    "them the same: a difference may be one of the problems"
                )


def _column(group: Sequence[Reasoning]) -> dict[str, str]:
    words, steps = [one.words for one in group], [one.steps for one in group if one.steps]
    return {
        "outputs": str(len(group)),
        "words, mean": f"{fmean(words):.0f}",
        "words, quartiles": " / ".join(f"{value:.0f}" for value in _quartiles(words)),
        "in numbered, titled steps": f"{len(steps) / len(group):.0%}",
        "steps of these, mean": f"{fmean(steps):.1f}" if steps else "-",
        "think blocks, mean": f"{fmean(one.blocks for one in group):.2f}",
        "plan": f"{fmean(one.plans for one in group):.0%}",
        "adjust": f"{fmean(one.adjusts for one in group):.0%}",
        "verify": f"{fmean(one.verifies for one in group):.0%}",
        "interleaved": f"{fmean(one.interleaved for one in group):.0%}",
    }


def _quartiles(values: Sequence[int]) -> Sequence[float]:
    return quantiles(values, method="inclusive") if len(values) > 1 else [float(values[0])] * 3


def draw(path: Path, groups: Mapping[str, Sequence[int]]) -> None:
    """Histograms of the numbers, one line a group, on the same bins, as shares; whole or not at all."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("--figure: needs the package matplotlib: pip install 'srl-agent[figures]'") from error
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes: Any = figure.subplots()
    most = max(max(values) for values in groups.values())
    edges = [most * place / 30 for place in range(31)] if most else [0.0, 1.0]
    widths = range(2 * len(groups), 0, -2)  # a line over an equal one leaves its rim to be seen
    for width, (name, values) in zip(widths, groups.items(), strict=True):
        weights = [1 / len(values)] * len(values)
        axes.hist(values, edges, weights=weights, histtype="step", label=name, linewidth=width)
    axes.set(xlabel="words of an output", ylabel="share of the outputs")
    axes.legend(fontsize="small")
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix[1:])
    write_bytes(path, drawn.getvalue())
