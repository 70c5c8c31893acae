"""`srl-agent replay`: run the recorded actions of expert episodes again in sandboxes and compare what they show."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from envs.base import Backend
    from envs.pool import Outcome
    from envs.replay import EpisodeReplay
    from trajectories.records import Episode

SHOWN = 3
"""Examples of differing steps printed at the end."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("input", metavar="EPISODES", nargs="?", help="episodes in any format; none: the bundled set")
    parser.add_argument("--format", default="", metavar="NAME", help="the format, where detection is wrong")
    parser.add_argument("--image", default="", help="image of every episode; without it the data set's own naming")
    parser.add_argument("--backend", default="auto", metavar="docker|bubblewrap|local", help="default: auto")
    parser.add_argument("--workdir", default="", metavar="DIR", help="where the repository is (default: /testbed)")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds for each action")
    parser.add_argument("-j", "--jobs", type=int, default=2, metavar="N", help="episodes at once")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="only the first N episodes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write one record an episode, JSONL")


def run(args: argparse.Namespace) -> int:
    """Replay and print a table; 0 when every episode could be replayed, 1 when a sandbox failed for one."""
    from rich.console import Console

    from envs.base import choose_backend
    from envs.pool import ThreadPool
    from srl_agent.errors import ConfigError

    console = Console(highlight=False)
    name, backend, why = choose_backend(args.backend)
    _say(console, f"sandbox: {name} ({why}); {backend.isolation()}")
    work = _work(args, name, backend)
    outcomes = list(_reported(console, ThreadPool(args.jobs).map(work, _episodes(args))))
    if not outcomes:
        raise ConfigError("replay: there is no episode to replay; --limit must be at least 1 or left out")
    done = [outcome.value for outcome in outcomes if outcome.value is not None]
    _summary(console, done)
    if args.json:
        from trajectories.store import write_atomically

        write_atomically(args.json, [json.dumps(replay.to_json()) for replay in done])
        _say(console, f"wrote {args.json}: {len(done)} episodes")
    return 0 if len(done) == len(outcomes) else 1


def _episodes(args: argparse.Namespace) -> Iterator[Episode]:
    from trajectories.demo import EPISODES
    from trajectories.formats import iter_episodes

    for number, episode in enumerate(iter_episodes(args.input or EPISODES, args.format)):
        if args.limit and number >= args.limit:
            return
        yield episode


def _work(args: argparse.Namespace, name: str, backend: Backend) -> Callable[[Episode], EpisodeReplay]:
    from envs.base import Spec
    from envs.demo.place import demo_spec, placer
    from envs.images import task_image
    from envs.replay import replay_episode

    def work(episode: Episode) -> EpisodeReplay:
        if not args.input:
            spec = demo_spec(name, args.image)
            return replay_episode(episode, backend, name, spec, args.timeout, placer(episode.instance_id, spec.workdir))
        image = args.image or task_image({"instance_id": episode.instance_id}, episode.source)
        spec = Spec(image, args.workdir or "/testbed", run_id=episode.traj_id)
        return replay_episode(episode, backend, name, spec, args.timeout)

    return work


def _reported(
    console: Console, outcomes: Iterable[Outcome[Episode, EpisodeReplay]]
) -> Iterator[Outcome[Episode, EpisodeReplay]]:
    for outcome in outcomes:
        if outcome.value is None:
            _say(console, f"{outcome.item.traj_id}: not replayed: {outcome.error}")
        else:
            counts = ", ".join(f"{count} {status}" for status, count in outcome.value.counts.items())
            _say(console, f"{outcome.item.traj_id}: {counts} ({outcome.seconds:.1f} s)")
        yield outcome


def _summary(console: Console, replays: list[EpisodeReplay]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table("status", "steps", "share", box=box.SIMPLE)
    counts = Counter(step.status for replay in replays for step in replay.steps)
    for status, count in counts.most_common():
        table.add_row(status, str(count), f"{count / counts.total():.1%}")
    console.print(table)
    others = [(replay, step) for replay in replays for step in replay.steps if step.status != "same"]
    for replay, step in others[:SHOWN]:
        console.print(Text(f"{replay.traj_id}, step {step.step}, {step.status}:\n{step.detail}\n"))


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
