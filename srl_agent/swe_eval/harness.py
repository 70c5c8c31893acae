"""Scores predictions by the official SWE-bench harness, so that nothing is scored twice and nothing read for another.

A verdict is found by a hash of all that it depends on (patch, row, image, time limit, version of the harness), in the
logs of whichever run made it. Left out: rows from before swebench 5 (`old_rows`), and the table (`records` feed it).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO

from srl_agent.run_dir import write_json
from srl_agent.swe_eval.harness_engine import HarnessEngine, connect, image_ids, remove_containers
from srl_agent.swe_eval.harness_logs import trouble
from srl_agent.swe_eval.harness_run import LOGS, Job, Settings, find_verdicts, held, new_run_id, run_harness, run_ids
from srl_agent.swe_eval.old_rows import check_columns
from srl_agent.swe_eval.patch_files import flagged_files
from srl_agent.swe_eval.predictions import prediction_digest
from srl_agent.swe_eval.records import Prediction, Status, Task, Verdict

IMAGES = "images.json"
"""In the folder: the ids of the images that its verdicts belong to, by name."""
RAN = (Status.RESOLVED, Status.UNRESOLVED)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who hears of the scoring."""

    tell: Callable[[Verdict], None] = lambda verdict: None
    """Each task's verdict, once, as soon as it stands."""
    say: Callable[[str], None] = lambda line: None
    """What is chosen, removed, pulled or tried again, a line each."""


def score(
    tasks: Sequence[Task], predictions: Mapping[str, Prediction], settings: Settings, watcher: Watcher | None = None
) -> list[Verdict]:
    """A verdict for each task, in their order; `predictions` by the task's id, see `predictions.by_task`.

    What a run before has decided in `settings.folder` stays; a task whose environment failed is tried again.
    ConfigError where rows, images or the engine do not allow it; SandboxError where the engine fails, ScoreError where
    the harness cannot begin or another process scores in the folder.
    """
    watcher = watcher or Watcher()
    verdicts: dict[str, Verdict] = {}

    def settle(verdict: Verdict) -> None:
        if verdict.instance_id not in verdicts:
            verdicts[verdict.instance_id] = verdict
            watcher.tell(verdict)

    to_run = []
    for task in tasks:
        if found := without_running(task, predictions.get(task.instance_id)):
            settle(found)
        else:
            to_run.append((task, predictions[task.instance_id]))
    if to_run:
        check_columns([task for task, _ in to_run])
        _score_by_harness(to_run, settings, settle, watcher.say)
    return [verdicts[task.instance_id] for task in tasks]


def without_running(task: Task, prediction: Prediction | None) -> Verdict | None:
    """The verdict on what the harness need not, or cannot, run; None for all else."""
    if prediction is None:
        return Verdict(task.instance_id, Status.MISSING)
    if not prediction.patch:
        return Verdict(task.instance_id, Status.EMPTY)
    try:
        prediction.patch.encode()
    except UnicodeEncodeError as error:
        return Verdict(task.instance_id, Status.NOT_APPLIED, f"the patch is no text that UTF-8 has: {error.reason}")
    return None


def with_flags(verdict: Verdict, patch: str, eval_script: str) -> Verdict:
    """The verdict, never resolved where the patch touches what steers the tests."""
    if verdict.status not in RAN or not (files := flagged_files(patch, eval_script)):
        return verdict
    return replace(verdict, status=Status.FLAGGED, detail=", ".join(files))


def _score_by_harness(
    to_run: Sequence[tuple[Task, Prediction]],
    settings: Settings,
    settle: Callable[[Verdict], None],
    say: Callable[[str], None],
) -> None:
    engine = connect(settings.docker_host, settings.unsafe_daemon, say)
    with held(settings.folder) as lock:
        for name in remove_containers(engine, run_ids(settings.folder)):
            say(f"removed a container that a killed run left: {name}")
        images = image_ids(engine, [task for task, _ in to_run], settings.pull, say)
        write_json(settings.folder / IMAGES, images)
        left = Left([_job(task, prediction, images[task.image], settings) for task, prediction in to_run])
        look = partial(left.look, settings.folder, settle)
        look(run_ids(settings.folder))
        if known := len(to_run) - len(left.jobs):
            say(f"{known} of {len(to_run)} verdicts stand in the logs of earlier runs")
        for attempt in range(settings.attempts):
            if left.jobs and attempt:
                say(left.why_again())
            if left.jobs:  # once more, alone: what was scored beside it may have taken memory or disk
                _run_once(left, engine, replace(settings, workers=1) if attempt else settings, lock, look)
        for job in left.jobs:
            settle(Verdict(job.instance_id, Status.ERROR, left.troubles[job.key]))


def _job(task: Task, prediction: Prediction, image_id: str, settings: Settings) -> Job:
    facts = [prediction_digest(prediction), task.row, image_id, settings.timeout, version("swebench")]
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    return Job(task, prediction.patch, key)


def _run_once(
    left: Left, engine: HarnessEngine, settings: Settings, lock: IO[str], look: Callable[[Sequence[str]], None]
) -> None:
    run_id, jobs = new_run_id(left.jobs), list(left.jobs)
    try:
        run_harness(jobs, run_id, settings, lock, lambda: look([run_id]))
    finally:
        remove_containers(engine, [run_id])
    look([run_id])
    logs = settings.folder / LOGS / run_id
    left.troubles = {job.key: trouble(logs / job.key / job.instance_id, job.instance_id) for job in left.jobs}


class Left:
    """The jobs without a verdict, and what kept the last run from one."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = list(jobs)
        self.troubles: dict[str, str] = {}

    def look(self, folder: Path, settle: Callable[[Verdict], None], runs: Sequence[str]) -> None:
        """Settle those whose verdict stands in the logs of these runs by now."""
        for job, found in find_verdicts(list(self.jobs), folder, runs):
            self.jobs.remove(job)
            settle(with_flags(found, job.patch, job.task.row["eval_script"]))

    def why_again(self) -> str:
        """For the terminal, before they are tried again."""
        first = self.jobs[0]
        return f"trying {len(self.jobs)} again, one at a time (first: {first.instance_id}: {self.troubles[first.key]})"
