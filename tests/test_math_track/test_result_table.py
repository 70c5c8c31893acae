"""The closing table: what stands beside the paper's numbers, and what does not because it was drawn otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from math_track.commands.result_table import print_results
from math_track.paper_results import CELLS, OUTPUTS
from srl_agent.commands.data.console import open_console


def cell(benchmark: str, draw: str, outputs: int = OUTPUTS, whole: bool = True) -> dict[str, Any]:
    counts = dict.fromkeys(("unanswered", "empty", "cut", "grader_faults", "mean_tokens", "mean_words"), 0)
    outputs = outputs if draw == "sampled" else 1
    row = {"benchmark": benchmark, "draw": draw, "outputs": outputs, "whole": whole, "problems": 30, "max_tokens": 9}
    return {**row, **counts, "accuracy": 0.5, "interval": [0.4, 0.6], "pass_at": {"1": 0.5}}


def printed(capsys: pytest.CaptureFixture[str], **how: Any) -> str:
    print_results(open_console(), {"model": "m", "results": [cell(*one, **how) for one in CELLS]})
    table, behind, _ = capsys.readouterr().out.partition("in the paper: arXiv")
    assert behind
    return table


def test_the_average_stands_beside_the_paper_s(capsys: pytest.CaptureFixture[str]) -> None:
    table = printed(capsys)
    assert "average" in table and "27.6" in table


@pytest.mark.parametrize("how", [{"outputs": 2}, {"whole": False}])
def test_there_is_no_average_over_cells_that_were_drawn_otherwise(
    capsys: pytest.CaptureFixture[str], how: dict[str, Any]
) -> None:
    table = printed(capsys, **how)
    assert "average" not in table and "27.6" not in table
