"""`srl-agent data export`: episodes in the forms that other trainers and tools read, with our prompts and targets."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from srl_agent.commands.data.console import open_console, print_gates, print_report, say, warn_of_losses
from srl_agent.commands.data.convert import refuse_same
from srl_agent.commands.data.settings import ESTIMATED, config_of, token_counter
from srl_agent.config import Config
from srl_agent.data_gates import chosen_gates, gate_settings
from srl_agent.errors import ConfigError
from srl_agent.step_sets import encodable, episode_steps, token_budget
from srl_agent.swe import SYSTEM_PROMPT, SweDomain
from srl_agent.wording import plural
from trajectories.errors import ParseError
from trajectories.exports import EXPORTS, Export, ExportSettings, find_export
from trajectories.formats import iter_episodes
from trajectories.gates import Gated, GateTally, gate_episodes
from trajectories.records import Episode, StepExample
from trajectories.report import Tally
from trajectories.store import write_atomically

TRAINING = ("steps", "trl-sft", "trl-sft-steps", "pivot")
"""Exports to train on: runs that failed their task are left out, as training leaves them out."""
WHOLE = ("trl-sft", "atif")
"""Exports of whole traces, in which a single step cannot be left out."""


class CountedSteps:
    """The steps of each episode as training has them, and how many were left out for the token budget."""

    def __init__(self, config: Config, count_tokens: Callable[[str], int]) -> None:
        self._data = config.data
        self._fits = token_budget(config.data.max_prompt_tokens, count_tokens)
        self._no_targets: dict[str, frozenset[int]] = {}
        self.dropped = self.no_targets = 0

    def kept(self, episodes: Iterable[Gated]) -> Iterator[Episode]:
        """The episodes that the gates keep, remembering the steps that are no targets."""
        for gated in episodes:
            if gated.kept:
                self._no_targets = {gated.episode.traj_id: gated.dropped_steps}
                self.no_targets += len(gated.dropped_steps)
                yield gated.episode

    def __call__(self, episode: Episode) -> tuple[StepExample, ...]:
        no_targets = self._no_targets.get(episode.traj_id, ())
        result = episode_steps(episode, self._data, SYSTEM_PROMPT, self._fits, no_targets)
        self.dropped += result.dropped
        return result.steps


def export(args: argparse.Namespace) -> int:
    """Stream INPUT to OUTPUT, one JSON object a line; raises SrlError, ParseError and OSError."""
    if args.to not in EXPORTS:
        raise ConfigError(f"--to: unknown name '{args.to}'; known: {', '.join(EXPORTS)}")
    refuse_same(args.input, args.output)
    config = config_of(args)
    steps_of = CountedSteps(config, token_counter(args.tokenizer))
    settings = ExportSettings(SYSTEM_PROMPT, steps_of, SweDomain().supervised_target, config.data.max_observation_chars)
    tally, gates = Tally(), GateTally()
    episodes = map(encodable, iter_episodes(args.input, args.format, tally))
    left_out: Counter[str] = Counter()
    solved = _solved(episodes, left_out) if args.to in TRAINING and not args.failed else episodes
    gated = gate_episodes(solved, chosen_gates(config.data.gates), gate_settings(config.data), gates)
    rows = _rows(find_export(args.to), steps_of.kept(gated), settings, left_out)
    lines = _some(map(json.dumps, rows), f"{args.input}: nothing to export as {args.to}; {_remedy(config)}")
    count = write_atomically(Path(args.output), lines)
    console = open_console()
    print_report(console, tally.report())
    print_gates(console, gates.report())
    for reason, number in left_out.items():
        say(console, f"left out - {reason}: {plural(number, 'episode')}")
    if steps_of.no_targets and args.to in WHOLE:
        say(console, f"kept in whole traces although gates object: {plural(steps_of.no_targets, 'step')}")
    if steps_of.dropped:
        limit = config.data.max_prompt_tokens
        say(console, f"left out - steps whose prompt exceeds {limit} tokens: {steps_of.dropped}")
        if not args.tokenizer:
            say(console, ESTIMATED)
    say(console, f"wrote {args.output}: {plural(count, 'row')}, export {args.to}")
    warn_of_losses(console, tally.report())
    return 0


def _solved(episodes: Iterable[Episode], left_out: Counter[str]) -> Iterator[Episode]:
    """The episodes that training would take: not those that failed their task."""
    for episode in episodes:
        if episode.resolved is False:
            left_out["failed their task (--failed keeps them)"] += 1
        else:
            yield episode


def _rows(
    export: Export, episodes: Iterable[Episode], settings: ExportSettings, left_out: Counter[str]
) -> Iterator[dict[str, Any]]:
    """The rows of every episode that the form can hold; the others are counted."""
    for episode in episodes:
        try:
            yield from list(export.rows([episode], settings))
        except ParseError as error:
            left_out[str(error)] += 1


def _some(lines: Iterator[str], message: str) -> Iterator[str]:
    """The lines; ParseError at the end where there was none, so that no empty file is written."""
    empty = True
    for line in lines:
        empty = False
        yield line
    if empty:
        raise ParseError(message)


def _remedy(config: Config) -> str:
    return (
        f"no episode has a step within data.max_prompt_tokens ({config.data.max_prompt_tokens}) before its last: "
        "raise it, or set data.keep_last_step to true"
    )
