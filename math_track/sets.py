"""The sets that a run trains and is evaluated on: steps, whole solutions or problems, with a line for each loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from math_track.checks import KEEP_ALL, check_settings
from math_track.contamination import contaminated
from math_track.contradictions import contradictions
from math_track.options import MathOptions
from math_track.records import Problem
from math_track.sources import named, read_problems
from math_track.steps import (
    NEUTRAL_THOUGHT,
    Cut,
    Sides,
    cut_problems,
    cut_steps,
    cut_wholes,
    sides_of,
    whole,
    without,
)
from srl_agent.config import Config, DataConfig
from srl_agent.domain import Dialogue, StepSets, answered
from srl_agent.step_sets import thinned, token_budget
from srl_agent.whole_episodes import CountTokens, Target
from srl_agent.wording import plural
from trajectories.errors import ParseError
from trajectories.steps import Fits

BUNDLED_NAME = "the bundled problems"
NO_STEPS = (
    "no solution has numbered, titled steps: train on final answers alone (--stages rlvr), or have a model write the "
    "solutions in steps (srl-agent data rewrite-steps)"
)


@dataclass(frozen=True)
class MathSets:
    """What the stages work on."""

    steps: StepSets
    """Of sft and srl; those of rlvr where it is the only stage."""
    problems: StepSets
    """Of rlvr: every problem with an answer, whether its solution splits or not."""


def load_sets(config: Config, options: MathOptions, target: Target, count_tokens: CountTokens) -> MathSets:
    """Read the problems that `data` names and make what the stages need.

    `target` is `Domain.supervised_target`. ConfigError for settings that mean nothing here, ParseError where nothing is
    left to train on.
    """
    check_settings(config)
    sides, sources = _read(config.data)
    fits = token_budget(config.data.max_prompt_tokens, count_tokens)
    most = config.data.held_out_steps
    problems = thinned(_problem_sets(sides, sources, fits), most)
    if config.stages == ("rlvr",):
        return MathSets(_some(problems), problems)
    steps = _step_sets(config, options, sides, sources, fits)
    return MathSets(thinned(_aimed(config, options, sides, steps, fits, target, count_tokens), most), problems)


def _read(data: DataConfig) -> tuple[Sides, StepSets]:
    """The problems, and empty sets with what is to be said of them. ParseError where none may be trained on."""
    read = read_problems(data.path)
    sides = sides_of(read.problems, data.held_out_episodes)
    found = contaminated(sides.train, data.evaluation_sets)
    lines = [f"data: {data.path or BUNDLED_NAME}", *read.report.lines(), *_contradicted(read.problems)]
    if found:
        kept = "trained on all the same" if data.gates == KEEP_ALL else "left out (data.gates=none keeps them)"
        counts = ", ".join(f"{name} {named(names)}" for name, names in found.items())
        lines.append(f"WARNING: problems to train on that are of evaluation sets: {counts}; {kept}")
        if data.gates != KEEP_ALL:
            sides = without(sides, {name for names in found.values() for name in names})
    if not sides.train:
        raise ParseError(f"{'; '.join(lines)}: nothing to train on is left; give other problems")
    return sides, StepSets([], [], tuple(lines), read.digest)


def _contradicted(problems: Sequence[Problem]) -> list[str]:
    names = contradictions(problems)
    line = (
        f"WARNING: solutions that box another answer than the known one: {named(names)}; steps are taken from the "
        "solution, rlvr grades by the known answer: mend one of them, or leave these rows out"
    )
    return [line] if names else []


def _problem_sets(sides: Sides, sources: StepSets, fits: Fits) -> StepSets:
    train, held_out = (cut_problems(side, fits) for side in (sides.train, sides.held_out))
    line = (
        f"problems with an answer: {len(train.steps)} of {len(sides.train)} to train on, {len(held_out.steps)} of "
        f"{len(sides.held_out)} held out"
    )
    over = train.too_long + held_out.too_long
    more = f", {over} left out that exceed the budget of a prompt (data.max_prompt_tokens)" if over else ""
    return replace(sources, train=train.steps, held_out=held_out.steps, summary=(*sources.summary, line + more))


def _step_sets(config: Config, options: MathOptions, sides: Sides, sources: StepSets, fits: Fits) -> StepSets:
    worked = sides.train_worked, sides.held_out_worked
    train, held_out = (cut_steps(side, config, options, fits) for side in worked)
    title = "shown" if options.next_title else "not shown"
    line = (
        f"steps: {len(train.steps)} of {plural(len(worked[0]), 'problem')} to train on, {len(held_out.steps)} of "
        f"{plural(len(worked[1]), 'problem')} held out, title of the next step {title}"
    )
    summary = (*sources.summary, line, *_left_out(config.data, sides, train, held_out))
    sets = replace(sources, train=train.steps, held_out=held_out.steps, summary=summary)
    return _some(sets) if sides.train_worked else _some(sets, NO_STEPS)


def _left_out(data: DataConfig, sides: Sides, *cuts: Cut) -> list[str]:
    """One line with everything that did not become a step, or none."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in sides.not_split.most_common())
    counts = [
        (f"solutions that do not split into steps ({reasons})", sides.not_split.total()),
        ("steps that are a title only", sum(cut.empty for cut in cuts)),
        (f"steps whose prompt exceeds {data.max_prompt_tokens} tokens", sum(cut.too_long for cut in cuts)),
    ]
    parts = [f"{what}: {count}" for what, count in counts if count]
    return [f"left out - {', '.join(parts)}"] if parts else []


def _aimed(
    config: Config,
    options: MathOptions,
    sides: Sides,
    steps: StepSets,
    fits: Fits,
    target: Target,
    count_tokens: CountTokens,
) -> StepSets:
    """The sets that `sft.target` and `srl.target` ask for. ParseError where the token budgets leave none of them."""
    sets, examples = steps, list[Dialogue]()
    if config.srl.target == "episode":
        examples = [answered(step, target(step)) for step in steps.train]
        sets = _whole_sets(config.data, options, sides, steps, fits)
    if config.sft.target != "step" and "sft" in config.stages:
        budget = token_budget(config.sft.max_tokens, count_tokens)
        examples, line = _whole_examples(config, options, sides, budget, target)
        sets = replace(sets, summary=(*sets.summary, line))
    return replace(sets, supervised=examples)


def _whole_sets(data: DataConfig, options: MathOptions, sides: Sides, steps: StepSets, fits: Fits) -> StepSets:
    train, held_out = (cut_wholes(side, options, fits) for side in (sides.train_worked, sides.held_out_worked))
    line = (
        f"srl on whole solutions: {len(train.steps)} to train on, {len(held_out.steps)} held out, "
        f"{train.too_long + held_out.too_long} left out whose problem exceeds {data.max_prompt_tokens} tokens "
        "(data.max_prompt_tokens)"
    )
    return _some(replace(steps, train=train.steps, held_out=held_out.steps, summary=(*steps.summary, line)))


def _whole_examples(
    config: Config, options: MathOptions, sides: Sides, fits: Fits, target: Target
) -> tuple[list[Dialogue], str]:
    """Whole solutions to learn: behind the reasoning that led to them (trace), or without it (outline)."""
    trace = config.sft.target == "trace"
    known = [one for one in sides.train_worked if one.problem.thinking.strip() or not trace]
    steps = [whole(one, one.problem.thinking if trace else NEUTRAL_THOUGHT, options) for one in known]
    made = [answered(step, target(step)) for step in steps]
    found = [example for example in made if fits(example.messages)]
    without = f"{len(sides.train_worked) - len(known)} left out without their reasoning, " if trace else ""
    line = (
        f"sft on {config.sft.target}s: {len(found)} of {plural(len(sides.train_worked), 'solution')}, {without}"
        f"{len(made) - len(found)} left out over {config.sft.max_tokens} tokens (sft.max_tokens)"
    )
    if not known:
        raise ParseError(
            f"{line}: no problem has the reasoning that led to its solution (field thinking; in s1K-1.1 "
            "deepseek_thinking_trajectory), which a trace needs; set sft.target to outline or step"
        )
    if not found:
        raise ParseError(f"{line}: nothing to train on is left; raise sft.max_tokens, or take another sft.target")
    return found, line


def _some(sets: StepSets, remedy: str = "give other problems, or raise data.max_prompt_tokens") -> StepSets:
    if not sets.train:
        raise ParseError(f"{'; '.join(sets.summary)}: nothing to train on is left; {remedy}")
    return sets
