"""Accuracy over problems with its confidence interval, and pass@k: arithmetic on how many outputs were correct."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from statistics import fmean, pvariance

from srl_agent.intervals import score_interval


def interval(rates: Sequence[float]) -> tuple[float, float]:
    """The 95 % score interval (Wilson 1927) of a mean over problems; a problem's rate is the share of its outputs that
    is correct.

    Problems are what was sampled; the outputs of one problem are no further evidence on others. So its n is the
    effective number n m (1 - m) / s^2 (Korn and Graubard 1998), m the mean and s^2 the variance of the rates: with one
    output a problem just n, which makes it Wilson's own, and more where averaging took noise out. The usual mean
    +- 1.96 s / sqrt(n) is too narrow for the 30 to 40 problems of AIME and AMC, and of no width where all are wrong
    (Bowyer et al. 2025, arXiv 2503.01747).

    Where hardly any output is right the variance of a sample says too little of those problems that it missed. So m
    and s^2 are taken with one problem more that is all right and one that is all wrong, the remedy of Agresti and Coull
    (1998) for proportions; the cost is an interval wider than need be where problems are alike.
    """
    guarded = [*rates, 0.0, 1.0]
    middle = fmean(guarded)
    return score_interval(fmean(rates), len(rates) * middle * (1 - middle) / pvariance(guarded))


def pass_at(k: int, outputs: int, correct: int) -> float:
    """1 - C(n-c, k) / C(n, k): the chance that one of k outputs, drawn of the n without putting back, is correct.

    The unbiased estimate of pass@k (Chen et al. 2021, arXiv 2107.03374, equation 1).
    """
    return 1 - comb(outputs - correct, k) / comb(outputs, k)


def pass_sizes(most: int) -> list[int]:
    """1, 2, 4, ... and `most`: the k that pass@k is given for."""
    return sorted({*(1 << place for place in range(most.bit_length())), most})
