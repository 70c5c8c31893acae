"""Replay recorded episodes of real SWE-bench tasks in sandboxes rebuilt from PyPI and Debian, without their images.

    python benchmarks/real_replay.py EPISODES --cache ~/.cache/srl-agent --backend bubblewrap

For each task the sdist nearest to its base commit is laid at /testbed in a git history of one commit, over Debian 12
from `docker/make-base-image`, with Debian's Python 3.11 where the recorded image had conda's. What cannot match: files
that differ between the base commit and the release, files an sdist leaves out, 3.11.2 against 3.11.5, the network.
The tasks and how their images are made: `real_tasks.py`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from real_tasks import ENVIRONMENT, TASKS, Task, make_image

from envs.base import Limits, Spec, choose_backend
from envs.replay import EpisodeReplay, replay_episode
from trajectories.formats import iter_episodes
from trajectories.records import Episode
from trajectories.store import write_atomically

SHOWN_LINES = 6
WALKS = re.compile(r"(?:^|[|;&(]|xargs )\s*(?:find |grep [^|;&\n]*-\w*[rR])", re.M)
"""Commands that print files as the directory has them, which differs between file systems."""
PYTHON_LINES = re.compile(r'File "<frozen |/lib/python3\.\d+/(?!site-packages)|3\.11\.\d|Built-in functions')


def main() -> None:
    """Replay every episode that has a task here, print steps, differences and a table, and write JSON."""
    args = _arguments()
    args.cache = args.cache.absolute()
    name, backend, why = choose_backend(args.backend)
    print(f"sandbox: {name} ({why})")
    replays: list[tuple[EpisodeReplay, str]] = []
    reasons: list[Counter[str]] = []
    for episode, task in _chosen(args.episodes, args.task):
        for version in args.versions or [task.version]:
            image = make_image(args.cache, replace(task, version=version), name)
            spec = Spec(image, "/testbed", ENVIRONMENT, Limits(), task.instance_id)
            started = time.monotonic()
            replay = replay_episode(episode, backend, name, spec, args.timeout)
            _show(replay, version, time.monotonic() - started, quiet=bool(args.versions))
            replays.append((replay, version))
            reasons.append(_reasons(episode, replay))
    if not replays:
        known = ", ".join(task.instance_id for task in TASKS)
        sys.exit(f"no episode of a known task in {args.episodes}; known: {known}")
    _table(replays, reasons)
    if args.json:
        write_atomically(args.json, [json.dumps({**replay.to_json(), "sdist": version}) for replay, version in replays])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("episodes", help="a file or folder of episodes in any format")
    parser.add_argument("--cache", type=Path, required=True, help="keeps sdists, wheels, the Debian base and the roots")
    parser.add_argument("--backend", default="bubblewrap", help="bubblewrap or docker")
    parser.add_argument("--task", nargs="*", help="only these instances")
    parser.add_argument("--versions", nargs="*", help="try these sdists with each episode, printing only the counts")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for each action; 60 in the recording")
    parser.add_argument("--json", type=Path, help="one record an episode, JSONL")
    return parser.parse_args()


def _chosen(source: str, only: Sequence[str] | None) -> Iterator[tuple[Episode, Task]]:
    known = {task.instance_id: task for task in TASKS if not only or task.instance_id in only}
    for episode in iter_episodes(source):
        if episode.instance_id in known:
            yield episode, known[episode.instance_id]


def _show(replay: EpisodeReplay, version: str, seconds: float, *, quiet: bool) -> None:
    print(f"\n{replay.traj_id}, Django {version}: {_counts(replay)} ({seconds:.1f} s)", flush=True)
    for step in () if quiet else replay.steps:
        print(f"  {step.step:>3} {step.status:<9} {step.similarity:.2f}")
        for line in step.detail.splitlines()[2 : 2 + SHOWN_LINES]:
            print(f"        {line[:150]}")


def _counts(replay: EpisodeReplay) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(replay.counts.items()))


def _reasons(episode: Episode, replay: EpisodeReplay) -> Counter[str]:
    """How often each likely cause, judged by the command and the lines that differ; `files` is what is left."""
    steps = (step for step in replay.steps if step.status == "different")
    return Counter(
        _reason(dict(episode.turns[step.step - 1].action.arguments)["command"], step.detail) for step in steps
    )


def _reason(command: str, detail: str) -> str:
    lines = [line for line in detail.splitlines()[2:] if line[:1] in "-+"]
    removed, added = (sorted(line[1:] for line in lines if line.startswith(sign)) for sign in "-+")
    if removed == added or (WALKS.search(command) and "| head" in command):
        return "order"
    if re.search(r"\bpip install\b", command):
        return "pip"
    if re.search(r"\bls -\w*l", command):
        return "ls"
    return "python" if all(PYTHON_LINES.search(line) for line in lines) else "files"


def _table(replays: Sequence[tuple[EpisodeReplay, str]], reasons: Sequence[Counter[str]]) -> None:
    print(f"\n{'episode':<24} {'sdist':<8} {'steps':>5} {'same':>5} {'differ':>6} {'failed':>6} {'share':>6}  why")
    for (replay, version), why in zip(replays, reasons, strict=True):
        counts = [replay.counts.get(status, 0) for status in ("same", "different", "failed")]
        numbers = f"{len(replay.steps):>5} {counts[0]:>5} {counts[1]:>6} {counts[2]:>6} {replay.share:>6.1%}"
        print(f"{replay.instance_id:<24} {version:<8} {numbers}  {_words(why)}")
    steps = [step for replay, _ in replays for step in replay.steps]
    same = sum(step.status == "same" for step in steps)
    everything = _words(sum(reasons, Counter()))
    print(f"{'all':<24} {'':<8} {len(steps):>5} {same:>5} {'':>13} {same / len(steps):>6.1%}  {everything}")


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in counts.most_common())


if __name__ == "__main__":
    main()
