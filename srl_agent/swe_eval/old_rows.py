"""Rows from before swebench 5, completed with the columns that its harness reads, by the tables of swebench 4.1.

Those tables (test command and parser of each repository and version) are not copied here: swebench 4.1's wheel is
loaded by a process of its own, which needs no more than the packages that swebench 5 brings, and no network.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from envs.images import swebench_image
from srl_agent.errors import ConfigError
from srl_agent.swe_eval.records import Task
from srl_agent.swe_eval.rows import TaskSet, rows_digest, task_of

COLUMNS = ("image", "eval_script", "log_parser", "eval_type", "version")
"""What swebench 5.0.2 reads of a row beside what every row has (harness/utils.py, `make_test_spec`)."""
EVAL_TYPES = ("pass_and_fail", "fail_only")
"""swebench 5.0.2, harness/constants, `EvalType`."""
WHEEL = "pip download --no-deps 'swebench>=4.1,<5'"
SECONDS = 300.0
"""For importing swebench 4.1 and writing the scripts; the import takes some seconds."""
_PARSER = re.compile(r'^    "(\w+)": \w+,$', re.MULTILINE)
_SCRIPT = Path(__file__).with_name("swebench4.py")


def missing_columns(task: Task) -> list[str]:
    """Columns without which the harness cannot score the task."""
    return [name for name in COLUMNS if not isinstance(task.row.get(name), str) or not task.row[name]]


def check_columns(tasks: Sequence[Task]) -> None:
    """ConfigError where a task cannot be scored for want of columns, or by what stands in them."""
    old = [task for task in tasks if missing_columns(task)]
    if old:
        raise ConfigError(
            f"{len(old)} of {len(tasks)} rows lack {', '.join(missing_columns(old[0]))} (first: {old[0].instance_id}), "
            "which swebench 5 scores by; take the data set as it is published since 2026, or complete the rows by the "
            f"tables of swebench 4.1: {WHEEL}, and give the wheel with --swebench4"
        )
    for column, known in (("log_parser", known_parsers()), ("eval_type", EVAL_TYPES)):
        strange = next((task for task in tasks if task.row[column] not in known), None)
        if strange:
            found = strange.row[column]
            near = ", ".join(difflib.get_close_matches(found, known, 3, 0))
            raise ConfigError(
                f"{column}: '{found}' of {strange.instance_id} is none that swebench knows; expected such as {near}"
            )


def known_parsers() -> tuple[str, ...]:
    """Names of the harness's parsers, read in its source: importing it takes seconds and reads the user's `.env`."""
    source = distribution("swebench").locate_file("swebench/harness/log_parsers/__init__.py")
    return tuple(_PARSER.findall(Path(str(source)).read_text(encoding="utf-8")))


def complete(tasks: TaskSet, wheel: Path) -> TaskSet:
    """The same tasks, those from before swebench 5 with the columns that its harness needs.

    `wheel` is swebench 4.1's, or a folder in which it is unpacked. ConfigError where it is not, or does not know a
    task's repository and version.
    """
    old = [task for task in tasks.tasks if missing_columns(task)]
    if not old:
        return tasks
    found = _ask_swebench4(old, wheel)
    unknown = [task.instance_id for task in old if not found.get(task.instance_id)]
    if unknown:
        raise ConfigError(
            f"--swebench4: {wheel} knows no way to test {len(unknown)} of {len(old)} tasks (first: {unknown[0]}); "
            "leave them out with --filter or --instance-ids, or give rows with eval_script, log_parser and eval_type"
        )
    done = tuple(_completed(task, found.get(task.instance_id, {})) for task in tasks.tasks)
    return replace(tasks, tasks=done, digest=rows_digest(done))


def _completed(task: Task, columns: Mapping[str, str]) -> Task:
    """What the row has wins: an image of the user's own stays."""
    made = {"image": swebench_image(task.instance_id), **columns} if columns else {}
    return task_of({**task.row, **{name: value for name, value in made.items() if not task.row.get(name)}})


def _ask_swebench4(tasks: Sequence[Task], wheel: Path) -> dict[str, Any]:
    if not wheel.exists():
        raise ConfigError(f"--swebench4: {wheel} does not exist; get it with: {WHEEL}")
    names = ("instance_id", "repo", "version", "base_commit", "test_patch")
    rows = json.dumps([{name: task.row.get(name) for name in names} for task in tasks])
    done = subprocess.run(
        [sys.executable, str(_SCRIPT)],
        input=rows,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "PYTHONPATH": str(wheel.resolve()), "PYTHONUTF8": "1"},
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConfigError(f"--swebench4: {wheel} cannot be used: {said}; expected the wheel of swebench 4.1: {WHEEL}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
