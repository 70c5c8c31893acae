"""From worked solutions to training and held-out steps, with an account of everything left out.

After section 3 of the SRL paper (arXiv 2510.25992): a solution of N steps makes N-1 instances. The prompt of step k
shows the problem, what is written before step k, and (`options.next_title`) the step's number and title.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from math_track.headings import read_heading
from math_track.options import MathOptions
from math_track.prompts import evaluation_prompt, step_prompt, whole_prompt
from math_track.records import Problem, WorkedStep
from math_track.splitter import NotSplit, Split, split_solution
from srl_agent.config import Config
from srl_agent.step_sets import SPLIT_SEED
from trajectories.records import Episode, Message, StepExample
from trajectories.steps import Fits, split_held_out

NO_SOLUTION = "no solution"
NEUTRAL_THOUGHT = "I work the problem out step by step."
"""What a supervised target thinks before a whole solution whose reasoning is not known."""


@dataclass(frozen=True)
class Worked:
    """A problem whose solution was split."""

    problem: Problem
    split: Split


@dataclass(frozen=True)
class Sides:
    """Problems to train on and those held out, each in the order of the file."""

    train: Sequence[Problem]
    held_out: Sequence[Problem]
    train_worked: Sequence[Worked]
    """Those of `train` whose solution was split."""
    held_out_worked: Sequence[Worked]
    not_split: Counter[str]
    """Reason to how many were not."""


@dataclass(frozen=True)
class Cut:
    """The instances of several problems, and how many were left out."""

    steps: list[StepExample]
    too_long: int = 0
    """Prompts over `data.max_prompt_tokens`."""
    empty: int = 0
    """Steps that are a heading only."""


def sides_of(problems: Sequence[Problem], held_out: int) -> Sides:
    """Split the solutions, and hold out `held_out` problems, never more than a third, by a fixed rule.

    Held out are the first in an order by a hash of each name, of all problems, also those whose solution does not
    split: the same names under other solutions (`data rewrite-steps`) are the same problems held out, whatever the
    run's seed, its stages and the order of the file. Problems that ask the same are on the same side.
    """
    reasons: Counter[str] = Counter()
    worked = {problem.name: split for problem in problems if (split := _split(problem, reasons)) is not None}
    names = {one.instance_id for one in split_held_out([_episode(p) for p in problems], held_out, SPLIT_SEED)[1]}
    kept = [problem for problem in problems if problem.name in names]
    train = [problem for problem in problems if problem.name not in names]

    def those(side: Sequence[Problem]) -> list[Worked]:
        return [Worked(problem, worked[problem.name]) for problem in side if problem.name in worked]

    return Sides(train, kept, those(train), those(kept), reasons)


def without(sides: Sides, names: Collection[str]) -> Sides:
    """The same, but for the problems of these names among those to train on."""
    train = [problem for problem in sides.train if problem.name not in names]
    worked = [one for one in sides.train_worked if one.problem.name not in names]
    return replace(sides, train=train, train_worked=worked)


def _split(problem: Problem, reasons: Counter[str]) -> Split | None:
    try:
        if not problem.solution.strip():
            raise NotSplit(NO_SOLUTION)
        return split_solution(problem.solution)
    except NotSplit as error:
        reasons[error.reason] += 1
        return None


def _episode(problem: Problem) -> Episode:
    """What `split_held_out` looks at."""
    return Episode(problem.name, problem.name, problem.problem, (), None, problem.source)


def cut_steps(worked: Sequence[Worked], config: Config, options: MathOptions, fits: Fits) -> Cut:
    """Steps 1 to N-1 of each solution, and N with `data.keep_last_step`."""
    made: list[StepExample] = []
    empty = 0
    for one in worked:
        steps = one.split.steps
        for k in range(1, len(steps) + (1 if config.data.keep_last_step else 0)):
            if not steps[k - 1].body:
                empty += 1
                continue
            made.append(_step(one, k, options))
    found = [step for step in made if fits(step.prompt)]
    return Cut(found, len(made) - len(found), empty)


def _step(worked: Worked, k: int, options: MathOptions) -> StepExample:
    split, problem = worked.split, worked.problem
    step = split.steps[k - 1]
    written = "".join((split.preamble, *split.pieces[: k - 1])).strip()
    prompt = step_prompt(
        problem.problem, written, title_of(step) if options.next_title else "", solution_tag=options.solution_tag
    )
    return _example(problem, prompt, step.text, f"The next step is: {step.title}.", k, len(split.steps))


def title_of(step: WorkedStep) -> str:
    """How a prompt announces a step, such as `2. Coprime pairs`."""
    return f"{step.number}. {step.title}"


def cut_wholes(worked: Sequence[Worked], options: MathOptions, fits: Fits) -> Cut:
    """An instance a problem: its whole solution, as it is written. It counts as step 1."""
    made = [whole(one, NEUTRAL_THOUGHT, options) for one in worked]
    found = [step for step in made if fits(step.prompt)]
    return Cut(found, len(made) - len(found))


def whole(worked: Worked, thought: str, options: MathOptions) -> StepExample:
    """The whole solution as one step."""
    problem = worked.problem
    prompt = whole_prompt(problem.problem, solution_tag=options.solution_tag)
    return _example(problem, prompt, problem.solution.strip(), thought, 1, len(worked.split.steps))


def cut_problems(problems: Sequence[Problem], fits: Fits) -> Cut:
    """An instance a problem that has an answer: the prompt of evaluations, and the answer. It counts as step 1."""
    known = [problem for problem in problems if problem.answer.strip()]
    made = [_example(one, evaluation_prompt(one.problem), one.answer, "", 1, 1) for one in known]
    found = [step for step in made if fits(step.prompt)]
    return Cut(found, len(made) - len(found))


def _example(problem: Problem, prompt: tuple[Message, ...], action: str, thought: str, k: int, n: int) -> StepExample:
    return StepExample(prompt, action, thought, problem.name, problem.name, k, n, problem.source, None)


def body_of(text: str) -> str:
    """A step without its heading, which a prompt may have given away; the whole text where nothing stands behind it."""
    line = text.partition("\n")[0]
    heading = read_heading(line)
    return (text[heading.length :].strip() or text) if heading else text


def heading_of(text: str) -> str:
    """The heading alone; the first line where there is none."""
    line = text.partition("\n")[0]
    heading = read_heading(line)
    return line[: heading.length].strip() if heading else line
