"""Reads problems with worked solutions from files and the hub, with an account of what was lost or is odd.

A name stands for what it does in `trajectories.sources`: a file, a folder, a glob, `-`, or `owner/name:split` of the
Hugging Face hub, such as `simplescaling/s1K-1.1:train`; the empty one for the bundled set. Rows that cannot be read are
left out and reported with their place; what a row is read as stands in `math_track.forms`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from json import dumps
from pathlib import Path

from math_track.forms import Read, read_row
from math_track.records import Problem
from trajectories.errors import ParseError
from trajectories.report import Where
from trajectories.sources import Source, find_sources, sources_digest
from trajectories.store import write_atomically

BUNDLED = Path(__file__).parent / "demo" / "problems.jsonl"
NAMED = 5
"""Problems that a note names."""
AGAIN = "that say the same as one before of their name, numbered on"
OTHERS = "with the name of another problem before, numbered on"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row, or all of a source (`index` 0), that could not be read."""

    reason: str
    file: str
    index: int


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What became of the rows."""

    forms: Mapping[str, int] = field(default_factory=dict)
    """Form to number of problems."""
    left_out: tuple[LeftOut, ...] = ()
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What is to be said of problems that were read, to their names."""

    def lines(self) -> list[str]:
        """For the terminal: how many problems, a line for each reason with the first place, a line for each note."""
        kept = sum(self.forms.values())
        forms = ", ".join(f"{name} {count}" for name, count in self.forms.items()) or "none"
        found = [f"problems: {kept} of {kept + len(self.left_out)} rows; forms: {forms}"]
        places: dict[str, list[LeftOut]] = {}
        for one in self.left_out:
            places.setdefault(one.reason, []).append(one)
        for reason, ones in sorted(places.items(), key=lambda item: -len(item[1])):
            found.append(f"left out: {len(ones)}, the first at {ones[0].file}:{ones[0].index}: {reason}")
        return [*found, *(f"problems {what}: {named(names)}" for what, names in self.notes.items())]


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """Problems with different names, and where they come from."""

    problems: tuple[Problem, ...]
    report: SourceReport
    digest: str
    """SHA-256 of the sources, for provenance."""


def read_problems(path: str) -> ProblemSet:
    """The problems of what `path` names, in order. ParseError where there is none at all, with the reasons.

    A name that was taken gets `#2`, `#3` ... behind it.
    """
    sources = find_sources(path or BUNDLED)
    forms: Counter[str] = Counter()
    left_out: list[LeftOut] = []
    notes: dict[str, list[str]] = {}
    problems: dict[str, Problem] = {}
    taken: Counter[str] = Counter()
    for source in sources:
        for where, found in _read(source):
            if isinstance(found, ParseError):
                left_out.append(LeftOut(str(found), where.file, where.index))
                continue
            forms[found.form] += 1
            problem = _unique(found.problem, taken)
            for note in filter(None, (found.note, _name_note(found, problems))):
                notes.setdefault(note, []).append(problem.name)
            problems[problem.name] = problem
    report = SourceReport(dict(forms), tuple(left_out), notes)
    if not problems:
        raise ParseError(f"{path}: no problem could be read: {'; '.join(report.lines()[1:4])}")
    return ProblemSet(tuple(problems.values()), report, sources_digest(sources))


def named(names: Sequence[str]) -> str:
    """How many, and the first of them."""
    return f"{len(names)} ({', '.join(names[:NAMED])}{', ...' if len(names) > NAMED else ''})"


def write_problems(path: Path, problems: Iterable[Problem]) -> int:
    """Write our own JSONL, a problem a line, whole or not at all; returns how many."""
    return write_atomically(path, (dumps(asdict(problem)) for problem in problems))


def _read(source: Source) -> Iterator[tuple[Where, Read | ParseError]]:
    """What each row is, or what is wrong with it."""
    try:
        for where, row in source.rows():
            try:
                yield where, row if isinstance(row, ParseError) else read_row(row, where)
            except ParseError as error:
                yield where, error
    except ParseError as error:
        yield Where(source.name, 0), ParseError(str(error).removeprefix(f"{source.name}: "))


def _name_note(read: Read, problems: Mapping[str, Problem]) -> str:
    """Of a name that a row gave, and one of `problems` has."""
    before = problems.get(read.problem.name) if read.named else None
    if before is None:
        return ""
    same = all(getattr(read.problem, key) == getattr(before, key) for key in ("problem", "solution", "answer"))
    return AGAIN if same else OTHERS


def _unique(problem: Problem, taken: Counter[str]) -> Problem:
    taken[problem.name] += 1
    times = taken[problem.name]
    return problem if times == 1 else _unique(replace(problem, name=f"{problem.name}#{times}"), taken)
