"""Accuracy: intervals that hold what they promise, and pass@k by hand."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from math_track.accuracy import interval, pass_at, pass_sizes


def test_with_one_output_a_problem_the_interval_is_wilson_s() -> None:
    # 5 of 30: the roots of (p - 5/30)^2 = z^2 p (1 - p) / 30.
    low, high = interval([1.0] * 5 + [0.0] * 25)
    assert low < 5 / 30 < high
    for bound in (low, high):
        assert (bound - 5 / 30) ** 2 == pytest.approx(1.959963984540054**2 * bound * (1 - bound) / 30)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_all_wrong_or_all_right_leaves_room_for_the_other(rate: float) -> None:
    low, high = interval([rate] * 30)
    assert (low == 0 and 0.1 < high < 0.12) if rate == 0 else (high == pytest.approx(1) and 0.88 < low < 0.9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_the_interval_lies_within_0_and_1_around_the_mean(rates: list[float]) -> None:
    low, high = interval(rates)
    assert 0 <= low <= sum(rates) / len(rates) + 1e-9
    assert sum(rates) / len(rates) - 1e-9 <= high <= 1


def test_averaging_narrows_the_interval() -> None:
    single, averaged = interval([0.0, 1.0] * 15), interval([0.25, 0.75] * 15)
    assert averaged[1] - averaged[0] < 0.6 * (single[1] - single[0])


def test_one_right_output_moves_the_interval_little() -> None:
    none, one = interval([0.0] * 30), interval([0.0] * 29 + [1 / 32])
    assert one == pytest.approx(none, abs=0.01)


@pytest.mark.parametrize("mean", [0.03, 0.05, 0.15])
@pytest.mark.parametrize(("outputs", "alpha"), [(1, 0.5), (32, 0.015), (32, 0.15), (32, 1.0)])
def test_intervals_of_30_problems_cover_the_truth_19_times_in_20(outputs: int, alpha: float, mean: float) -> None:
    """Problems whose chances are drawn of a beta distribution; Wilson's own covers the least of these, 0.93 of 0.03."""
    luck, covered = Random(1), 0
    for _ in range(400):
        chances = [luck.betavariate(alpha, alpha * (1 - mean) / mean) for _ in range(30)]
        low, high = interval([sum(luck.random() < chance for _ in range(outputs)) / outputs for chance in chances])
        covered += low <= mean <= high
    assert covered / 400 >= 0.92


@pytest.mark.parametrize(("outputs", "correct"), [(4, 0), (4, 1), (5, 3), (6, 6)])
def test_pass_at_k_is_the_share_of_draws_with_a_correct_output(outputs: int, correct: int) -> None:
    marks = [place < correct for place in range(outputs)]
    for k in range(1, outputs + 1):
        draws = list(combinations(marks, k))
        assert pass_at(k, outputs, correct) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(
    ("most", "expected"), [(1, [1]), (3, [1, 2, 3]), (5, [1, 2, 4, 5]), (32, [1, 2, 4, 8, 16, 32])]
)
def test_pass_at_k_is_given_for_pass_sizes_and_for_all_outputs(most: int, expected: list[int]) -> None:
    assert pass_sizes(most) == expected
