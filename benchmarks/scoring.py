"""Tasks scored an hour against how many at a time: the harness, its engine and the tests of tasks that are here.

    python benchmarks/scoring.py ROWS [--predictions FILE] [--workers 1 2 4] [--docker-host ADDRESS] [--unsafe-daemon]

Without predictions the tasks' own fixes are scored. Each number of workers begins in a folder of its own, and reads
nothing of the round before. What the harness takes is the processor time of the processes that were waited for; the
engine's and the containers' is not in it.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path

from srl_agent.swe_eval.harness import Watcher, score
from srl_agent.swe_eval.harness_run import Settings
from srl_agent.swe_eval.predictions import by_task, gold_predictions, read_predictions
from srl_agent.swe_eval.rows import read_tasks


def main() -> None:
    """Print a line for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows")
    parser.add_argument("--predictions", default="")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--docker-host", default="")
    parser.add_argument("--unsafe-daemon", action="store_true")
    options = parser.parse_args()
    tasks = read_tasks(options.rows).tasks
    read = read_predictions(options.predictions) if options.predictions else gold_predictions(tasks)
    predictions, _ = by_task(tasks, read)
    print(f"{len(tasks)} tasks, {len(predictions)} predictions", flush=True)
    for workers in options.workers:
        with tempfile.TemporaryDirectory(prefix="srl-agent-scoring-") as folder:
            settings = Settings(
                Path(folder), workers, docker_host=options.docker_host, unsafe_daemon=options.unsafe_daemon
            )
            used, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            verdicts = score(tasks, predictions, settings, Watcher(say=print))
            seconds = time.monotonic() - begun
            now = resource.getrusage(resource.RUSAGE_CHILDREN)
        harness = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        tests = sum(verdict.seconds for verdict in verdicts)
        counts = ", ".join(f"{count} {status}" for status, count in Counter(v.status for v in verdicts).items())
        print(
            f"-j {workers}: {seconds:.1f} s, {3600 * len(tasks) / seconds:.0f} tasks an hour; tests {tests:.1f} s, "
            f"harness {harness:.1f} s of a processor; {counts}",
            flush=True,
        )


if __name__ == "__main__":
    main()
