"""The software-engineering domain: an agent's next call in a repository, in the XML function form."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from srl_agent.action_kinds import call_kind
from srl_agent.config import Config
from srl_agent.domain import Scorer, StepSets
from srl_agent.floors import reward_floors
from srl_agent.output_format import CLOSE, OPEN, WHITESPACE, FormatError, Violation, format_output
from srl_agent.rewards import build_reward
from srl_agent.rewards.scoring import make_scorer
from srl_agent.step_sets import load_step_data
from trajectories.errors import ParseError
from trajectories.records import Action, StepExample
from trajectories.render import body_text, parse_action, render_action, scan_action

SYSTEM_PROMPT = """\
You are fixing an issue in a code repository, step by step. Answer with your reasoning and exactly one call:
<think>why this step</think>
<function=bash>
<parameter=command>ls</parameter>
</function>
Tools: bash(command), str_replace_editor(command: view|create|str_replace|insert, path, ...), submit()"""

CALL_OPENS = "<function="
NEUTRAL_THOUGHT = "I take the next step."
"""What a supervised target thinks where the expert's turn had a call but no thought (half of SWE-Gym's)."""


class SweDomain:
    """Steps, scoring and targets for expert episodes of repository repair; see `srl_agent.domain.Domain`."""

    def load_steps(self, config: Config, count_tokens: Callable[[str], int]) -> StepSets:
        """See `Domain` and `srl_agent.step_sets.load_step_data`."""
        return load_step_data(config.data, SYSTEM_PROMPT, count_tokens).sets

    def scorer(self, config: Config) -> Scorer:
        """See `Domain`."""
        return make_scorer(config.reward, read_call, comparable(config.reward.text))

    def floors(self, config: Config, steps: Sequence[StepExample]) -> dict[str, float]:
        """See `Domain`."""
        reward = build_reward(config.reward)
        return reward_floors(steps, reward, comparable(config.reward.text), skeleton=without_arguments)

    def supervised_target(self, step: StepExample) -> str:
        """`<think>` the expert's thought, or NEUTRAL_THOUGHT, `</think>`, a line end, the expert's call.

        Think tags inside a thought are taken out: the grammar cannot carry them.
        """
        thought = step.expert_thought.replace(OPEN, " ").replace(CLOSE, " ").strip()
        return format_output(thought or NEUTRAL_THOUGHT, step.expert_action)

    def action_kind(self, expert_action: str) -> str:
        """See `Domain` and `srl_agent.action_kinds.call_kind`."""
        return call_kind(expert_action)


def read_call(text: str) -> str:
    """The reader of the output grammar: exactly one call, given back in its canonical form.

    Raises FormatError naming what stands there instead: no call, a broken one, two, or text around it.
    """
    try:
        action, end = scan_action(text, 0)
    except ParseError as error:
        raise FormatError(_why_no_call(text)) from error
    rest = text[end:].strip(WHITESPACE)
    if rest:
        raise FormatError(_what_follows(rest))
    return render_action(action)


def comparable(text: str) -> Callable[[str], str]:
    """What the reward compares, by `reward.text`: the whole call, or tool name and values one a line."""
    return (lambda call: call) if text == "wrapped" else (lambda call: body_text(parse_action(call)))


def without_arguments(call: str) -> str:
    """The call with its tool and parameter names kept and every value empty."""
    action = parse_action(call)
    return render_action(Action(action.tool, tuple((name, "") for name, _ in action.arguments)))


def _why_no_call(text: str) -> Violation:
    head, opened, _ = text.partition(CALL_OPENS)
    if OPEN in head or CLOSE in head:
        return Violation.TAG_TWICE
    return Violation.MALFORMED if opened else Violation.NO_ACTION


def _what_follows(rest: str) -> Violation:
    try:
        scan_action(rest, 0)
    except ParseError:
        return Violation.TRAILING
    return Violation.TWO_ACTIONS
