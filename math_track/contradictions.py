"""Problems whose solution boxes another answer than the known one; which of the two is wrong only a reader can tell."""

from __future__ import annotations

from collections.abc import Sequence

from math_track.extract import boxed_answer
from math_track.grader import Grader
from math_track.records import Problem


def contradictions(problems: Sequence[Problem]) -> list[str]:
    """Their names. Answers in other words are compared by a grader; what it cannot judge is no contradiction."""
    boxed = {problem.name: boxed_answer(problem.solution) for problem in problems if problem.answer}
    asked = [problem for problem in problems if boxed.get(problem.name, problem.answer) not in ("", problem.answer)]
    if not asked:
        return []
    with Grader() as grader:
        verdicts = grader.grade([(boxed[problem.name], problem.answer) for problem in asked])
    pairs = zip(asked, verdicts, strict=True)
    return [problem.name for problem, verdict in pairs if not verdict.correct and not verdict.fault]
