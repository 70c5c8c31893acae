"""Examples that are whole episodes: traces and outlines for the supervised stage, outlines for one-step rewards.

A trace is the episode as a conversation, the expert's thoughts and actions being what the assistant says. An outline
is the task and, as one text, all of the expert's actions: no thought, no observation. Both hold the last step, whatever
`data.keep_last_step` says. Steps that a gate or a replay objects to are no targets here either: a trace shows them
without loss, an outline leaves them out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from srl_agent.config import Config
from srl_agent.domain import Dialogue, StepSets, answered
from srl_agent.floors import evenly
from srl_agent.step_sets import StepData, token_budget
from srl_agent.wording import plural
from trajectories.errors import ParseError
from trajectories.exports.trl_sft import trace
from trajectories.records import Episode, Message, StepExample
from trajectories.render import render_action

BETWEEN_ACTIONS = "\n"
T = TypeVar("T")
Target = Callable[[StepExample], str]
CountTokens = Callable[[str], int]


@dataclass(frozen=True)
class Aim:
    """What a domain says of its whole episodes."""

    trace_prompt: str
    """System prompt of a trace, whose steps are answered one by one."""
    outline_prompt: str
    """System prompt of an outline, which is answered once."""
    target: Target
    """`Domain.supervised_target`."""


def aimed(config: Config, data: StepData, aim: Aim, count_tokens: CountTokens) -> StepSets:
    """The sets that `sft.target` and `srl.target` ask for. ParseError where the token budgets leave none of them."""
    sets, examples = data.sets, data.sets.supervised
    lines: list[str] = []
    if config.srl.target == "episode":
        examples = [answered(step, aim.target(step)) for step in sets.train]
        sets, line = _outline_sets(config, data, aim, count_tokens)
        lines.append(line)
    if config.sft.target != "step" and "sft" in config.stages:
        make = traces if config.sft.target == "trace" else outline_examples
        examples, line = make(config, data, aim, count_tokens)
        lines.append(line)
    return replace(sets, supervised=examples, summary=(*sets.summary, *lines))


def traces(config: Config, data: StepData, aim: Aim, count_tokens: CountTokens) -> tuple[list[Dialogue], str]:
    """The training episodes as conversations within `sft.max_tokens`, and a line on what that cost."""
    fits = token_budget(config.sft.max_tokens, count_tokens)
    found, cut = [], 0
    for episode in filter(lambda episode: episode.turns, data.train):
        messages = trace(episode, aim.trace_prompt, config.data.max_observation_chars, aim.target)
        said = [place for place, message in enumerate(messages) if message.role == "assistant"]
        ends = [place + 1 for place in said]
        end = next((end for end in reversed(ends) if fits(messages[:end])), 0)
        cut += 0 < end < len(messages)
        barred = data.no_targets.get(episode.traj_id, ())
        learnt = tuple(place for k, place in enumerate(said, start=1) if place < end and k not in barred)
        if learnt:
            found.append(Dialogue(tuple(messages[:end]), learnt))
    turns = sum(len(dialogue.learnt) for dialogue in found)
    line = (
        f"sft on traces: {len(found)} of {plural(len(data.train), 'episode')} with {plural(turns, 'turn')} to learn, "
        f"{cut} cut behind a turn and {len(data.train) - len(found)} left out to keep {config.sft.max_tokens} tokens "
        "(sft.max_tokens)"
    )
    return _some(found, line), line


def outline_examples(config: Config, data: StepData, aim: Aim, count_tokens: CountTokens) -> tuple[list[Dialogue], str]:
    """The outlines of the training episodes within `sft.max_tokens`, and a line on what that cost."""
    fits = token_budget(config.sft.max_tokens, count_tokens)
    made = [answered(step, aim.target(step)) for step in outlines(data, data.train, aim.outline_prompt)]
    found = [example for example in made if fits(example.messages)]
    line = (
        f"sft on outlines: {len(found)} of {plural(len(data.train), 'episode')}, {len(made) - len(found)} left out "
        f"over {config.sft.max_tokens} tokens (sft.max_tokens)"
    )
    return _some(found, line), line


def outlines(data: StepData, episodes: Sequence[Episode], system_prompt: str) -> list[StepExample]:
    """An instance an episode: the task, and the expert's actions with a line end between. It counts as step 1."""
    made = []
    for episode in episodes:
        barred = data.no_targets.get(episode.traj_id, ())
        actions = [render_action(turn.action) for k, turn in enumerate(episode.turns, start=1) if k not in barred]
        if actions:
            prompt = (Message("system", system_prompt), Message("user", episode.task))
            names = (episode.instance_id, episode.traj_id, 1, len(episode.turns), episode.source, episode.resolved)
            made.append(StepExample(prompt, BETWEEN_ACTIONS.join(actions), "", *names))
    return made


def _outline_sets(config: Config, data: StepData, aim: Aim, count_tokens: CountTokens) -> tuple[StepSets, str]:
    fits = token_budget(config.data.max_prompt_tokens, count_tokens)
    made = [outlines(data, episodes, aim.outline_prompt) for episodes in (data.train, data.held_out)]
    train, held_out = ([step for step in side if fits(step.prompt)] for side in made)
    over = sum(map(len, made)) - len(train) - len(held_out)
    line = (
        f"srl on whole episodes: {len(train)} to train on, {len(held_out)} held out, {over} left out whose task "
        f"exceeds {config.data.max_prompt_tokens} tokens (data.max_prompt_tokens)"
    )
    held_out = evenly(held_out, config.data.held_out_steps)
    return replace(data.sets, train=_some(train, line), held_out=held_out), line


def _some(found: list[T], line: str) -> list[T]:
    if not found:
        raise ParseError(f"{line}: nothing to train on is left; raise the budget, or lower data.max_observation_chars")
    return found
