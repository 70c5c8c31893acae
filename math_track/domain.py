"""The math domain: the next step of a worked solution, and problems with answers that are graded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from math_track.checks import check_reward
from math_track.options import MathOptions
from math_track.prompts import SOLUTION_CLOSE, SOLUTION_OPEN, tagged
from math_track.sets import MathSets, load_sets
from math_track.steps import NEUTRAL_THOUGHT, body_of, heading_of
from srl_agent.config import Config
from srl_agent.config_load import read_options
from srl_agent.domain import Scorer, StepSets
from srl_agent.errors import ConfigError
from srl_agent.floors import reward_floors
from srl_agent.output_format import CLOSE, OPEN, WHITESPACE, FormatError, Violation, format_output, read_all
from srl_agent.play import OneTurn
from srl_agent.rewards import build_reward
from srl_agent.rewards.scoring import make_scorer
from srl_agent.wording import plural
from trajectories.records import StepExample

if TYPE_CHECKING:
    from math_track.grader import Grader

TITLE = "the title alone"
"""Name of a reward floor."""


class MathDomain:
    """Steps, scoring and targets for worked solutions; see `srl_agent.domain.Domain` and `PlaysTasks`."""

    def __init__(self) -> None:
        self._tagged = False
        self._sets: MathSets | None = None
        self._grader: Grader | None = None

    def load_steps(self, config: Config, count_tokens: Callable[[str], int]) -> StepSets:
        """See `Domain` and `math_track.sets`."""
        options = read_options(config, MathOptions)
        self._tagged = options.solution_tag
        self._sets = load_sets(config, options, self.supervised_target, count_tokens)
        return self._sets.steps

    def scorer(self, config: Config) -> Scorer:
        """See `Domain`."""
        check_reward(config)
        read = read_tagged if read_options(config, MathOptions).solution_tag else read_all
        return make_scorer(config.reward, read, comparable(config))

    def floors(self, config: Config, steps: Sequence[StepExample]) -> dict[str, float]:
        """See `Domain`; none where outputs are whole solutions or answers."""
        if config.srl.target == "episode" or config.stages == ("rlvr",):
            return {}
        return reward_floors(steps, build_reward(config.reward), comparable(config), {TITLE: heading_of})

    def supervised_target(self, step: StepExample) -> str:
        """`<think>` what the step says it will do, or the reasoning that is known `</think>`, a line end, the step.

        Think tags inside a thought are taken out: the grammar cannot carry them.
        """
        thought = step.expert_thought.replace(OPEN, " ").replace(CLOSE, " ").strip()
        action = tagged(step.expert_action) if self._tagged else step.expert_action
        return format_output(thought or NEUTRAL_THOUGHT, action)

    def action_kind(self, expert_action: str) -> str:
        """`answer` for a step that has it, `formula` for one that calculates, `words` for any other."""
        if "\\boxed" in expert_action:
            return "answer"
        return "formula" if "=" in expert_action else "words"

    def facts(self, config: Config) -> dict[str, str]:
        """See `srl_agent.domain.facts_of`."""
        options = read_options(config, MathOptions)
        if "rlvr" not in config.stages:
            return {}
        where = f"{plural(options.grader_workers, 'worker')}, {options.grader_timeout:g} s an answer"
        return {"grader": f"math-verify, {where}"}

    def problems(self, config: Config, steps: StepSets) -> StepSets:
        """See `PlaysTasks`: every problem with an answer, also those whose solution does not split."""
        assert self._sets is not None, "load_steps comes first"
        found = self._sets.problems
        if not found.train:
            raise ConfigError(f"data.path: rlvr needs problems with an answer; {found.summary[-1]}")
        return found

    def player(self, config: Config, tokenizer: Any, ends: set[int]) -> OneTurn:
        """See `PlaysTasks`: one output a problem, right where its final answer equals the known one."""
        assert self._sets is not None, "load_steps comes first"
        from math_track.outcomes import grade_outputs, start_grader

        if self._grader is None:
            self._grader = start_grader(read_options(config, MathOptions))
        sets = self._sets.problems
        gold = {step.instance_id: step.expert_action for step in (*sets.train, *sets.held_out)}
        return OneTurn(tokenizer, ends, partial(grade_outputs, self._grader, gold))


def comparable(config: Config) -> Callable[[str], str]:
    """What the reward compares: steps as they are written, or, under `reward.text: body`, without their headings.

    Whole solutions (`srl.target: episode`) are compared as they are: no prompt gives their titles away.
    """
    whole = config.reward.text == "wrapped" or config.srl.target == "episode"
    return (lambda text: text) if whole else body_of


def read_tagged(text: str) -> str:
    """The reader of the output grammar under `options.solution_tag`: the tag, once, around a text that is not empty."""
    text = read_all(text)
    if not text.startswith(SOLUTION_OPEN) or SOLUTION_CLOSE not in text:
        raise FormatError(Violation.MALFORMED)
    inner, _, behind = text.removeprefix(SOLUTION_OPEN).partition(SOLUTION_CLOSE)
    if SOLUTION_OPEN in inner + behind or SOLUTION_CLOSE in behind:
        raise FormatError(Violation.TWO_ACTIONS)
    if behind.strip(WHITESPACE):
        raise FormatError(Violation.TRAILING)
    if not inner.strip(WHITESPACE):
        raise FormatError(Violation.NO_ACTION)
    return inner.strip(WHITESPACE)
