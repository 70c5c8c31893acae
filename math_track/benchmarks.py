"""The benchmarks: where their rows are, and how question and gold answer are read of a row of the hub or of a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from math_track.extract import boxed_answer
from math_track.gold import QUESTIONS, answer_field, behind_hashes, is_worked, question
from math_track.records import Problem
from srl_agent.errors import ConfigError
from srl_agent.run_dir import digest
from trajectories.errors import ParseError
from trajectories.fields import Row, describe_keys, get_name, kind_of
from trajectories.report import Where
from trajectories.sources import find_sources

PAPER = ("amc23", "aime24", "aime25", "minerva")
"""The paper's four (arXiv 2510.25992, section 5.1), in the order of its tables."""


def _answer(row: Row) -> str:
    """The field `answer`, which must be there."""
    if row.get("answer") is None:
        found = kind_of(None) if "answer" in row else f"only {describe_keys(row)}"
        raise ParseError(f"answer: expected text or a number, found {found}")
    text = answer_field(row)
    if not text:
        raise ParseError("answer: expected text or a number, found only blanks")
    return text


def _up_to_999(row: Row) -> str:
    """AIME's: a whole number from 0 to 999, also with zeros before it."""
    text = _answer(row)
    if not re.fullmatch(r"[0-9]{1,3}", text):
        raise ParseError(f"answer: expected a whole number from 0 to 999, as the AIME's are, found {text[:40]!r}")
    return text


def _behind_hashes(row: Row) -> str:
    """GSM8K's, behind its worked answer."""
    return behind_hashes(_answer(row))


def _own(row: Row) -> str:
    """Of a file of one's own: the answer, or what stands behind the hashes of a worked one."""
    text = _answer(row)
    return behind_hashes(text) if is_worked(text) else text


def _boxed(row: Row) -> str:
    """Minerva's: the field `answer` where there is one (the hub's rows), else what the solution boxes."""
    if row.get("answer") is not None:
        return _answer(row)
    answer = boxed_answer(get_name(row, "solution"))
    if not answer:
        raise ParseError("solution: expected a \\boxed{} answer in it, found none")
    return answer


@dataclass(frozen=True)
class Benchmark:
    """One set of problems with gold answers."""

    title: str
    """For the table."""
    hub: str = ""
    """`owner/name:split` of the hub; empty where rows come from a file only."""
    size: int = 0
    """How many rows it has; 0 where any number will do."""
    average: int = 0
    """Outputs a problem at temperature 1.0 that the paper averages over (its avg@32); 0 where it gives greedy alone."""
    url: str = ""
    """Part of the field `url` of its rows, where the hub's set has more than the benchmark."""
    gold: Callable[[Row], str] = _answer


BENCHMARKS = {
    # Footnote 3 of the paper names the first three; the AMC and AIME sets there hold other years too (dataset cards).
    "amc23": Benchmark("AMC23", "AI-MO/aimo-validation-amc:train", 40, 32, "/2023_AMC_12"),
    "aime24": Benchmark("AIME24", "AI-MO/aimo-validation-aime:train", 30, 32, "/2024_AIME_", _up_to_999),
    "aime25": Benchmark("AIME25", "math-ai/aime25:test", 30, 32, gold=_up_to_999),
    "minerva": Benchmark("Minerva", "math-ai/minervamath:test", 272, gold=_boxed),
    "math500": Benchmark("MATH-500", "HuggingFaceH4/MATH-500:test", 500),
    "gsm8k": Benchmark("GSM8K", "openai/gsm8k@main:test", 1319, gold=_behind_hashes),
    "problems": Benchmark("problems", gold=_own),
}
"""Names on the command line; `math` there is all of PAPER."""


@dataclass(frozen=True)
class Rows:
    """The problems of a benchmark that are asked."""

    benchmark: str
    problems: tuple[Problem, ...]
    """Each with its gold answer."""
    digest: str
    """SHA-256 over their names, questions and gold answers."""
    of: str
    """The same over all problems of the benchmark, asked or not."""
    whole: bool
    """Whether these are as many as the benchmark has; else they are fewer."""
    source: str


def read_benchmark(name: str, rows: str = "", part: slice = slice(None)) -> Rows:
    """The problems of a benchmark, of a file or folder `rows`, or else of the hub.

    ConfigError for a benchmark without rows, or with more than it has; ParseError names file, row and field of the
    first that is broken.
    """
    benchmark = BENCHMARKS[name]
    source = rows or benchmark.hub
    if not source:
        raise ConfigError(
            f"eval {name}: name a JSONL file with the fields {'|'.join(QUESTIONS)} and answer: --rows FILE"
        )
    try:
        found = tuple(_read(name, benchmark, source))
    except ParseError as error:
        remedy = "" if rows else "; --rows FILE takes rows that are on this machine"
        raise ParseError(f"{error}{remedy}") from error
    if benchmark.size and len(found) > benchmark.size:
        raise ConfigError(
            f"{source}: {len(found)} rows, and {benchmark.title} has {benchmark.size}, so these are not its alone; "
            f"name a file of {benchmark.title} (--rows), or score them as `eval problems`"
        )
    problems = found[part]
    if not problems:
        raise ConfigError(
            f"--slice: none of the {len(found)} problems of {name} is in it; expected FIRST:BEHIND such as 0:50"
        )
    whole = len(problems) == (benchmark.size or len(found))
    return Rows(name, problems, _digest(problems), _digest(found), whole, source)


def _digest(problems: Sequence[Problem]) -> str:
    return digest([(one.name, one.problem, one.answer) for one in problems])


def _read(name: str, benchmark: Benchmark, source: str) -> Iterator[Problem]:
    number = 0
    for origin in find_sources(source):
        for where, row in origin.rows():
            problem = _problem(benchmark, where, row, f"{name}-{number}")
            if problem is not None:
                yield problem
                number += 1
    if not number:
        raise ParseError(f"{source}: no row of {benchmark.title} in it; expected '{benchmark.url}' in the field url")


def _problem(benchmark: Benchmark, where: Where, row: Row | ParseError, name: str) -> Problem | None:
    """The problem of a row; None for one of another year."""
    try:
        if isinstance(row, ParseError):
            raise row
        if benchmark.url and benchmark.url not in str(row.get("url") or benchmark.url):
            return None
        meta = {"file": where.file, "index": str(where.index)}
        return Problem(name, question(row), answer=benchmark.gold(row), source=benchmark.title, meta=meta)
    except ParseError as error:
        raise ParseError(f"{where.file}:{where.index}: {error}") from error


def parse_slice(text: str) -> slice:
    """`0:50`, `50:`, `-4:` as Python reads them. ConfigError for anything else."""
    found = re.fullmatch(r"(-?\d+)?:(-?\d+)?", text)
    if not found:
        raise ConfigError(f"--slice: expected FIRST:BEHIND such as 0:50, found {text!r}")
    return slice(*(int(bound) if bound else None for bound in found.groups()))
