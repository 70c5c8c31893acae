"""The forms that rows of problems have, told apart by their fields, and what is read of a row of each.

s1K's `thinking_trajectories` and `attempt` are not read: they are a model's way to a solution of its own, and not to
the one that is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from json import dumps
from typing import Any

from math_track.extract import boxed_answer
from math_track.gold import QUESTIONS, answer_field, behind_hashes, is_worked, question
from math_track.records import Problem
from trajectories.errors import ParseError
from trajectories.fields import Row, describe_keys, get_name, get_object, optional_text
from trajectories.report import Where

SHORT = 60
"""Characters of a solution that is nothing but an answer; those of s1K have at most 27, worked ones 86 and more."""
FACTS = ("source_type", "cot_type", "deepseek_grade", "subject")
"""Fields that become facts for the reader, where they hold text."""
FROM_THE_BOX = "without an answer, so that the one in the solution's box is taken"
BLANK = "with a blank answer, which stage rlvr leaves out"

_ANSWER_LINE = re.compile(r"^#{0,6}[ \t]*(?:\*\*)?Answer:(?:\*\*)?[ \t]*(\S.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Read:
    """What a row is."""

    form: str
    problem: Problem
    named: bool
    """Whether the row itself names the problem, and not its place."""
    note: str
    """What is to be said of its answer, mostly nothing."""


def read_row(row: Row, where: Where) -> Read:
    """ParseError where it cannot be read."""
    form = next((name for name, (fits, _) in FORMS.items() if fits(row)), "")
    if not form:
        raise ParseError(_unknown(row))
    problem = FORMS[form][1](row, where)
    for key, text in asdict(problem).items():
        if isinstance(text, str) and not _is_unicode(text):
            raise ParseError(f"{key}: has half a surrogate pair, which is no character")
    own = form == OWN
    return Read(form, problem, own and "name" in row, _answer_note(row, problem) if own else "")


def _unknown(row: Row) -> str:
    """What a row lacks that is of no form, and how its fields are to be named."""
    lacks = [] if _asks(row) else [f"a question ({', '.join(QUESTIONS)})"]
    lacks += [] if {"answer", "solution"} & set(row) else ["a worked solution or an answer (solution, answer)"]
    known = ", ".join(FORMS)
    return f"no known form ({known}): it lacks {' and '.join(lacks)}; rename the fields, which are {describe_keys(row)}"


def is_problem(row: Row) -> bool:
    """Whether a row is of one of the forms."""
    return any(fits(row) for fits, _ in FORMS.values())


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


def _answer_note(row: Row, problem: Problem) -> str:
    if row.get("answer") is None:
        return FROM_THE_BOX if problem.answer else ""
    return "" if problem.answer else BLANK


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
        problem=question(row),
        solution=get_name(row, "deepseek_attempt"),
        answer=gold_answer(optional_text(row, "solution")),
        thinking=optional_text(row, "deepseek_thinking_trajectory"),
        source="s1k-1.1",
        meta=_facts(row, where),
    )


def _s1k(row: Row, where: Where) -> Problem:
    """A row of simplescaling/s1K, or of a copy with another name for the question."""
    solution = get_name(row, "solution")
    return Problem(
        name=_name(row, where, "s1k"),
        problem=question(row),
        solution="" if is_answer_only(solution) else solution,
        answer=gold_answer(solution),
        source="s1k",
        meta=_facts(row, where),
    )


def _gsm8k(row: Row, where: Where) -> Problem:
    """A row of openai/gsm8k: a worked answer that ends in `#### ` and the final one."""
    worked = get_name(row, "answer")
    return Problem(
        name=_name(row, where, "gsm8k"),
        problem=question(row),
        solution=worked.rpartition("####")[0].strip(),
        answer=behind_hashes(worked),
        source="gsm8k",
        meta=_facts(row, where),
    )


def _own(row: Row, where: Where) -> Problem:
    """A row of Problem fields, of which the question and `name` or `answer` are needed.

    A blank answer stays blank, as that of a rewritten proof, whatever its solution boxes.
    """
    meta = get_object(row, "meta") if row.get("meta") is not None else {}
    solution = optional_text(row, "solution")
    return Problem(
        name=get_name(row, "name") if "name" in row else _name(row, where, "problem"),
        problem=question(row),
        solution=solution,
        answer=boxed_answer(solution) if row.get("answer") is None else answer_field(row),
        thinking=optional_text(row, "thinking"),
        source=optional_text(row, "source") or "problems",
        meta=_facts(row, where)
        | {key: fact if isinstance(fact, str) else dumps(fact, default=str) for key, fact in meta.items()},
    )


OWN = "problems"
"""The form that `math_track.sources.write_problems` writes."""
FORMS: Mapping[str, tuple[Callable[[Row], bool], Callable[[Row, Where], Problem]]] = {
    "s1k-1.1": (lambda row: "deepseek_attempt" in row, _s1k_1_1),
    "gsm8k": (lambda row: _asks(row) and is_worked(row.get("answer")), _gsm8k),
    OWN: (lambda row: _asks(row) and ("name" in row or "answer" in row), _own),
    "s1k": (lambda row: _asks(row) and "solution" in row, _s1k),
}
"""Name of a form, whether a row is of it (the first that says so), and what reads it."""


def _asks(row: Row) -> bool:
    return any(field in row for field in QUESTIONS)


def _name(row: Row, where: Where, prefix: str) -> str:
    """By the row's own `id`, or its place, from 0 as s1K counts."""
    id = row.get("id")
    known = isinstance(id, str | int) and not isinstance(id, bool) and str(id).strip()
    return f"{prefix}-{id if known else where.index - 1}"


def _facts(row: Row, where: Where) -> dict[str, str]:
    facts: dict[str, Any] = {key: row.get(key) for key in FACTS}
    texts = {key: value for key, value in facts.items() if isinstance(value, str) and value}
    return {"file": where.file, "index": str(where.index), **texts}
