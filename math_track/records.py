"""The records of the math domain: a problem with its worked solution, and the steps that the solution is split into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem, as a data set has it."""

    name: str
    """Unique within the data set, such as `s1k-17`."""
    problem: str
    """What is asked, in the words of the data set."""
    solution: str = ""
    """The worked solution that is split into steps; empty where there is none."""
    answer: str = ""
    """The final answer to grade against; empty where there is none (proofs)."""
    thinking: str = ""
    """The reasoning that led to the solution, of data sets that keep it."""
    source: str = ""
    """The form of data it was read from."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """Facts for the reader (`file`, `index`, `subject`, ...); nothing depends on them."""


@dataclass(frozen=True, slots=True)
class WorkedStep:
    """One numbered, titled step of a solution."""

    number: int
    title: str
    """Without marks such as `**` and without the colon behind it."""
    text: str
    """The whole step, its heading as it was written, without white space at the ends."""
    body: str
    """What stands behind the heading, without white space at the ends."""
