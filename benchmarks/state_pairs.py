"""How many pairs of actions a second are compared by executing both (`envs.state.act` in two forks of one state).

Pairs are two ways to do the same edit, and two edits that differ, at steps of a walk through a demonstration task. A
batch of 512 prompts with 8 outputs is 4,096 pairs; where the expert's effect is kept for its group, as `srl-agent data
compare` does, 4,608 actions instead of 8,192.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import sandbox_setup

from envs.demo.place import placer
from envs.demo.task import load_tasks
from envs.pool import ThreadPool
from envs.state import Effect, act, differences
from envs.states import Walk
from trajectories.records import Action

PROMPTS, OUTPUTS = 512, 8
STEPS = ("ls", "python -m pytest -q 2>&1 | tail -5 || true", "git status --short 2>/dev/null; ls *.py src 2>/dev/null")
PAIRS = (
    ("echo x > new.txt", "printf 'x\\n' | tee new.txt > /dev/null", True),
    ("echo x > new.txt", "echo y > new.txt", False),
    ("mkdir -p a/b && cp *.* a/b/ && rm -r a", "true", True),
    ("cat *.* | wc -l", "cat *.* | grep -c ''", True),
)


def main() -> None:
    """Print a row for each backend and number of workers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    sandbox_setup.add_backends(parser)
    parser.add_argument("--pairs", type=int, default=48, help="in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    rows = []
    for name, backend, spec in sandbox_setup.chosen(options):
        rates: dict[int, list[float]] = {workers: [] for workers in options.workers}
        walk = Walk(backend, spec, placer(load_tasks()[0].instance_id))
        actions = [bash(command) for command in STEPS]
        walk.before(actions).sandbox.close()
        for _ in range(options.rounds):
            for workers, found in rates.items():
                found.append(compare(walk, actions, options.pairs, workers))
        walk.close()
        base = median(rates[options.workers[0]])
        for workers, found in rates.items():
            rate = median(found)
            whole = PROMPTS * OUTPUTS / rate / 60
            shared = (PROMPTS * OUTPUTS + PROMPTS) / (2 * rate) / 60
            rows.append([name, workers, rate, rate / base, min(found), max(found), whole, shared])
    head = ["backend", "workers", "pairs/s", "times one worker's", "min", "max"]
    batch = f"{PROMPTS} x {OUTPUTS}, min"
    print(sandbox_setup.table([*head, batch, f"{batch}, expert once a group"], rows))


def bash(command: str) -> Action:
    """A command as an action."""
    return Action("bash", (("command", command),))


def compare(walk: Walk, actions: list[Action], pairs: int, workers: int) -> float:
    """Pairs a second."""

    def pair(number: int) -> bool:
        first, second, same = PAIRS[number % len(PAIRS)]
        before = actions[: number % len(actions)]
        return (not differences(*(effect(walk, before, text) for text in (first, second)))) is same

    started = time.perf_counter()
    right = [outcome.value for outcome in ThreadPool(workers).map(pair, range(pairs))]
    seconds = time.perf_counter() - started
    if not all(right):
        raise SystemExit(f"{right.count(False)} of {pairs} verdicts are wrong, {right.count(None)} are missing")
    return pairs / seconds


def effect(walk: Walk, before: list[Action], text: str) -> Effect:
    """What an action leaves in a fork of its own."""
    tools = walk.before(before)
    try:
        return act(tools, bash(text))
    finally:
        tools.sandbox.close()


if __name__ == "__main__":
    main()
