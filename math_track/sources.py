"""Reads problems with worked solutions: s1K-1.1, s1K and our own JSONL, told apart by their fields.

A name stands for what it does in `trajectories.sources`: a file, a folder, a glob, `-`, or `owner/name:split` of the
Hugging Face hub, such as `simplescaling/s1K-1.1:train`; the empty one for the bundled set. Rows that cannot be read are
left out and reported with their place. s1K's `thinking_trajectories` and `attempt` are not read: they are a model's way
to a solution of its own, and not to the one that is kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from json import dumps
from pathlib import Path
from typing import Any

from math_track.extract import boxed_answer
from math_track.gold import answer_field
from math_track.records import Problem
from trajectories.errors import ParseError
from trajectories.fields import Row, describe_keys, get_name, get_object, get_text, optional_text
from trajectories.report import Where
from trajectories.sources import Source, find_sources, sources_digest
from trajectories.store import write_atomically

BUNDLED = Path(__file__).parent / "demo" / "problems.jsonl"
SHORT = 60
"""Characters of a solution that is nothing but an answer; those of s1K have at most 27, worked ones 86 and more."""
FACTS = ("source_type", "cot_type", "deepseek_grade", "subject")
"""Fields that become facts for the reader, where they hold text."""

_ANSWER_LINE = re.compile(r"^#{0,6}[ \t]*(?:\*\*)?Answer:(?:\*\*)?[ \t]*(\S.*)$", re.MULTILINE)


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

    def lines(self) -> list[str]:
        """For the terminal: how many problems, then a line for each reason with the first place."""
        kept = sum(self.forms.values())
        forms = ", ".join(f"{name} {count}" for name, count in self.forms.items()) or "none"
        found = [f"problems: {kept} of {kept + len(self.left_out)} rows; forms: {forms}"]
        places: dict[str, list[LeftOut]] = {}
        for one in self.left_out:
            places.setdefault(one.reason, []).append(one)
        for reason, ones in sorted(places.items(), key=lambda item: -len(item[1])):
            found.append(f"left out: {len(ones)}, the first at {ones[0].file}:{ones[0].index}: {reason}")
        return found


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
    problems: list[Problem] = []
    taken: Counter[str] = Counter()
    for source in sources:
        for where, found in _read(source):
            if isinstance(found, ParseError):
                left_out.append(LeftOut(str(found), where.file, where.index))
                continue
            form, problem = found
            forms[form] += 1
            problems.append(_unique(problem, taken))
    report = SourceReport(dict(forms), tuple(left_out))
    if not problems:
        raise ParseError(f"{path}: no problem could be read: {'; '.join(report.lines()[1:4])}")
    return ProblemSet(tuple(problems), report, sources_digest(sources))


def write_problems(path: Path, problems: Iterable[Problem]) -> int:
    """Write our own JSONL, a problem a line, whole or not at all; returns how many."""
    return write_atomically(path, (dumps(asdict(problem)) for problem in problems))


def gold_answer(solution: str) -> str:
    r"""The answer that a data set's solution gives: its last box, its line `Answer: ...`, or all of a short one.

    Empty for proofs and whatever else does not set its answer off.
    """
    boxed = boxed_answer(solution) if "\\boxed" in solution else ""
    if boxed:
        return boxed
    lines = _ANSWER_LINE.findall(solution)
    if lines:
        return str(lines[-1]).strip(" \t\r*")
    return solution.strip() if is_answer_only(solution) else ""


def is_answer_only(solution: str) -> bool:
    """Whether a solution is an answer without work."""
    text = solution.strip()
    return len(text) <= SHORT and "\n" not in text and "\\boxed" not in text


def _read(source: Source) -> Iterator[tuple[Where, tuple[str, Problem] | ParseError]]:
    """Each row's form and problem, or what is wrong with it."""
    try:
        for where, row in source.rows():
            try:
                yield where, row if isinstance(row, ParseError) else _problem(row, where)
            except ParseError as error:
                yield where, error
    except ParseError as error:
        yield Where(source.name, 0), ParseError(str(error).removeprefix(f"{source.name}: "))


def _problem(row: Row, where: Where) -> tuple[str, Problem]:
    name = next((name for name, (fits, _) in FORMS.items() if fits(row)), "")
    if not name:
        raise ParseError(f"no known form ({', '.join(FORMS)}) has a row with the keys {describe_keys(row)}")
    problem = FORMS[name][1](row, where)
    for key, text in asdict(problem).items():
        if isinstance(text, str) and not _is_unicode(text):
            raise ParseError(f"{key}: has half a surrogate pair, which is no character")
    return name, problem


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _s1k_1_1(row: Row, where: Where) -> Problem:
    """A row of simplescaling/s1K-1.1: the solution is DeepSeek-R1's, the answer that of the data set's own one."""
    return Problem(
        name=_name(row, where, "s1k"),
        problem=get_name(row, "question"),
        solution=get_name(row, "deepseek_attempt"),
        answer=gold_answer(optional_text(row, "solution")),
        thinking=optional_text(row, "deepseek_thinking_trajectory"),
        source="s1k-1.1",
        meta=_facts(row, where),
    )


def _s1k(row: Row, where: Where) -> Problem:
    """A row of simplescaling/s1K, or of a copy that calls the question `problem`."""
    solution = get_name(row, "solution")
    return Problem(
        name=_name(row, where, "s1k"),
        problem=get_name(row, "question" if "question" in row else "problem"),
        solution="" if is_answer_only(solution) else solution,
        answer=gold_answer(solution),
        source="s1k",
        meta=_facts(row, where),
    )


def _own(row: Row, where: Where) -> Problem:
    """A row of Problem fields, of which `problem` and `name` or `answer` are needed."""
    meta = get_object(row, "meta") if row.get("meta") is not None else {}
    return Problem(
        name=get_name(row, "name") if "name" in row else _name(row, where, "problem"),
        problem=get_name(row, "problem"),
        solution=optional_text(row, "solution"),
        answer=answer_field(row),
        thinking=optional_text(row, "thinking"),
        source=optional_text(row, "source") or "problems",
        meta=_facts(row, where) | {key: get_text(meta, key, "meta.") for key in meta},
    )


FORMS: Mapping[str, tuple[Callable[[Row], bool], Callable[[Row, Where], Problem]]] = {
    "s1k-1.1": (lambda row: "deepseek_attempt" in row, _s1k_1_1),
    "problems": (lambda row: "problem" in row and ("name" in row or "answer" in row), _own),
    "s1k": (lambda row: "solution" in row and ("question" in row or "problem" in row), _s1k),
}
"""Name of a form, whether a row is of it (the first that says so), and what reads it."""


def _name(row: Row, where: Where, prefix: str) -> str:
    """By the row's own `id`, or its place, from 0 as s1K counts."""
    id = row.get("id")
    known = isinstance(id, str | int) and not isinstance(id, bool) and str(id).strip()
    return f"{prefix}-{id if known else where.index - 1}"


def _facts(row: Row, where: Where) -> dict[str, str]:
    facts: dict[str, Any] = {key: row.get(key) for key in FACTS}
    texts = {key: value for key, value in facts.items() if isinstance(value, str) and value}
    return {"file": where.file, "index": str(where.index), **texts}


def _unique(problem: Problem, taken: Counter[str]) -> Problem:
    taken[problem.name] += 1
    times = taken[problem.name]
    return problem if times == 1 else _unique(replace(problem, name=f"{problem.name}#{times}"), taken)
