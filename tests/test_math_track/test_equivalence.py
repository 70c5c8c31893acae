"""Equality of answers: pairs of every kind, and the gold answers of the data sets against themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from answer_pairs import DIFFERENT, SAME, WRONGLY_JUDGED

from math_track.extract import boxed_answer, final_answer, hashed_answer
from math_track.grader import Grader

KINDS = {
    **{f"same {kind}": (pairs, True) for kind, pairs in SAME.items()},
    **{f"different {kind}": (pairs, False) for kind, pairs in DIFFERENT.items()},
}
GOLD = {
    "Qwen2.5-Math.gsm8k.test.jsonl": (lambda row: hashed_answer(row["answer"]), 1319),
    "simpleRL.math500.test.jsonl": (lambda row: row["answer"], 500),
    "Qwen2.5-Math.minerva_math.test.jsonl": (lambda row: boxed_answer(row["solution"]), 272),
    "Qwen2.5-Math.aime24.test.jsonl": (lambda row: row["answer"], 30),
    "QwQ.aime25.jsonl": (lambda row: str(row["answer"]), 30),
    "Qwen2.5-Math.amc23.test.jsonl": (lambda row: str(row["answer"]), 40),
}
FORMS = (
    "So it is $\\boxed{{{}}}$.",
    "So it is $\\boxed{{{{{}}}}}$, as asked.",
    "Final Answer: The final answer is ${}$. I hope it is correct.",
    "Therefore, the answer is: ${}$.",
)
"""What models write around an answer."""


CHANGES: dict[str, Callable[[str], str]] = {
    "a power": lambda gold: f"{gold}^2",
    "one less": lambda gold: f"{gold}-1",
    "one less, spaced": lambda gold: f"{gold} - 1",
    "one more": lambda gold: f"{gold}+1",
    "a factor behind it": lambda gold: f"{gold} x",
    "a factor before it": lambda gold: rf"2 \cdot {gold}",
    "millions": lambda gold: rf"{gold} \text{{ million}}",
    "an operator in words": lambda gold: f"{gold} minus three",
    "the other sign": lambda gold: f"-{gold}",
    "another item": lambda gold: f"{gold}, 7.5",
    "an alternative": lambda gold: rf"{gold} \text{{ or }} 7.5",
    "a root": lambda gold: rf"\sqrt{{{gold}}}",
    "swapped case": lambda gold: re.sub(r"\\[A-Za-z]+|[A-Za-z]", swapped_case, gold),
}
"""What makes another answer of nearly every gold answer."""
UNCHANGED = {
    "a power": r"-?1(\.0)?|0|.*= ?0|.*[ ,+]1",
    "one less": r".*e[0-9]+",
    "one less, spaced": r".*e[0-9]+",
    "one more": r".*e[0-9]+",
    "a factor behind it": r"0|.*= ?0|\\text\{\([BCE]\)\}",
    "a factor before it": r"0|.*=.*",
    "millions": r"0|.*= ?0|\\text\{\([BCE]\)\}",
    "an operator in words": r"0|.*= ?0|\\text\{\([BCE]\)\}",
    "the other sign": r"0",
    "a root": r"0|1(\.0)?",
    "swapped case": r".*\\(text|mbox).*|[0-9.]+e-?[0-9]+|x ?(=|\\in).*",
}
"""Gold answers that a change leaves the same: 1 is its square, 0 = 0 too, 7e37 is that less 1 to four digits,
an option may say x, and words have
no case."""


def swapped_case(match: re.Match[str]) -> str:
    return match.group() if len(match.group()) > 1 else match.group().swapcase()


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=2) as grader:
        yield grader


def rows_of(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "math" / name).read_text(encoding="utf-8").splitlines()]


def respelled(answer: str) -> str:
    for written, meant in (
        ("\\left", ""),
        ("\\right", ""),
        ("dfrac", "frac"),
        ("tfrac", "frac"),
        ("pmatrix", "bmatrix"),
    ):
        answer = answer.replace(written, meant)
    answer = answer.replace("\\frac", "\\dfrac").replace("(", "\\left(").replace(")", "\\right)")
    return re.sub("(?<!!) ", r"\\,", answer)


@pytest.mark.parametrize(("pairs", "same"), KINDS.values(), ids=KINDS)
def test_pairs_are_judged_as_they_should_be(grader: Grader, pairs: list[tuple[str, str]], same: bool) -> None:
    wrong = {pair for pair, verdict in zip(pairs, grader.grade(pairs), strict=True) if verdict.correct is not same}
    assert wrong == WRONGLY_JUDGED & set(pairs)


@pytest.mark.parametrize("kind", SAME)
def test_every_kind_has_pairs_of_both_sorts(kind: str) -> None:
    assert SAME[kind] and DIFFERENT[kind]


@pytest.mark.parametrize("name", GOLD)
def test_gold_answers_are_their_own_answers(grader: Grader, shared_data: Path, name: str) -> None:
    gold_of, count = GOLD[name]
    golds = [gold_of(row) for row in rows_of(shared_data, name)]
    outputs = [form.format(gold) for gold in golds for form in FORMS]
    verdicts = grader.grade_outputs(outputs, [gold for gold in golds for _ in FORMS])
    assert (len(golds), [output for output, verdict in zip(outputs, verdicts, strict=True) if not verdict.correct]) == (
        count,
        [],
    )


@pytest.mark.parametrize("name", GOLD)
def test_gold_answers_in_another_spelling_are_right(grader: Grader, shared_data: Path, name: str) -> None:
    gold_of, _ = GOLD[name]
    golds = [gold_of(row) for row in rows_of(shared_data, name)]
    verdicts = grader.grade([(respelled(gold), gold) for gold in golds])
    assert [gold for gold, verdict in zip(golds, verdicts, strict=True) if not verdict.correct] == []


@pytest.mark.parametrize("name", ["simpleRL.math500.test.jsonl", "Qwen2.5-Math.aime24.test.jsonl"])
def test_worked_solutions_end_with_the_gold_answer(grader: Grader, shared_data: Path, name: str) -> None:
    rows = rows_of(shared_data, name)
    verdicts = grader.grade_outputs([row["solution"] for row in rows], [row["answer"] for row in rows])
    wrong = [final_answer(row["solution"]) for row, verdict in zip(rows, verdicts, strict=True) if not verdict.correct]
    assert wrong == []


@pytest.mark.parametrize("name", GOLD)
def test_the_gold_answer_of_the_next_problem_is_wrong(grader: Grader, shared_data: Path, name: str) -> None:
    gold_of, _ = GOLD[name]
    golds = [gold_of(row) for row in rows_of(shared_data, name)]
    pairs = [pair for pair in pairwise(golds) if pair[0] != pair[1]]
    right = {pair for pair, verdict in zip(pairs, grader.grade(pairs), strict=True) if verdict.correct}
    assert right <= {("5", "x=5")}


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_gold_answer_is_wrong(grader: Grader, shared_data: Path, change: str, step: int) -> None:
    golds = {gold_of(row) for name, (gold_of, _) in GOLD.items() for row in rows_of(shared_data, name)}
    pairs = [(CHANGES[change](gold), gold) for gold in sorted(golds)[::step] if CHANGES[change](gold) != gold]
    right = {gold for (_, gold), verdict in zip(pairs, grader.grade(pairs), strict=True) if verdict.correct}
    assert {gold for gold in right if not re.fullmatch(UNCHANGED.get(change, ""), gold)} == set()
