"""`srl-agent data compare`: how often a sampled action does what the expert's does, by executing both in forks."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from envs.errors import SandboxError
from envs.places import Places
from envs.pool import Outcome, ThreadPool
from envs.state import Effect, act, differences, state_reward
from envs.walks import Walks
from srl_agent.commands import executing
from srl_agent.commands.data.console import open_console, print_table, say, warn
from srl_agent.commands.data.samples import Job, episodes_path, read_jobs, sample_files
from srl_agent.commands.records import Records
from srl_agent.config import RewardConfig
from srl_agent.errors import ConfigError
from srl_agent.output_format import parse_output
from srl_agent.rewards import build_reward
from srl_agent.run_dir import digest
from srl_agent.step_sets import BUNDLED_NAME
from srl_agent.swe import comparable, read_call
from srl_agent.wording import plural
from trajectories.codec import episode_to_json
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Action, Episode
from trajectories.render import parse_action, render_action


@dataclass(frozen=True)
class Compared:
    """One sampled output and the expert's action at its step."""

    traj_id: str
    step: int
    similarity: float
    """-1 where the output breaks the format."""
    same_text: bool
    equivalent: bool
    differs_in: tuple[str, ...]
    reward: float
    """The `state` reward."""


def compare(args: argparse.Namespace) -> int:
    """Compare every distinct output in the samples of a run, and print how often other words do the same.

    For the exit status see `executing.EXIT`.
    """
    return executing.until_interrupted(lambda: _compare(args))


def _compare(args: argparse.Namespace) -> int:
    console = open_console()
    files = sample_files(Path(args.samples))
    path, why = episodes_path(args.episodes, files[0])
    say(console, f"episodes: {path or BUNDLED_NAME} ({why})")
    known = {episode.traj_id: episode for episode in read_episodes(path or EPISODES)[0]}
    jobs = list(read_jobs(files, known, args.limit))
    if not jobs:
        raise ConfigError(f"{args.samples}: no sampled step of these episodes in it; --episodes names their file")
    found: list[Compared] = []
    lost = 0
    with Records(args.json) as records:
        places, line = executing.choose_places(args, bundled=not path)
        say(console, line)
        if records.going_on:
            say(console, records.going_on)
        key = partial(_key, executing.made_with(args, places.name))
        jobs = list(records.left(jobs, key, lambda rows: found.extend(map(_compared, rows))))
        try:
            for outcome in _told(console, _outcomes(args, places, jobs), len(jobs)):
                if outcome.value is None:
                    lost += len(outcome.item.outputs)
                    say(console, f"{outcome.item.name}: not compared: {outcome.error}")
                else:
                    found.extend(outcome.value)
                    records.add(key(outcome.item), [asdict(one) for one in outcome.value])
        finally:
            if found:
                _print(console, found)
    if records.line:
        say(console, records.line)
    if lost:
        warn(console, f"{plural(lost, 'output')} could not be compared, for their sandboxes")
    return 1 if lost else 0


def _key(made_with: Mapping[str, Any], job: Job) -> str:
    return digest([made_with, episode_to_json(job.episode), job.step, list(job.outputs)])


def _compared(record: Mapping[str, Any]) -> Compared:
    return Compared(**{**record, "differs_in": tuple(record["differs_in"])})


def _outcomes(args: argparse.Namespace, places: Places, jobs: Sequence[Job]) -> Iterator[Outcome[Job, list[Compared]]]:
    walks = Walks(places, keep=args.jobs)
    try:
        pool = ThreadPool(args.jobs, job_timeout=args.job_timeout)
        with closing(pool.map(lambda job: list(_compare_step(walks, job)), jobs)) as outcomes:  # type: ignore[type-var]
            yield from outcomes
    finally:
        walks.close()


def _told(
    console: Console, outcomes: Iterator[Outcome[Job, list[Compared]]], steps: int
) -> Iterator[Outcome[Job, list[Compared]]]:
    """The outcomes, with a line on the terminal for each tenth of them."""
    started, told = time.monotonic(), 0
    for number, outcome in enumerate(outcomes, start=1):
        yield outcome
        if 10 * number // steps > told:
            told = 10 * number // steps
            say(console, f"{number} of {plural(steps, 'step')} compared ({time.monotonic() - started:.0f} s)")


def _compare_step(walks: Walks, job: Job) -> Iterator[Compared]:
    """What each output did beside the expert's action. SandboxError where the expert's own cannot be judged."""
    episode, step = job.episode, job.step
    expert = episode.turns[step - 1].action
    effect = _effect(walks, episode, step, expert)
    if effect.unreadable:
        raise SandboxError(f"the state after the expert's own action cannot be read: {effect.unreadable}")
    for output in job.outputs:
        call = parse_output(output, read_call).action_text
        if call is None:
            yield Compared(episode.traj_id, step, -1.0, False, False, (), -1.0)
            continue
        action = parse_action(call)
        differs = () if action == expert else differences(effect, _effect(walks, episode, step, action))
        similarity = _similarity(call, render_action(expert))
        reward = state_reward(similarity, not differs)
        yield Compared(episode.traj_id, step, similarity, action == expert, not differs, differs, reward)


def _similarity(call: str, expert: str) -> float:
    text = comparable(RewardConfig())
    return build_reward(RewardConfig())([(text(call), text(expert))])[0]


def _effect(walks: Walks, episode: Episode, step: int, action: Action) -> Effect:
    with walks.before(episode, step) as (tools, move):
        return act(tools, move(action))


def _print(console: Console, found: list[Compared]) -> None:
    whole = [one for one in found if one.similarity >= 0]
    other = [one for one in whole if not one.same_text]
    same = [one for one in other if one.equivalent]
    rows = [
        ("distinct outputs", len(found)),
        ("of them with an action", len(whole)),
        ("the expert's own action", len(whole) - len(other)),
        ("another action", len(other)),
        ("another action, equivalent", len(same)),
    ]
    print_table(console, "executed beside the expert's action", ("", "outputs"), [(a, str(b)) for a, b in rows])
    if other:
        say(console, f"{len(same) / len(other):.1%} of the actions in other words do the same")
    parts = Counter(part for one in other for part in one.differs_in)
    if parts:
        say(console, "differ in: " + ", ".join(f"{part} {count}" for part, count in parts.most_common()))
    if whole:
        mean = sum(one.similarity for one in whole) / len(whole)
        rewarded = sum(one.reward for one in whole) / len(whole)
        say(console, f"mean similarity {mean:.3f}, mean state reward {rewarded:.3f}")
