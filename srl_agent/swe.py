"""The software-engineering domain: an agent's next call in a repository, in the XML function form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from srl_agent.action_kinds import call_kind
from srl_agent.config import Config, RewardConfig
from srl_agent.config_load import read_options
from srl_agent.domain import NoOptions, Scorer, StepSets
from srl_agent.floors import reward_floors
from srl_agent.output_format import CLOSE, OPEN, WHITESPACE, FormatError, Violation, format_output
from srl_agent.rewards import WHOLE_CALLS, build_reward
from srl_agent.rewards.scoring import make_scorer
from srl_agent.step_sets import StepData, load_step_data, unread
from srl_agent.whole_episodes import BETWEEN_ACTIONS, Aim, aimed
from trajectories.errors import ParseError
from trajectories.records import Action, StepExample
from trajectories.render import body_text, render_action, scan_action

SYSTEM_PROMPT = """\
You are fixing an issue in a code repository, step by step. Answer with your reasoning and exactly one call:
<think>why this step</think>
<function=bash>
<parameter=command>ls</parameter>
</function>
Tools: bash(command), str_replace_editor(command: view|create|str_replace|insert, path, ...), submit()"""

OUTLINE_PROMPT = """\
You are fixing an issue in a code repository. You will see no output of your calls. Answer with your reasoning, once, \
and then all calls, in order:
<think>why these steps</think>
<function=bash>
<parameter=command>ls</parameter>
</function>
<function=submit>
</function>
Tools: bash(command), str_replace_editor(command: view|create|str_replace|insert, path, ...), submit()"""
"""The system prompt where one output holds the calls of a whole episode."""

CALL_OPENS = "<function="
EMPTY_CALL = "the right tool, empty arguments"
"""Name of a reward floor."""
NEUTRAL_THOUGHT = "I take the next step."
"""What a supervised target thinks where the expert's turn had a call but no thought (half of SWE-Gym's)."""


class SweDomain:
    """Steps, scoring and targets for expert episodes of repository repair; see `srl_agent.domain.Domain`."""

    def load_steps(self, config: Config, count_tokens: Callable[[str], int]) -> StepSets:
        """See `Domain`, `srl_agent.step_sets.load_step_data` and `srl_agent.whole_episodes`."""
        read_options(config, NoOptions)
        data = load_step_data(config.data, SYSTEM_PROMPT, count_tokens)
        sets = self.sets_of(config, data, count_tokens)
        return replace(sets, summary=(*sets.summary, *unread(config.data, data.report)))

    def sets_of(self, config: Config, data: StepData, count_tokens: Callable[[str], int]) -> StepSets:
        """The sets that `sft.target` and `srl.target` make of data that was read."""
        return aimed(config, data, Aim(SYSTEM_PROMPT, OUTLINE_PROMPT, self.supervised_target), count_tokens)

    def scorer(self, config: Config) -> Scorer:
        """See `Domain`."""
        read = read_calls if config.srl.target == "episode" else read_call
        scorer = make_scorer(config.reward, read, comparable(config.reward))
        if config.reward.name != "state":
            return scorer
        from srl_agent.rewards.state import build_state_scorer  # sandboxes, which the other rewards do without

        return build_state_scorer(config, scorer, read)

    def floors(self, config: Config, steps: Sequence[StepExample]) -> dict[str, float]:
        """See `Domain`."""
        reward = build_reward(config.reward)
        return reward_floors(steps, reward, comparable(config.reward), {EMPTY_CALL: without_arguments})

    def facts(self, config: Config) -> dict[str, str]:
        """See `srl_agent.domain.facts_of`."""
        from srl_agent.sandboxes import sandbox_line

        return {"sandbox": sandbox_line(config)}

    def supervised_target(self, step: StepExample) -> str:
        """`<think>` the expert's thought, or NEUTRAL_THOUGHT, `</think>`, a line end, the expert's call.

        Think tags inside a thought are taken out: the grammar cannot carry them.
        """
        thought = step.expert_thought.replace(OPEN, " ").replace(CLOSE, " ").strip()
        return format_output(thought or NEUTRAL_THOUGHT, step.expert_action)

    def action_kind(self, expert_action: str) -> str:
        """See `Domain` and `srl_agent.action_kinds.call_kind`."""
        return call_kind(expert_action)

    def problems(self, config: Config, steps: StepSets) -> StepSets:
        """See `PlaysTasks`; under `rlvr.start: task` each task once, though there may be several episodes of it."""
        from srl_agent.swe_tasks import problems

        return problems(config, steps)

    def player(self, config: Config, tokenizer: Any, ends: set[int]) -> Any:
        """See `PlaysTasks` and `srl_agent.swe_player`."""
        from srl_agent.swe_tasks import build_player

        return build_player(config, tokenizer, ends)


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


def read_calls(text: str) -> str:
    """The reader where an output answers a whole episode: one call or more, whitespace between, in canonical form.

    Raises FormatError naming what stands there instead; text between or behind the calls is TRAILING.
    """
    calls: list[str] = []
    place = 0
    while place < len(text):
        try:
            action, place = scan_action(text, place)
        except ParseError as error:
            broken = not calls or text.startswith(CALL_OPENS, place)
            raise FormatError(_why_no_call(text[place:]) if broken else Violation.TRAILING) from error
        calls.append(render_action(action))
        while place < len(text) and text[place] in WHITESPACE:
            place += 1
    return BETWEEN_ACTIONS.join(calls)


def comparable(reward: RewardConfig) -> Callable[[str], str]:
    """What the reward compares: the whole calls, or tool names and values one a line (`reward.text`)."""
    whole = reward.text == "wrapped" or reward.name in WHOLE_CALLS
    return (lambda calls: calls) if whole else (lambda calls: BETWEEN_ACTIONS.join(map(body_text, each(calls))))


def without_arguments(calls: str) -> str:
    """The calls with their tools and parameter names kept and every value empty."""
    empty = (Action(call.tool, tuple((name, "") for name, _ in call.arguments)) for call in each(calls))
    return BETWEEN_ACTIONS.join(map(render_action, empty))


def each(calls: str) -> Iterator[Action]:
    """The actions of one canonical text: a call, or several with a line end between. ParseError where it is none."""
    action, end = scan_action(calls)
    yield action
    while end < len(calls):
        if not calls.startswith(BETWEEN_ACTIONS, end):
            raise ParseError(f"calls: expected a line end between two calls at character {end}")
        action, end = scan_action(calls, end + len(BETWEEN_ACTIONS))
        yield action


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
