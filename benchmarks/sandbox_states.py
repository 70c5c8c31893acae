"""Reaching all states of a 30-command episode: one pass with a snapshot after each command and a fork for each state
(`envs.states.Walk`), against running every prefix again in a fresh sandbox.

The commands are made by hand: two in three write files, the others read; `--cost` has each take so many seconds more,
as an episode's test runs do. In each state a digest of all files is taken, and all ways must give the same ones. On
docker every prefix is run a third way, with a `docker exec` for each command, which is what most systems do.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, cast

import sandbox_setup

from envs.base import Backend, Result, Sandbox, Spec
from envs.states import Walk
from envs.toolbox import Toolbox
from trajectories.records import Action

WRITING = (
    "mkdir -p src/part{n} && seq {n} 4000 > src/part{n}/numbers.txt",
    "printf 'def f():\\n    return {n}\\n' > src/module{n}.py",
    "sed -i 's/return/return 1 +/' src/*.py; head -c 200000 /dev/zero > blob{n}; rm -f blob{m}",
    "export STEP={n}; cd src; touch seen{n}; cd ..",
)
READING = ("grep -rc return src | head -3", "cat src/*.py | wc -l")
DIGEST = "find . -type f -print0 | sort -z | xargs -0 -r sha256sum | sha256sum; echo $STEP $PWD"

States = list[str]


def main() -> None:
    """Print a row for each backend and way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    sandbox_setup.add_backends(parser)
    parser.add_argument("--commands", type=int, default=30)
    parser.add_argument("--cost", type=float, default=0.0, help="seconds that each command sleeps")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    actions = episode(options.commands, options.cost)
    rows = []
    for name, backend, spec in sandbox_setup.chosen(options):
        ways = WAYS | (WITH_EXEC if name == "docker" else {})
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            reached = [timed(ways[way], backend, spec, actions, seconds[way]) for way in ways]
            if any(states != reached[0] for states in reached):
                raise SystemExit(f"{name}: the ways do not reach the same states")
        base = median(seconds["every prefix again"])
        for way, times in seconds.items():
            middle = median(times)
            rows.append([name, way, middle, middle / len(actions), base / middle, min(times), max(times)])
    print(sandbox_setup.table(["backend", "way", "s", "s a state", "times as fast", "min", "max"], rows))


def episode(length: int, cost: float) -> list[Action]:
    """Commands of which every third reads."""
    texts = []
    sleep = f"sleep {cost}; " if cost else ""
    for n in range(length):
        kinds = READING if n % 3 == 2 else WRITING
        texts.append(sleep + kinds[n % len(kinds)].format(n=n, m=n - 4))
    return [Action("bash", (("command", text),)) for text in texts]


def timed(
    way: Callable[[Backend, Spec, list[Action]], States],
    backend: Backend,
    spec: Spec,
    actions: list[Action],
    seconds: list[float],
) -> States:
    """The states, the time they took being added to `seconds`."""
    started = time.perf_counter()
    states = way(backend, spec, actions)
    seconds.append(time.perf_counter() - started)
    return states


def every_prefix(backend: Backend, spec: Spec, actions: list[Action]) -> States:
    """A fresh sandbox for each state."""
    return prefixes(lambda: backend.start(spec), spec, actions)


def every_prefix_by_exec(backend: Backend, spec: Spec, actions: list[Action]) -> States:
    """A fresh container for each state, and a `docker exec` for each command."""
    return prefixes(lambda: cast(Sandbox, ExecSandbox(spec)), spec, actions)


def prefixes(start: Callable[[], Sandbox], spec: Spec, actions: list[Action]) -> States:
    """The states, each reached from the beginning."""
    states = []
    for place in range(1, len(actions) + 1):
        sandbox = start()
        tools = Toolbox(sandbox, spec.workdir)
        for action in actions[:place]:
            tools.do(action)
        states.append(tools.bash(DIGEST).text)
        sandbox.close()
    return states


@dataclass
class ExecSandbox:
    """As much of a sandbox as the tools need, with the docker command alone and no limits."""

    spec: Spec

    def __post_init__(self) -> None:
        variables = [word for name, value in self.spec.environment.items() for word in ("-e", f"{name}={value}")]
        command = ["docker", "run", "-d", "--rm", "-w", self.spec.workdir, *variables, self.spec.image, "sleep", "600"]
        self.container = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def run(self, command: str, timeout: float = 60.0, *, cwd: str = "", **_: Mapping[str, Any]) -> Result:
        """See `envs.base.Sandbox`."""
        words = ["docker", "exec", "-w", cwd or self.spec.workdir, self.container, "bash", "-c", command]
        done = subprocess.run(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
        return Result(done.returncode, done.stdout)

    def close(self) -> None:
        """See `envs.base.Sandbox`."""
        subprocess.run(["docker", "rm", "-f", self.container], check=True, capture_output=True)


def one_pass(backend: Backend, spec: Spec, actions: list[Action]) -> States:
    """A walk, and a fork of it for each state."""
    states = []
    walk = Walk(backend, spec)
    for place in range(1, len(actions) + 1):
        tools = walk.before(actions[:place])
        states.append(tools.bash(DIGEST).text)
        tools.sandbox.close()
    walk.close()
    return states


Way = Callable[[Backend, Spec, list[Action]], States]
WAYS: dict[str, Way] = {"every prefix again": every_prefix, "one pass, a fork a state": one_pass}
WITH_EXEC: dict[str, Way] = {"every prefix again, docker exec": every_prefix_by_exec}


if __name__ == "__main__":
    main()
