"""Outputs to rewards of the rlvr stage, by the real grader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from math_track.grader import Grader, Verdict
from math_track.outcomes import grade_outputs
from srl_agent.domain import Score, StepKey

GOLD = {"a": "10", "b": r"\frac{1}{2}"}


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader() as grader:
        yield grader


def score(grader: Grader, *outputs: tuple[str, str]) -> list[Score]:
    starts = [StepKey(name, name, 1) for name, _ in outputs]
    return grade_outputs(grader, GOLD, [text for _, text in outputs], starts)


def test_each_output_is_compared_with_the_answer_of_its_problem(grader: Grader) -> None:
    found = score(
        grader,
        ("a", r"So \boxed{10}."),
        ("b", r"So \boxed{10}."),
        ("b", r"So \boxed{0.5}."),
        ("a", r"\boxed{\frac{1}{2}}"),
    )
    assert [one.reward for one in found] == [1.0, 0.0, 1.0, 0.0]
    assert found[0].action == "10"


def test_the_box_counts_wherever_the_thought_ends(grader: Grader) -> None:
    (found,) = score(grader, ("a", r"<think>maybe 11</think> 1. **Add**: it is $\boxed{10}$."))
    assert (found.reward, found.violation) == (1.0, None)


def test_an_output_without_an_answer_earns_nothing_and_breaks_no_format(grader: Grader) -> None:
    (found,) = score(grader, ("a", "I do not know."))
    assert (found.reward, found.violation, found.unanswered) == (0.0, None, True)


class Slow:
    """A grader that gives every comparison up."""

    def grade(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        return [Verdict(False, "timeout") for _ in pairs]


def test_an_answer_that_cannot_be_compared_is_wrong_and_counted_and_spoils_no_group() -> None:
    (found,) = grade_outputs(Slow(), GOLD, [r"\boxed{9}"], [StepKey("a", "a", 1)])  # type: ignore[arg-type]
    assert (found.reward, found.fault, found.void) == (0.0, True, False)
