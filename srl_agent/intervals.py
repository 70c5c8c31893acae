"""Intervals of shares, and paired differences between two of them."""

from __future__ import annotations

from math import comb, sqrt

Z = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share; (0, 1) without a trial. See `score_interval`."""
    return score_interval(successes / trials, trials) if trials else (0.0, 1.0)


def score_interval(share: float, number: float) -> tuple[float, float]:
    """95 % interval of a share by Wilson's score (Wilson 1927); good for small numbers and for shares near 0 and 1.

    `number` is how many trials there were, or as how many they count.
    """
    weight = Z * Z / number
    middle = (share + weight / 2) / (1 + weight)
    reach = Z / (1 + weight) * sqrt(share * (1 - share) / number + weight / (4 * number))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def paired_difference(only_first: int, only_second: int, pairs: int) -> tuple[float, float, float]:
    """(second minus first, and its 95 % interval) of two shares of the same trials.

    The interval is the Wald interval with half a pair added to each cell (Agresti and Min 2005, Statistics in
    Medicine 24); the difference itself is as observed. (0, -1, 1) without a pair.
    """
    if not pairs:
        return 0.0, -1.0, 1.0
    first, second, total = only_first + 0.5, only_second + 0.5, pairs + 2
    middle = (second - first) / total
    reach = Z * sqrt((first + second) - (second - first) ** 2 / total) / total
    return (only_second - only_first) / pairs, max(-1.0, middle - reach), min(1.0, middle + reach)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p value of McNemar's exact test: that what only one of two has is as often the first's."""
    trials = only_first + only_second
    tail = sum(comb(trials, count) for count in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / (1 << trials))
