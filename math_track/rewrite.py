"""A model rewrites worked solutions as `N. **TITLE** ACTION` steps (SRL paper, v3); what breaks the form is dropped.

Only solutions that do not split yet are asked for; the paper rewrites all, those in steps of another form too.

The paper gives the form, and that failures are dropped; the prompt is in our own words. That a rewriting says the same
as the solution is checked only at its end, by the final answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from math_track.extract import boxed_answer, final_answer
from math_track.grader import Verdict
from math_track.records import Problem
from math_track.splitter import NotSplit, split_solution
from srl_agent.answers import Answer
from srl_agent.output_format import CLOSE, OPEN
from trajectories.records import Message

Pairs = Sequence[tuple[str, str]]
"""The final answer of a rewriting, and the one it should have; empty where none is asked for."""

CUT = "cut off at the limit on tokens"
THINKING = "thinking that never ends"
BEFORE = "text before the first step"
FORM = "steps in another form than N. **TITLE** ACTION"
NO_ACTION = "a step without an action"
ANSWER = "another final answer, or none"

_HEADING = re.compile(r"[0-9]+\. \*\*[^*\n]+\*\*(?:[ \t]*[:.])?\s")
SYSTEM = (
    "You are an editor of worked solutions in mathematics. You put a solution into the form you are asked for, and you "
    "change neither its reasoning nor its results."
)
TASK = r"""Write the solution above again as a list of numbered steps. Each step has exactly this form:

N. **TITLE** ACTION

N counts the steps from 1 on, without gaps. TITLE says in a few words what the step does. ACTION is the step itself,
with every argument, formula and calculation that the solution has for it.

* There are at least two steps, in the order of the solution. Leave nothing out and add no idea of your own.
* Write nothing before the first step and nothing behind the last, and put no code fence around them.
* Where a step needs a list, use dashes, and no numbers.
"""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What became of the solutions."""

    problems: tuple[Problem, ...]
    """Those with a rewritten solution."""
    dropped: Mapping[str, str]
    """Name of each problem whose rewriting was dropped, to the reason."""


def splits(problem: Problem) -> bool:
    """Whether the solution is in numbered, titled steps as it is."""
    try:
        split_solution(problem.solution)
    except NotSplit:
        return False
    return True


def rewriting_prompt(problem: Problem) -> list[Message]:
    """What a model is asked."""
    end = "* The last step ends as the solution does."
    answer = expected_answer(problem)
    if answer:
        end = f"* The last step ends with the final answer in a box: $\\boxed{{{answer}}}$."
    text = f"Problem:\n{problem.problem}\n\nSolution:\n{problem.solution}\n\n---\n\n{TASK}{end}"
    return [Message("system", SYSTEM), Message("user", text)]


def expected_answer(problem: Problem) -> str:
    """What a rewriting has to end with: the answer that the solution boxes, right or wrong, else the gold one."""
    return boxed_answer(problem.solution) or problem.answer


def rewrite(
    problems: Sequence[Problem], answers: Sequence[Answer], model: str, grade: Callable[[Pairs], Sequence[Verdict]]
) -> Rewriting:
    """The problems with the rewritings in `answers` as solutions, of which those that break the form are dropped.

    `grade` is that of a `math_track.grader.Grader`, for the final answers.
    """
    read = [read_steps(answer) for answer in answers]
    pairs = [(final_answer(text), expected_answer(one)) for one, (text, _) in zip(problems, read, strict=True)]
    verdicts = dict(zip(pairs, grade(pairs), strict=True))
    kept: list[Problem] = []
    dropped: dict[str, str] = {}
    for problem, (text, reason), pair in zip(problems, read, pairs, strict=True):
        if not reason and pair[1] and not verdicts[pair].correct:
            reason = ANSWER
        if reason:
            dropped[problem.name] = reason
        else:
            kept.append(replace(problem, solution=text, meta={**problem.meta, "rewritten_by": model}))
    return Rewriting(tuple(kept), dropped)


def read_steps(answer: Answer) -> tuple[str, str]:
    """The steps that a model wrote, and why they break the form, empty where they keep it."""
    if answer.cut:
        return "", CUT
    if answer.text.lstrip().startswith(OPEN) and CLOSE not in answer.text:
        return "", THINKING
    text = _behind_thinking(answer.text).strip()
    try:
        split = split_solution(text)
    except NotSplit as error:
        return text, error.reason
    if split.preamble:
        return text, BEFORE
    if not all(step.body for step in split.steps):
        return text, NO_ACTION
    if not all(_HEADING.match(step.text) for step in split.steps):
        return text, FORM
    return text, ""


def _behind_thinking(text: str) -> str:
    return text.partition(CLOSE)[2] if text.lstrip().startswith(OPEN) else text
