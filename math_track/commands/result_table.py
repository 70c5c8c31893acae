"""The closing table of an evaluation, beside the paper's results, and what makes it worth less than it seems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from math_track.benchmarks import BENCHMARKS
from math_track.evaluation import GREEDY
from math_track.paper_results import CELLS, OUTPUTS, RESULTS
from srl_agent.commands.data.console import print_table, say, say_empty, warn

Cell = tuple[str, str]
"""Benchmark and way of drawing: a column."""
Cells = Mapping[Cell, Mapping[str, Any]]
NAME = 26
"""Characters of a model's name that are shown, its last ones."""


def print_results(console: Any, found: Mapping[str, Any]) -> None:
    """The table: accuracies in per cent and counts, a column a benchmark and way of drawing.

    The average stands there only where it is over the paper's cells, each over the whole benchmark.
    """
    cells = {(row["benchmark"], row["draw"]): row for row in found["results"]}
    order = sorted(cells, key=lambda cell: CELLS.index(cell) if cell in CELLS else len(CELLS))
    ordered = {cell: cells[cell] for cell in order}
    header = ["accuracy in %", *(_heading(cell, row) for cell, row in ordered.items())]
    own, paper = list(_own_rows(str(found["model"])[-NAME:], ordered)), list(_paper_rows(ordered))
    if set(cells) == set(CELLS) and all(_as_the_paper(cell, row) and row["whole"] for cell, row in cells.items()):
        header.append("average")
        own[0].append(_percent(fmean(row["accuracy"] for row in cells.values())))
        paper = [[*row, f"{published.average:.1f}"] for row, published in zip(paper, RESULTS, strict=True)]
    separator = [["in the paper:"]] if paper else []
    width = len(header)
    rows = [[*row, *[""] * (width - len(row))] for row in (*own, *separator, *paper)]
    print_table(console, "", header, rows)
    if paper:
        say(
            console,
            "in the paper: arXiv 2510.25992, Tables 1 to 3, all from Qwen2.5-7B-Instruct; the average that it prints "
            "for SRL does not follow from its cells, which give 26.9",
        )
    for line in _warnings(ordered):
        warn(console, line)


def _heading(cell: Cell, row: Mapping[str, Any]) -> str:
    name, draw = cell
    return f"{BENCHMARKS[name].title}\n{draw if draw == GREEDY else 'avg@' + str(row['outputs'])}"


def _own_rows(model: str, cells: Cells) -> Iterator[list[str]]:
    shown: dict[str, Callable[[Mapping[str, Any]], str]] = {
        model: lambda row: _percent(row["accuracy"]),
        "95 % interval": lambda row: "-".join(map(_percent, row["interval"])),
    }
    sizes = sorted({int(k) for row in cells.values() for k in row["pass_at"]} - {1})
    shown |= {f"pass@{k}": lambda row, k=str(k): _passed(row, k) for k in sizes}  # type: ignore[misc]
    shown |= {
        "outputs": lambda row: str(row["problems"] * row["outputs"]),
        "  without an answer": lambda row: str(row["unanswered"]),
        "  cut": lambda row: str(row["cut"]),
        "  not judged": lambda row: str(row["grader_faults"]),
        "  tokens, mean": lambda row: f"{row['mean_tokens']:.0f}",
        "  words, mean": lambda row: f"{row['mean_words']:.0f}",
    }
    for name, show in shown.items():
        yield [name, *(show(row) for row in cells.values())]


def _passed(row: Mapping[str, Any], k: str) -> str:
    return _percent(row["pass_at"][k]) if k in row["pass_at"] else "-"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _as_the_paper(cell: Cell, row: Mapping[str, Any]) -> bool:
    """Whether the paper has this column: drawn the same way, as many outputs a problem."""
    return cell in CELLS and (cell[1] == GREEDY or row["outputs"] == OUTPUTS)


def _paper_rows(cells: Cells) -> Iterator[list[str]]:
    """A row a model where the paper has any of the columns."""
    there = [_as_the_paper(cell, row) for cell, row in cells.items()]
    if any(there):
        for row in RESULTS:
            known = dict(zip(CELLS, row.cells, strict=True))
            shown = (f"{known[cell]:.1f}" if has else "-" for cell, has in zip(cells, there, strict=True))
            yield [f"  {row.model}", *shown]


def _warnings(cells: Cells) -> Iterator[str]:
    part = {BENCHMARKS[name].title: row["problems"] for (name, _), row in cells.items() if not row["whole"]}
    if part:
        what = ", ".join(f"{count} problems of {title}" for title, count in part.items())
        yield f"a part of the benchmark only: {what}"
    rows: Sequence[Mapping[str, Any]] = list(cells.values())
    if any(row["empty"] for row in rows):
        yield say_empty(sum(row["empty"] for row in rows), sum(row["problems"] * row["outputs"] for row in rows))
    if any(row["cut"] for row in rows):
        share = sum(row["cut"] for row in rows) / sum(row["problems"] * row["outputs"] for row in rows)
        yield f"{share:.1%} of the outputs were cut at {rows[0]['max_tokens']} tokens; raise --max-tokens"
    faults = sum(row["grader_faults"] for row in rows)
    if faults:
        yield f"{faults} outputs could not be judged and count as wrong; items.jsonl says why (fault)"
