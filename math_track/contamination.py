"""Problems of evaluation sets among those to train on.

The questions of our benchmarks are known by fingerprints, so that no rows need be at hand: a problem that asks the same
is found, whatever its white space, dollar signs, punctuation and capitals. Against rows that are named
(`data.evaluation_sets`) it is also found in other words, by the gate `contamination` of episodes. A problem with other
numbers, or translated, is found by neither.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from math_track.benchmarks import BENCHMARKS, read_benchmark
from math_track.gold import question
from math_track.records import Problem
from trajectories.gates import GateSettings, TaskFacts, run_gates
from trajectories.records import Episode
from trajectories.rows import parsed
from trajectories.sources import find_sources
from trajectories.store import write_atomically

FINGERPRINTS = Path(__file__).parent / "fingerprints.txt"
"""A line a question: benchmark and fingerprint. `python -m math_track.contamination NAME=ROWS ...` makes it."""
DIGITS = 12
"""Hexadecimal ones of a fingerprint: one of 100,000 sets of a million problems meets a question by chance."""

_PASSED_OVER = re.compile(r"\\(?:left|right|quad|[,!;: ()\[\]])|[\s$.,;:!?'\"`‘’“”]")
_FRACTION = re.compile(r"\\[dt]frac")


def contaminated(problems: Sequence[Problem], evaluation_sets: Sequence[str]) -> dict[str, list[str]]:
    """Evaluation set to the names of the problems that are of it: benchmarks by title, `evaluation_sets` as given.

    ParseError where a set cannot be read.
    """
    found: dict[str, list[str]] = {}
    known = _known()
    for problem in problems:
        benchmark = known.get(fingerprint(problem.problem))
        if benchmark:
            found.setdefault(BENCHMARKS[benchmark].title, []).append(problem.name)
    for path in evaluation_sets:
        names = _in(path, problems)
        if names:
            found[path] = names
    return found


def fingerprint(text: str) -> str:
    """Of a question, the same for spellings of it that differ in white space, dollar signs, punctuation, capitals."""
    plain = _PASSED_OVER.sub("", _FRACTION.sub(r"\\frac", text)).lower()
    return sha256(plain.encode()).hexdigest()[:DIGITS]


def _in(path: str, problems: Sequence[Problem]) -> list[str]:
    """Names of the problems that ask what a row asks, in its words or mostly so."""
    questions = list(_questions(path))
    same = {fingerprint(text) for text in questions}
    facts = tuple(TaskFacts(f"{path}:{number}", statement=text) for number, text in enumerate(questions, start=1))
    asked = [Episode(one.name, one.name, one.problem, (), None, one.source) for one in problems]
    alike = {found.traj_id for found in run_gates(asked, ["contamination"], GateSettings(evaluation=facts)).findings}
    return [one.name for one in problems if one.name in alike or fingerprint(one.problem) in same]


def _questions(path: str) -> Iterator[str]:
    for source in find_sources(path):
        yield from parsed(source.rows(), question, before="data.evaluation_sets: ")


@cache
def _known() -> dict[str, str]:
    """Fingerprint to benchmark."""
    lines = FINGERPRINTS.read_text(encoding="utf-8").splitlines()
    return {mark: name for name, mark in map(str.split, lines)}


def write_fingerprints(path: Path, rows: Sequence[str]) -> None:
    """Of the benchmarks whose rows `NAME=PATH` names, in this order."""
    named = [text.partition("=") for text in rows]
    found = ((name, read_benchmark(name, source).problems) for name, _, source in named)
    write_atomically(path, (f"{name} {fingerprint(one.problem)}" for name, problems in found for one in problems))


if __name__ == "__main__":
    write_fingerprints(FINGERPRINTS, sys.argv[1:])
