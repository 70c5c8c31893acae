"""`srl-agent data show`: the episodes of a file, one of them turn by turn, or the exact prompt and target of a step."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from rich.console import Console

from srl_agent.commands.data.console import open_console, print_part, print_table, say, warn_of_losses
from srl_agent.commands.data.settings import ESTIMATED, config_of, token_counter
from srl_agent.commands.step_text import print_step
from srl_agent.config import Config
from srl_agent.data_gates import chosen_gates, gate_settings
from srl_agent.errors import ConfigError
from srl_agent.step_sets import encodable, episode_steps, token_budget
from srl_agent.swe import SYSTEM_PROMPT, SweDomain
from srl_agent.wording import plural
from trajectories.codec import episode_to_json, step_to_json
from trajectories.formats import read_episodes
from trajectories.gates import run_gates
from trajectories.records import Episode, StepExample, Turn
from trajectories.render import render_action
from trajectories.steps import cut_middle

MOST_CHARS = 1500
"""Longer texts are shortened in the middle unless `--full` is given; a step's prompt never is."""
MOST_KNOWN = 5


def show(args: argparse.Namespace) -> int:
    """List the episodes, or print the one asked for; raises ParseError and SrlError."""
    config = config_of(args)
    episodes, report = read_episodes(args.input, args.format)
    console = open_console()
    if args.episode is None and len(episodes) > 1:
        if args.step is not None or args.json:
            raise ConfigError(f"EPISODE: {args.input} has {len(episodes)}; give a number or traj_id behind the file")
        _print_list(console, episodes)
        warn_of_losses(console, report, "`data stats` lists the reasons")
        return 0
    episode = encodable(find_episode(episodes, args.episode or "1"))
    if args.step is None:
        _print_episode(console, episode, args)
    else:
        _print_step(console, config, episode, args)
    return 0


def find_episode(episodes: Sequence[Episode], wanted: str) -> Episode:
    """The episode of that traj_id, else of that number from 1 on; ConfigError says what there is."""
    for episode in episodes:
        if episode.traj_id == wanted:
            return episode
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(episodes):
        return episodes[int(wanted) - 1]
    known = ", ".join(episode.traj_id for episode in episodes[:MOST_KNOWN])
    more = ", ..." if len(episodes) > MOST_KNOWN else ""
    raise ConfigError(
        f"EPISODE: '{wanted[:80]}' is neither a number from 1 to {len(episodes)} nor a traj_id of the file "
        f"(they are {known}{more})"
    )


def _print_list(console: Console, episodes: Sequence[Episode]) -> None:
    rows = [
        (f"{number}  {episode.traj_id}", episode.source, str(len(episode.turns)), _outcome(episode))
        for number, episode in enumerate(episodes, start=1)
    ]
    print_table(console, plural(len(episodes), "episode"), ("number and traj_id", "format", "steps", "outcome"), rows)
    say(console, "one of them: srl-agent data show INPUT NUMBER; one step: --step K")


def _outcome(episode: Episode) -> str:
    return "unknown" if episode.resolved is None else "resolved" if episode.resolved else "failed"


def _print_episode(console: Console, episode: Episode, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(episode_to_json(episode), indent=2))
        return
    most = 0 if args.full else MOST_CHARS
    _print_head(console, episode)
    print_part(console, "task", _shortened(episode.task, most))
    for k, turn in enumerate(episode.turns, start=1):
        console.rule(f"step {k} of {len(episode.turns)}", align="left", characters="-")
        _print_turn(console, turn, most)


def _print_head(console: Console, episode: Episode) -> None:
    say(console, episode.traj_id, "bold")
    steps = plural(len(episode.turns), "step")
    say(console, f"task {episode.instance_id}, format {episode.source}, {steps}, outcome {_outcome(episode)}")
    for name, value in episode.meta.items():
        say(console, f"{name}: {_shortened(value, MOST_CHARS)}", "dim")


def _print_turn(console: Console, turn: Turn, most: int) -> None:
    if turn.thought.strip():
        print_part(console, "thought", _shortened(turn.thought, most))
    original = f" (in the source: {turn.action.original})" if turn.action.original else ""
    print_part(console, f"action{_shortened(original, 200)}", _shortened(render_action(turn.action), most))
    print_part(console, "observation", _shortened(turn.observation, most))


def _shortened(text: str, most: int) -> str:
    return cut_middle(text, most) if most else text


def _print_step(console: Console, config: Config, episode: Episode, args: argparse.Namespace) -> None:
    step = find_step(config, episode, args.step, args.tokenizer)
    if args.json:
        print(json.dumps(step_to_json(step), indent=2))
        return
    say(console, f"{episode.traj_id}: step {step.step} of {step.n_steps}, context {config.data.context}", "bold")
    if step.step == step.n_steps and not config.data.keep_last_step:
        say(console, "the last step is no training row as set (data.keep_last_step)")
    for finding in run_gates([episode], chosen_gates(config.data.gates), gate_settings(config.data)).findings:
        if finding.step in (None, step.step):
            say(console, f"no target in training: {finding.gate}: {finding.reason} (data.gates)", "yellow")
    if episode.resolved is False:
        say(console, "no target in training: the run failed its task", "yellow")
    print_step(console, step, SweDomain().supervised_target(step))
    if not args.tokenizer:
        say(console, ESTIMATED, "dim")


def find_step(config: Config, episode: Episode, k: int, tokenizer: str | None) -> StepExample:
    """Step k as training has it; ConfigError where there is none or its prompt exceeds the budget."""
    if not 1 <= k <= len(episode.turns):
        raise ConfigError(f"--step: {episode.traj_id} has the steps 1 to {len(episode.turns)}, found {k}")
    data = config.data.model_copy(update={"keep_last_step": True})
    fits = token_budget(data.max_prompt_tokens, token_counter(tokenizer))
    for step in episode_steps(episode, data, SYSTEM_PROMPT, fits).steps:
        if step.step == k:
            return step
    raise ConfigError(
        f"--step: the prompt of step {k} exceeds data.max_prompt_tokens ({data.max_prompt_tokens}), so training "
        "leaves it out; see it with --set data.max_prompt_tokens=1000000"
    )
