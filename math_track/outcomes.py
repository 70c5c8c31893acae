"""Outputs to rewards of the rlvr stage: the final answer of each, compared with the known one by the grader."""

from __future__ import annotations

import atexit
from collections.abc import Mapping, Sequence

from math_track.extract import final_answer
from math_track.grader import Grader, Verdict
from math_track.options import MathOptions
from srl_agent.domain import Score, StepKey


def start_grader(options: MathOptions) -> Grader:
    """A grader that is closed when the program ends."""
    grader = Grader(options.grader_workers, options.grader_timeout)
    atexit.register(grader.close)
    return grader


def grade_outputs(
    grader: Grader, gold: Mapping[str, str], texts: Sequence[str], starts: Sequence[StepKey]
) -> list[Score]:
    """1 for each output whose final answer is right, else 0; `gold` has the answers by problem.

    An answer that cannot be compared in time is wrong, and counted as a fault.
    """
    answers = [final_answer(text) for text in texts]
    verdicts = grader.grade([(answer, gold[start.instance_id]) for answer, start in zip(answers, starts, strict=True)])
    return [_outcome(answer, verdict) for answer, verdict in zip(answers, verdicts, strict=True)]


def _outcome(answer: str, verdict: Verdict) -> Score:
    if not answer:
        return Score(0.0, None, exact=False, unanswered=True)
    return Score(float(verdict.correct), None, exact=verdict.correct, action=answer, fault=bool(verdict.fault))
