"""No answer hangs, crashes or fools the grader, however it was written."""

from __future__ import annotations

import pytest
from hostile_answers import PIECES, hostile_pairs

from math_track.extract import final_answer
from math_track.grader import Grader

TIMEOUT, MEMORY = 0.25, 2**29
SHOWN = 5


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(7_200)])])
def test_hostile_answers_are_wrong_and_those_behind_them_are_graded(count: int) -> None:
    pairs = list(hostile_pairs(count))
    with Grader(workers=2, timeout=TIMEOUT, memory=MEMORY) as grader:
        verdicts = grader.grade(pairs)
        after = grader.grade([("x+1", "1+x"), ("2", "3")])
    right = [pair for pair, verdict in zip(pairs, verdicts, strict=True) if verdict.correct]
    assert (len(verdicts), right[:SHOWN], [verdict.correct for verdict in after]) == (count, [], [True, False])


@pytest.mark.timeout(60)  # what takes the square of the length would take hours
@pytest.mark.parametrize("piece", [*PIECES, "\\boxed{", "\\boxed{}", "\\boxed$", "the answer is ", "\\["])
def test_the_final_answer_of_a_very_long_output_is_found(piece: str) -> None:
    assert final_answer(piece * (1_000_000 // len(piece)) + r" so \boxed{7}") == "7"
