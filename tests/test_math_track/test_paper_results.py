"""The paper's numbers, as far as they check each other."""

from __future__ import annotations

from statistics import fmean

import pytest

from math_track.benchmarks import BENCHMARKS, PAPER
from math_track.paper_results import CELLS, OUTPUTS, RESULTS, Published


@pytest.mark.parametrize("row", [row for row in RESULTS if row.model != "SRL"], ids=lambda row: row.model)
def test_the_printed_average_is_the_mean_of_the_cells(row: Published) -> None:
    assert row.average == pytest.approx(fmean(row.cells), abs=0.05 + 1e-9)


def test_the_printed_average_of_srl_is_not() -> None:
    srl = next(row for row in RESULTS if row.model == "SRL")
    assert (srl.average, round(fmean(srl.cells), 1)) == (27.6, 26.9)


def test_greedy_cells_are_whole_numbers_of_problems() -> None:
    for row in RESULTS:
        for (name, draw), cell in zip(CELLS, row.cells, strict=True):
            if draw == "greedy":
                correct = round(cell / 100 * BENCHMARKS[name].size)
                assert cell == pytest.approx(100 * correct / BENCHMARKS[name].size, abs=0.05 + 1e-9)


def test_the_cells_are_those_of_an_evaluation_on_the_four() -> None:
    sampled = {(name, "sampled") for name in PAPER if BENCHMARKS[name].average}
    assert set(CELLS) == {(name, "greedy") for name in PAPER} | sampled
    assert {BENCHMARKS[name].average for name, _ in sampled} == {OUTPUTS}
