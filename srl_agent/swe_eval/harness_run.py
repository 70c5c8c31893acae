"""One run of the official harness as a process of its own, in a folder that a single scorer holds."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from envs.docker_engine import engine_name
from srl_agent.errors import ConfigError, ScoreError
from srl_agent.swe_eval.harness_logs import settled
from srl_agent.swe_eval.records import Task, Verdict

LOGS = Path("logs/run_evaluation")
"""Where the harness writes below its working directory (swebench 5.0.2, harness/constants)."""
OUTPUT = "harness.log"
CHILD = Path(__file__).with_name("harness_child.py")
ENGINE_SECONDS = 600
"""The harness's patience with one answer of the engine; its own default is 1800."""
MARGIN = 1200.0
"""Seconds that a task may take beside its tests: the container's start and removal, on a busy machine."""
TICK = 0.5
PATIENCE = 5.0
"""Seconds in which a killed scorer's harness dies and lets its folder go."""


@dataclass(frozen=True, slots=True)
class Job:
    """A patch that is scored on a task."""

    task: Task
    patch: str
    key: str
    """Hash of all that the verdict depends on. It stands where the harness has the model's name, so that its logs, and
    the verdicts read from them, are found by patch; the harness's own cache knows only run and task."""

    @property
    def instance_id(self) -> str:
        """The task's id."""
        return self.task.instance_id


@dataclass(frozen=True, slots=True)
class Settings:
    """How the harness is run."""

    folder: Path
    """Holds its files and logs; one of its own for each set of results, kept to go on after a kill."""
    workers: int = 4
    """Tasks at a time."""
    timeout: int = 1800
    """Seconds for the tests of one task; the harness's default."""
    attempts: int = 2
    """How often a task is tried whose environment fails; after the first time one at a time."""
    docker_host: str = ""
    """Address of the engine; empty for DOCKER_HOST's or the system's."""
    pull: bool = False
    """Whether images that are not here are fetched from their registry."""
    unsafe_daemon: bool = False
    """Whether patches may be run on an engine from which they may reach the host."""

    def __post_init__(self) -> None:
        for name in ("workers", "timeout", "attempts"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: {getattr(self, name)} for the harness; expected 1 or more")


@contextlib.contextmanager
def held(folder: Path) -> Iterator[IO[str]]:
    """Hold the folder against other processes. ScoreError where one holds it.

    The harness inherits the lock: after a kill it is free once that is dead, too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ScoreError(f"{folder}: another process works here; wait for it, or name another") from None
                time.sleep(TICK / 5)
        yield lock


def run_ids(folder: Path) -> list[str]:
    """The runs that the harness began in the folder, dead ones included."""
    return sorted(path.name for path in (folder / LOGS).glob("*") if path.is_dir())


def find_verdicts(jobs: Sequence[Job], folder: Path, runs: Sequence[str]) -> Iterator[tuple[Job, Verdict]]:
    """The verdicts on the jobs that these runs in the folder left, each job's once."""
    logs = [path for run_id in runs for path in (folder / LOGS / run_id).glob("*/*")]
    places: dict[tuple[str, str], list[Path]] = {}
    for path in logs:
        places.setdefault((path.parent.name, path.name), []).append(path)
    for job in jobs:
        here = places.get((job.key, job.instance_id), ())
        found = (settled(path, job.instance_id, job.patch, job.task.test_patch) for path in here)
        if verdict := next(filter(None, found), None):
            yield job, verdict


def new_run_id(jobs: Sequence[Job]) -> str:
    """A name for a run of these jobs, without dots: the harness cuts container names at the last one.

    The last part tells this run's containers from those of any other of the same patches.
    """
    digest = uuid.uuid5(uuid.NAMESPACE_OID, " ".join(job.key for job in jobs)).hex[:12]
    return f"srl-{digest}-{uuid.uuid4().hex[:8]}"


def run_harness(jobs: Sequence[Job], run_id: str, settings: Settings, lock: IO[str], look: Callable[[], None]) -> None:
    """Run the harness over the jobs, calling `look` now and then; what came of it stands in its logs.

    It is ended when it takes longer than the tests may. ScoreError where it could not begin.
    """
    folder = settings.folder.resolve()
    inputs = _write_inputs(jobs, run_id, folder)
    waves = -(-len(jobs) // settings.workers)
    with (folder / OUTPUT).open("ab") as output:
        begins = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-P", str(CHILD), str(os.getpid()), *inputs, *_arguments(run_id, settings)],
            cwd=folder,
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
        try:
            _wait(process, waves * (settings.timeout + MARGIN), look)
        finally:
            _end(process)
    if process.returncode and not any((folder / LOGS / run_id).glob("*/*")):
        said = (folder / OUTPUT).read_bytes()[begins:].decode(errors="replace").strip()
        raise ScoreError(f"the harness could not begin (its output is in {folder / OUTPUT}):\n{said[-1500:]}")


def _write_inputs(jobs: Sequence[Job], run_id: str, folder: Path) -> list[str]:
    rows = [_row(job.task) for job in jobs]
    predictions = [
        {"instance_id": job.instance_id, "model_name_or_path": job.key, "model_patch": job.patch} for job in jobs
    ]
    arguments = []
    for option, name, content in (("dataset_name", "tasks", rows), ("predictions_path", "predictions", predictions)):
        path = folder / "inputs" / f"{run_id}.{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
        arguments += [f"--{option}", str(path)]
    return arguments


def _row(task: Task) -> dict[str, Any]:
    """The row with what the harness reads in one form only, where we read several."""
    tests = {"FAIL_TO_PASS": list(task.fail_to_pass), "PASS_TO_PASS": list(task.pass_to_pass)}
    return {**task.row, "image": task.image, **tests}


def _arguments(run_id: str, settings: Settings) -> list[str]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    values: dict[str, Any] = {
        "run_id": run_id,
        "max_workers": settings.workers,
        "timeout": settings.timeout,
        "report_dir": "reports",
        # It sets this limit, and may not lift it above the hard one.
        "open_file_limit": 4096 if most == resource.RLIM_INFINITY else min(4096, most),
    }
    return [text for name, value in values.items() for text in (f"--{name}", str(value))]


def _environment(settings: Settings) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "DOCKER_CONTEXT"},
        # Named even where it is the system's: the command `docker`, which the harness calls too, may have a context.
        "DOCKER_HOST": settings.docker_host or engine_name(),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "SWEBENCH_DOCKER_TIMEOUT": str(ENGINE_SECONDS),
    }


def _wait(process: subprocess.Popen[bytes], seconds: float, look: Callable[[], None]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        look()
        try:
            process.wait(TICK)
            return
        except subprocess.TimeoutExpired:
            continue


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the harness where it has not ended, with the commands that it started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
