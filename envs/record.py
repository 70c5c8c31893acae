"""Record the demonstration set: run the scripted expert on every task and keep what it really observed.

`python -m envs.record --output FILE` writes the episodes; `--check` records again and compares with FILE.
Commands run in a fresh temporary directory of which observations see relative paths only. There is no isolation,
as all that runs is shipped with the project; the sandboxes will take the directory's place.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from envs.demo.expert import FLOWS
from envs.demo.task import REPOS, DemoTask, load_tasks, plant
from envs.errors import SandboxError
from envs.tools import observe, run_bash
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Episode, Turn
from trajectories.store import write_episodes

SHOWN_DIFFERENCES = 20


def record(task: DemoTask, workdir: Path) -> Episode:
    """Plant the task's bug in the empty directory `workdir` and run the expert there.

    `resolved` is what the function's checks and those of the whole repository say at the end. Raises
    SandboxError when the bug does not show at the start, or when an observation names the directory.
    """
    plant(task, workdir)
    checks = f"python run_tests.py {task.function}"
    if run_bash(checks, workdir).exit_code == 0:
        raise SandboxError(f"{task.instance_id}: the checks of {task.function} pass although its bug is planted")
    turns: list[Turn] = []
    for step in FLOWS[task.flow]:
        thought, action = step(task, turns)
        observation = observe(action, workdir)
        if str(workdir) in observation or str(workdir.resolve()) in observation:
            raise SandboxError(f"{task.instance_id}: an observation names {workdir}: {observation}")
        turns.append(Turn(thought, action, observation))
    return Episode(
        instance_id=task.instance_id,
        traj_id=f"{task.instance_id}.scripted",
        task=task.issue,
        turns=tuple(turns),
        resolved=all(run_bash(command, workdir).exit_code == 0 for command in (checks, "python run_tests.py")),
        source="srl-agent",
        meta={"repo": task.repo, "expert": "envs.demo.expert", "flow": task.flow},
    )


def record_all(tasks: Sequence[DemoTask]) -> list[Episode]:
    """Record each task in a temporary directory of its own."""
    episodes = []
    for task in tasks:
        with tempfile.TemporaryDirectory(prefix="srl-agent-") as workdir:
            episodes.append(record(task, Path(workdir)))
    return episodes


def write_recording(path: Path, tasks: Sequence[DemoTask]) -> int:
    """Record the tasks into a JSONL file; returns how many. SandboxError when the expert fails on one."""
    episodes = record_all(tasks)
    failed = [episode.instance_id for episode in episodes if not episode.resolved]
    if failed:
        raise SandboxError(f"the expert did not mend {', '.join(failed)}; look at their lines in {REPOS}")
    return write_episodes(path, episodes)


def differences(recorded: Path, fresh: Path) -> list[str]:
    """What differs between two recordings, a line for each episode; empty when the files are byte-equal."""
    if recorded.read_bytes() == fresh.read_bytes():
        return []
    old, new = (_by_task(path) for path in (recorded, fresh))
    found = [f"{name}: missing from {recorded}" for name in new if name not in old]
    found += [f"{name}: no longer a task" for name in old if name not in new]
    for name in old.keys() & new.keys():
        if old[name] != new[name]:
            found.append(f"{name}: {_first_difference(old[name], new[name])}")
    return sorted(found) or ["the same episodes, written in another order or another way"]


def _by_task(path: Path) -> dict[str, Episode]:
    episodes, _ = read_episodes(path)
    return {episode.instance_id: episode for episode in episodes}


def _first_difference(old: Episode, new: Episode) -> str:
    for number, (before, now) in enumerate(zip(old.turns, new.turns, strict=False), start=1):
        for part in ("action", "observation", "thought"):
            if getattr(before, part) != getattr(now, part):
                return f"step {number}, {part}: recorded {getattr(before, part)!r}, now {getattr(now, part)!r}"
    changed = [part.name for part in fields(Episode) if getattr(old, part.name) != getattr(new, part.name)]
    return f"{', '.join(changed)} changed"


def check(recorded: Path, tasks: Sequence[DemoTask]) -> int:
    """Record again and compare; prints what differs and returns the exit status."""
    recorded.stat()  # A missing file is told before the seconds that recording takes.
    with tempfile.TemporaryDirectory(prefix="srl-agent-") as folder:
        fresh = Path(folder) / "episodes.jsonl"
        count = write_recording(fresh, tasks)
        found = differences(recorded, fresh)
    for line in found[:SHOWN_DIFFERENCES]:
        print(line)
    print(f"{count} episodes recorded; {len(found) or 'nothing'} differs from {recorded}")
    return 1 if found else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when all went well, 1 when the recordings differ or cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m envs.record", description="Record the demonstration set.")
    parser.add_argument("--output", type=Path, default=EPISODES, metavar="FILE", help="default: the bundled file")
    parser.add_argument("--check", action="store_true", help="compare FILE with a new recording, write nothing")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            return check(options.output, load_tasks())
        count = write_recording(options.output, load_tasks())
    except (SandboxError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{count} episodes recorded in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
