"""Two evaluations on the same issues: what each resolved that the other did not, and the paired difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from srl_agent.intervals import mcnemar, paired_difference
from srl_agent.swe_eval.records import Status, Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """Over the tasks that both evaluations have."""

    both: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    neither: tuple[str, ...]
    apart: tuple[str, ...]
    """Tasks that only one of the two has; they count nowhere."""
    difference: float
    """Resolve rate of the second minus that of the first."""
    interval: tuple[float, float]
    """95 %, see `paired_difference`."""
    p_value: float
    """See `mcnemar`."""
    failed_first: int = 0
    """Of the shared tasks, those whose environment failed in the first; they count as not resolved."""
    failed_second: int = 0


def compare(first: Mapping[str, Verdict], second: Mapping[str, Verdict]) -> Comparison:
    """The paired comparison of two sets of verdicts by instance."""
    shared = sorted(first.keys() & second.keys())
    cells: dict[tuple[bool, bool], list[str]] = {(a, b): [] for a in (True, False) for b in (True, False)}
    for name in shared:
        cells[_resolved(first[name]), _resolved(second[name])].append(name)
    mine, theirs = len(cells[True, False]), len(cells[False, True])
    difference, low, high = paired_difference(mine, theirs, len(shared))
    return Comparison(
        tuple(cells[True, True]),
        tuple(cells[True, False]),
        tuple(cells[False, True]),
        tuple(cells[False, False]),
        tuple(sorted(first.keys() ^ second.keys())),
        difference,
        (low, high),
        mcnemar(mine, theirs),
        *(sum(some[name].status is Status.ERROR for name in shared) for some in (first, second)),
    )


def _resolved(verdict: Verdict) -> bool:
    return verdict.status is Status.RESOLVED
