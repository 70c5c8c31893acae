"""Tasks an hour of the agent's loop against tasks at once, with outputs that cost nothing: what the sandboxes take.

The scripted expert solves the bundled tasks; a model's time comes on top of it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from functools import partial

from envs.base import choose_backend
from envs.pool import ThreadPool
from srl_agent.patchers import Kit, Patched, find_patcher
from srl_agent.patchers.asking import Asking
from srl_agent.patchers.places import demo_sandboxes, demo_tasks, work_on
from srl_agent.scripted import Scripted, outputs_of
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes


def main() -> None:
    """Print a line for each number of tasks at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("-j", type=int, nargs="+", default=[1, 2, 4, 8], help="tasks at once")
    args = parser.parse_args()
    name, backend, why = choose_backend(args.backend)
    tasks = demo_tasks()
    start = demo_sandboxes(name, backend)
    episodes = {episode.instance_id: episode for episode in read_episodes(EPISODES)[0]}
    kit = Kit("expert", lambda text: len(text) // 4)
    print(f"{len(tasks)} tasks on {name} ({why}); load {os.getloadavg()[0]:.0f} at the start")
    for at_once in args.j:
        scripts = {task.problem_statement: outputs_of(episodes[task.instance_id]) for task in tasks}
        asking = Asking(Scripted(scripts), 0)
        work = partial(work_on, patcher=find_patcher("agent"), start=start, asking=asking, kit=kit)
        began = time.perf_counter()
        found = list(ThreadPool(at_once).map(work, tasks))
        seconds = time.perf_counter() - began
        done: list[Patched] = [one.value for one in found if one.value is not None]
        steps = sum(one.prediction.effort["steps"] for one in done)
        own = statistics.median(one.prediction.effort["seconds"] for one in done)
        patches = sum(bool(one.prediction.patch) for one in done)
        print(
            f"-j {at_once}: {3600 * len(done) / seconds:.0f} tasks/h, {1000 * seconds / steps:.0f} ms a step, "
            f"median {own:.1f} s a task, {patches} of {len(tasks)} patches"
        )


if __name__ == "__main__":
    main()
