"""Record the demonstration set: run the scripted expert on every task in a sandbox and keep what it really observed.

`python -m envs.record --output FILE` writes the episodes; `--check` records again and compares with FILE.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from envs.base import BACKENDS, Backend, Sandbox, Spec, choose_backend
from envs.demo.expert import FLOWS
from envs.demo.place import ROOT, demo_spec, place
from envs.demo.task import REPOS, DemoTask, load_tasks
from envs.errors import SandboxError
from envs.toolbox import Toolbox
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Episode, Turn
from trajectories.store import write_episodes

SHOWN_DIFFERENCES = 20


def record(task: DemoTask, sandbox: Sandbox, root: str = ROOT) -> Episode:
    """Plant the task's bug in the sandbox and run the expert there.

    `resolved` is what the function's checks and those of the whole repository say at the end. Raises
    SandboxError when the bug does not show at the start, or when an observation names the directory.
    """
    place(task, sandbox, root)
    tools = Toolbox(sandbox, root)
    checks = f"python run_tests.py {task.function}"
    if sandbox.run(checks, cwd=root).exit_code == 0:
        raise SandboxError(f"{task.instance_id}: the checks of {task.function} pass although its bug is planted")
    turns: list[Turn] = []
    for step in FLOWS[task.flow]:
        thought, action = step(task, turns)
        observation = tools.do(action).text
        if root in observation:
            raise SandboxError(f"{task.instance_id}: an observation names {root}: {observation}")
        turns.append(Turn(thought, action, observation))
    return Episode(
        instance_id=task.instance_id,
        traj_id=f"{task.instance_id}.scripted",
        task=task.issue,
        turns=tuple(turns),
        resolved=all(sandbox.run(command, cwd=root).exit_code == 0 for command in (checks, "python run_tests.py")),
        source="srl-agent",
        meta={"repo": task.repo, "expert": "envs.demo.expert", "flow": task.flow},
    )


def record_all(tasks: Sequence[DemoTask], backend: Backend, spec: Spec) -> list[Episode]:
    """Record each task in a sandbox of its own."""
    episodes = []
    for task in tasks:
        sandbox = backend.start(spec)
        try:
            episodes.append(record(task, sandbox, spec.workdir))
        finally:
            sandbox.close()
    return episodes


def write_recording(path: Path, tasks: Sequence[DemoTask], backend: Backend, spec: Spec) -> int:
    """Record the tasks into a JSONL file; returns how many. SandboxError when the expert fails on one."""
    episodes = record_all(tasks, backend, spec)
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


def check(recorded: Path, tasks: Sequence[DemoTask], backend: Backend, spec: Spec) -> int:
    """Record again and compare; prints what differs and returns the exit status."""
    recorded.stat()  # A missing file is told before the seconds that recording takes.
    with tempfile.TemporaryDirectory(prefix="srl-agent-") as folder:
        fresh = Path(folder) / "episodes.jsonl"
        count = write_recording(fresh, tasks, backend, spec)
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
    parser.add_argument("--backend", default="auto", help=f"auto, {', '.join(BACKENDS)}")
    parser.add_argument("--image", default="", help="in place of the backend's usual one")
    options = parser.parse_args(arguments)
    try:
        name, backend, why = choose_backend(options.backend)
        print(f"sandbox: {name} ({why})")
        spec = demo_spec(name, options.image)
        if options.check:
            return check(options.output, load_tasks(), backend, spec)
        count = write_recording(options.output, load_tasks(), backend, spec)
    except (SandboxError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{count} episodes recorded in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
