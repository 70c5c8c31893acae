"""`srl-agent replay`: run the recorded actions of expert episodes again in sandboxes and compare what they show."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from srl_agent.commands import executing
from srl_agent.commands.records import Records

if TYPE_CHECKING:
    from rich.console import Console

    from envs.places import Places
    from envs.pool import Outcome
    from envs.replay import EpisodeReplay
    from trajectories.records import Episode
    from trajectories.report import Tally

SHOWN = 3
"""Examples of differing steps printed at the end."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("input", metavar="EPISODES", nargs="?", help="episodes in any format; none: the bundled set")
    parser.add_argument("--format", default="", metavar="NAME", help="the format, where detection is wrong")
    executing.add_arguments(parser, timeout=60.0, unit="episode")


def run(args: argparse.Namespace) -> int:
    """Replay and print a summary; for the exit status see `executing.EXIT`."""
    return executing.until_interrupted(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    from envs.replay import EpisodeReplay
    from srl_agent.commands.data.console import open_console, say, warn_of_losses
    from trajectories.report import Tally
    from trajectories.sources import find_sources

    console, tally = open_console(), Tally()
    if args.input:
        find_sources(args.input)  # what is missing is told before a sandbox is looked for
    done: list[EpisodeReplay] = []
    failed: list[str] = []
    with Records(args.json) as records:
        places, line = executing.choose_places(args, bundled=not args.input)
        say(console, line)
        if records.going_on:
            say(console, records.going_on)
        key = partial(_key, executing.made_with(args, places.name))
        try:
            left = records.left(
                _episodes(args, tally), key, lambda found: done.extend(map(EpisodeReplay.from_json, found))
            )
            for outcome in _outcomes(args, places, left):
                if outcome.value is None:
                    failed.append(outcome.error)
                else:
                    done.append(outcome.value)
                    records.add(key(outcome.item), [outcome.value.to_json()])
                _report(console, outcome)
        finally:
            _summary(console, done)
    if records.line:
        say(console, records.line)
    _explain(console, failed, args)
    warn_of_losses(console, tally.report(), "`srl-agent data stats` lists the reasons")
    return 1 if failed else 0


def _key(made_with: Mapping[str, Any], episode: Episode) -> str:
    from srl_agent.run_dir import digest
    from trajectories.codec import episode_to_json

    return digest([made_with, episode_to_json(episode)])


def _outcomes(
    args: argparse.Namespace, places: Places, episodes: Iterable[Episode]
) -> Iterator[Outcome[Episode, EpisodeReplay]]:
    from envs.pool import ThreadPool

    pool = ThreadPool(args.jobs, job_timeout=args.job_timeout)
    with closing(pool.map(_work(places), episodes)) as outcomes:  # type: ignore[type-var]
        yield from outcomes


def _episodes(args: argparse.Namespace, tally: Tally) -> Iterator[Episode]:
    from trajectories.demo import EPISODES
    from trajectories.formats import iter_episodes

    for number, episode in enumerate(iter_episodes(args.input or EPISODES, args.format, tally), start=1):
        yield episode
        if number == args.limit:
            return


def _work(places: Places) -> Callable[[Episode], EpisodeReplay]:
    from envs.replay import replay_episode

    def work(episode: Episode) -> EpisodeReplay:
        spec, prepare = places.of(episode)
        return replay_episode(episode, places.backend, places.name, spec, places.timeout, prepare)

    return work


def _report(console: Console, outcome: Outcome[Episode, EpisodeReplay]) -> None:
    from srl_agent.commands.data.console import say

    if outcome.value is None:
        say(console, f"{outcome.item.traj_id}: not replayed: {outcome.error}")
    else:
        counts = ", ".join(f"{count} {status}" for status, count in outcome.value.counts.items())
        say(console, f"{outcome.item.traj_id}: {counts} ({outcome.seconds:.1f} s)")


def _summary(console: Console, replays: list[EpisodeReplay]) -> None:
    """Steps by status, the share that came again, and the first that did not."""
    from srl_agent.commands.data.console import print_table, say

    counts = Counter(step.status for replay in replays for step in replay.steps)
    if not counts:
        return
    rows = [(status, str(count)) for status, count in counts.most_common()]
    print_table(console, "", ("status", "steps"), rows)
    carried_out = counts.total() - counts["skipped"]
    if carried_out:
        share = counts["same"] / carried_out
        say(console, f"{share:.1%} of the {carried_out} steps that could be carried out came again (share)")
    others = [(replay, step) for replay in replays for step in replay.steps if step.status != "same"]
    for replay, step in others[:SHOWN]:
        say(console, f"{replay.traj_id}, step {step.step}, {step.status}:\n{step.detail}\n")
    if len(others) > SHOWN:
        say(console, f"... and {len(others) - SHOWN} more steps that did not come again (--json FILE has them all)")


def _explain(console: Console, failed: list[str], args: argparse.Namespace) -> None:
    from srl_agent.commands.data.console import say, warn
    from srl_agent.wording import plural

    if failed:
        warn(console, f"{plural(len(failed), 'episode')} could not be replayed")
    if args.input and args.image is None and any("is not here" in error for error in failed):
        say(console, "the images were taken by the naming of the data set; --image names one of your own")
