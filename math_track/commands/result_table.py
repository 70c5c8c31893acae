"""The closing table of an evaluation, beside the paper's results, and the lines below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from math_track.benchmarks import BENCHMARKS
from math_track.evaluation import GREEDY, SAMPLED
from math_track.paper_results import CELLS, OUTPUTS, RESULTS, Published
from srl_agent.commands.data.console import print_table, say, warn

Cells = Mapping[tuple[str, str], Mapping[str, Any]]
"""Benchmark and way of drawing to the figures."""


def print_results(console: Any, found: Mapping[str, Any]) -> None:
    """The table, what it leaves out, and what makes it worth less than it seems."""
    cells = {(row["benchmark"], row["draw"]): row for row in found["results"]}
    order = sorted(cells, key=lambda cell: CELLS.index(cell) if cell in CELLS else len(CELLS))
    header = ["accuracy in %", *(_heading(cell, cells) for cell in order)]
    rows = [[_name(found), *(_percent(cells[cell]["accuracy"]) for cell in order)]]
    rows.append(["95 % interval", *("-".join(map(_percent, cells[cell]["interval"])) for cell in order)])
    published = [row for row in RESULTS if any(_comparable(cell, cells) for cell in order)]
    rows += [[f"paper: {row.model}", *(_published(row, cell, cells) for cell in order)] for row in published]
    if set(cells) == set(CELLS):
        header.append("average")
        own = [_percent(fmean(row["accuracy"] for row in cells.values())), ""]
        for row, last in zip(rows, [*own, *(f"{row.average:.1f}" for row in published)], strict=True):
            row.append(last)
    print_table(console, "", header, rows)
    for line in _lines(cells, order, bool(published)):
        say(console, line)
    for line in _warnings(cells, order):
        warn(console, line)


def _heading(cell: tuple[str, str], cells: Cells) -> str:
    name, draw = cell
    return f"{BENCHMARKS[name].title} {draw if draw == GREEDY else 'avg@' + str(cells[cell]['outputs'])}"


def _name(found: Mapping[str, Any]) -> str:
    """The model's name, the end of a long path."""
    return str(found["model"])[-40:]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _comparable(cell: tuple[str, str], cells: Cells) -> bool:
    """Whether the paper has this cell: as many outputs a problem."""
    return cell in CELLS and (cell[1] == GREEDY or cells[cell]["outputs"] == OUTPUTS)


def _published(row: Published, cell: tuple[str, str], cells: Cells) -> str:
    return f"{row.cells[CELLS.index(cell)]:.1f}" if _comparable(cell, cells) else "-"


def _lines(cells: Cells, order: Sequence[tuple[str, str]], compared: bool) -> Iterator[str]:
    for cell in order:
        row = cells[cell]
        yield (
            f"{_heading(cell, cells)}: {row['problems']} problems; without an answer {row['unanswered']} of "
            f"{row['problems'] * row['outputs']} outputs, cut {row['cut']}, not judged {row['grader_faults']}; on "
            f"average {row['mean_tokens']:.0f} tokens, {row['mean_words']:.0f} words"
        )
        if cell[1] == SAMPLED:
            yield "  pass@k: " + ", ".join(f"{k}: {_percent(share)}" for k, share in row["pass_at"].items())
    if compared:
        yield (
            "paper: arXiv 2510.25992, Tables 1 to 3, all from Qwen2.5-7B-Instruct; its average of SRL does not follow "
            "from its cells, which give 26.9"
        )


def _warnings(cells: Cells, order: Sequence[tuple[str, str]]) -> Iterator[str]:
    for cell in order:
        row, name = cells[cell], _heading(cell, cells)
        if not row["whole"]:
            size = BENCHMARKS[cell[0]].size
            yield (
                f"{name}: {row['problems']} of {size} problems, a sketch of the benchmark"
                if size
                else f"{name}: a part"
            )
        if row["cut"]:
            share = row["cut"] / (row["problems"] * row["outputs"])
            yield f"{name}: {share:.0%} of the outputs were cut at {row['max_tokens']} tokens; raise --max-tokens"
        if row["grader_faults"]:
            yield f"{name}: {row['grader_faults']} outputs could not be judged and count as wrong; see items.jsonl"
