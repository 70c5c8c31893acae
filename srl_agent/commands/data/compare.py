"""`srl-agent data compare`: how often a sampled action does what the expert's does, by executing both in forks."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from envs.base import choose_backend
from envs.places import Places
from envs.pool import ThreadPool
from envs.state import Effect, act, differences, state_reward
from envs.walks import Walks
from srl_agent.commands.data.console import open_console, print_table, say
from srl_agent.config import RewardConfig
from srl_agent.errors import ConfigError
from srl_agent.output_format import parse_output
from srl_agent.rewards import build_reward
from srl_agent.swe import comparable, read_call
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Action, Episode
from trajectories.render import parse_action, render_action
from trajectories.store import write_atomically


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
    """Compare every distinct output in the samples of a run, and print how often other words do the same."""
    console = open_console()
    name, backend, why = choose_backend(args.backend)
    say(console, f"sandbox: {name} ({why}); {backend.isolation()}")
    episodes = {episode.traj_id: episode for episode in read_episodes(args.episodes or EPISODES)[0]}
    jobs = list(_jobs(Path(args.samples), episodes, args.limit))
    if not jobs:
        raise ConfigError(f"{args.samples}: no sampled step of these episodes in it; --episodes names their file")
    found: list[Compared] = []
    walks = Walks(Places(name, backend, not args.episodes, args.image or "", args.timeout), keep=args.jobs)
    try:
        for outcome in ThreadPool(args.jobs).map(_worker(walks), jobs):
            if outcome.value is None:
                say(console, f"{outcome.item[0].traj_id}: not compared: {outcome.error}")
            found += outcome.value or []
    finally:
        walks.close()
    _print(console, found)
    if args.json:
        write_atomically(Path(args.json), [json.dumps(asdict(one)) for one in found])
    return 0


Job = tuple[Episode, dict[int, list[str]]]
"""An episode and, for each of its steps, the distinct outputs sampled there."""


def _jobs(samples: Path, episodes: dict[str, Episode], limit: int) -> Iterator[Job]:
    """ConfigError names a file that holds no samples."""
    files = sorted(samples.rglob("*.jsonl")) if samples.is_dir() else [samples]
    outputs: dict[str, dict[int, dict[str, None]]] = {}
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            group = json.loads(line)
            if "outputs" not in group:
                raise ConfigError(f"{file}:{number}: expected a group of a run's samples folder")
            texts = outputs.setdefault(group["traj_id"], {}).setdefault(group["step"], {})
            texts |= dict.fromkeys(output["text"] for output in group["outputs"])
    known = [(episodes[traj_id], steps) for traj_id, steps in outputs.items() if traj_id in episodes]
    for episode, steps in known[: limit or None]:
        yield episode, {step: list(texts) for step, texts in steps.items()}


def _worker(walks: Walks) -> Callable[[Job], list[Compared]]:
    def work(job: Job) -> list[Compared]:
        episode, steps = job
        return [one for step in sorted(steps) for one in _compare_step(walks, episode, step, steps[step])]

    return work


def _compare_step(walks: Walks, episode: Episode, step: int, outputs: list[str]) -> Iterator[Compared]:
    expert = episode.turns[step - 1].action
    effect = _effect(walks, episode, step, expert)
    for output in outputs:
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
