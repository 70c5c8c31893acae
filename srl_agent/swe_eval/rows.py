"""The tasks of a benchmark: found by name, checked row by row, and selected."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from envs.images import image_names
from srl_agent.errors import ConfigError
from srl_agent.swe_eval.records import Task
from trajectories.errors import ParseError
from trajectories.fields import Row, get_name, get_text, optional_text
from trajectories.gates.tasks import names_of_tests
from trajectories.report import Where
from trajectories.sources import find_sources

BENCHMARKS: Mapping[str, str] = {
    "swebench-verified": "SWE-bench/SWE-bench_Verified:test",
    "swebench-lite": "SWE-bench/SWE-bench_Lite:test",
    "swebench": "SWE-bench/SWE-bench:test",
}
"""Names to data sets of the Hugging Face hub and their splits."""
SPLIT = "test"
"""The split of a data set that is named without one."""
ID = re.compile(r"[A-Za-z0-9][\w.-]*")
"""What the harness can make names of folders and containers of."""
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+(@[\w.-]+)?", re.ASCII)
_WORD = re.compile(r"[\w-]+")
_SPLIT_FILE = re.compile(r"(\w+)-\d{5}-of-\d{5}\.parquet")
_REMEDY = "expected a row with the columns of SWE-bench; take the rows as their hub publishes them"


@dataclass(frozen=True, slots=True)
class TaskSet:
    """Tasks that are scored together; the denominator of every rate."""

    name: str
    """As the user gave it."""
    tasks: tuple[Task, ...]
    digest: str
    """Of the rows in `tasks`, see `rows_digest`."""
    left_out: tuple[str, ...] = ()
    """Ids of the benchmark's tasks that `select` did not take."""


def read_tasks(name: Path | str) -> TaskSet:
    """All tasks of a name in BENCHMARKS, a data set of the hub (`owner/name`, `owner/name:split`), or a file.

    Files are JSON, JSONL or parquet, or folders of them. ConfigError for an unknown name; ParseError where a row is not
    what it must be, or an id stands twice.
    """
    tasks: dict[str, Task] = {}
    for where, row in _rows(_source_name(str(name))):
        task = _task(row, where)
        key = task.instance_id.lower()  # the harness names containers in lower case
        if key in tasks:
            raise ParseError(
                f"{where.file}:{where.index}: instance_id: {task.instance_id} stands twice; a benchmark has one row a "
                "task, so name one split or one file"
            )
        tasks[key] = task
    found = tuple(tasks.values())
    return TaskSet(str(name), found, rows_digest(found))


def _source_name(name: str) -> str:
    if Path(name).exists():
        _check_splits(Path(name))
        return name
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    if _WORD.fullmatch(name) and name != "-":
        raise ConfigError(
            f"benchmark: unknown name '{name}'; known: {', '.join(BENCHMARKS)}; or give a file, or owner/name:split"
        )
    return f"{name}:{SPLIT}" if _HUB_ID.fullmatch(name) else name


def _check_splits(path: Path) -> None:
    """Refuse a folder, as `hf download` leaves it, with several splits: all of them would be one benchmark."""
    splits = sorted({found[1] for file in path.rglob("*.parquet") if (found := _SPLIT_FILE.fullmatch(file.name))})
    if len(splits) > 1:
        raise ConfigError(f"benchmark: {path} has the splits {', '.join(splits)}; name one of them, as {path}:{SPLIT}")


def _rows(name: str) -> Iterator[tuple[Where, Row]]:
    for source in find_sources(name):
        for where, row in source.rows():
            if isinstance(row, ParseError):
                raise ParseError(f"{where.file}:{where.index}: {row}; {_REMEDY}") from row
            yield where, row


def _task(row: Row, where: Where) -> Task:
    try:
        return task_of(row)
    except ParseError as error:
        raise ParseError(f"{where.file}:{where.index}: {error}; {_REMEDY}") from error


def task_of(row: Row) -> Task:
    """The task of one row. ParseError names the column that is missing or of another kind."""
    instance_id = get_name(row, "instance_id")
    if not ID.fullmatch(instance_id):
        raise ParseError(f"instance_id: '{instance_id}' has characters other than letters, digits and _.-")
    return Task(
        instance_id=instance_id,
        repo=get_name(row, "repo"),
        base_commit=get_name(row, "base_commit"),
        problem_statement=get_text(row, "problem_statement"),
        gold_patch=get_text(row, "patch"),
        test_patch=get_text(row, "test_patch"),
        fail_to_pass=_tests(row, "FAIL_TO_PASS", some=True),
        pass_to_pass=_tests(row, "PASS_TO_PASS", some=False),
        version=optional_text(row, "version"),
        image=image_names(row)[0],
        difficulty=optional_text(row, "difficulty"),
        row=row,
    )


def _tests(row: Row, column: str, some: bool) -> tuple[str, ...]:
    if column not in row:
        which = "must pass after the fix" if some else "pass before and after the fix ([] for none)"
        raise ParseError(f"{column}: missing; the names of the tests that {which}, as a list or its JSON text")
    names = names_of_tests(row, column)
    if some and not names:
        raise ParseError(f"{column}: names no test, so nothing would decide the task")
    return names


def rows_digest(tasks: Collection[Task]) -> str:
    """SHA-256 over the rows by id, whatever file, format or order they came from.

    A column without a value counts as absent: a table has the columns of all its rows.
    """
    rows = sorted(tasks, key=lambda task: task.instance_id)
    lines = (
        json.dumps({key: value for key, value in task.row.items() if value is not None}, sort_keys=True)
        for task in rows
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def select(tasks: TaskSet, slice: str = "", filter: str = "", ids: Collection[str] = ()) -> TaskSet:
    """The tasks named by `ids`, of them those whose id has a match of `filter`, of them the `slice` (Python's `a:b:c`).

    Each is left alone where it is empty. ConfigError for an id that is not there, a broken pattern or slice, or where
    nothing is left.
    """
    chosen = _by_slice(_by_filter(_by_ids(tasks, ids), filter), slice)
    if not chosen:
        raise ConfigError(
            f"{tasks.name}: none of {len(tasks.tasks)} tasks is left by "
            f"--instance-ids ({len(ids)} given), --filter '{filter}' and --slice '{slice}'"
        )
    kept = {task.instance_id for task in chosen}
    left = tuple(task.instance_id for task in tasks.tasks if task.instance_id not in kept)
    return replace(tasks, tasks=tuple(chosen), digest=rows_digest(chosen), left_out=(*tasks.left_out, *left))


def _by_ids(tasks: TaskSet, ids: Collection[str]) -> list[Task]:
    known = [task.instance_id for task in tasks.tasks]
    strange = [name for name in ids if name not in set(known)]
    if strange:
        near = difflib.get_close_matches(strange[0], known, 3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ConfigError(f"--instance-ids: {tasks.name} has no task {', '.join(strange[:5])}{hint}")
    return [task for task in tasks.tasks if not ids or task.instance_id in set(ids)]


def _by_filter(tasks: list[Task], pattern: str) -> list[Task]:
    try:
        return [task for task in tasks if re.search(pattern, task.instance_id)]
    except re.error as error:
        raise ConfigError(f"--filter: '{pattern}' is no regular expression: {error}") from error


def _by_slice(tasks: list[Task], text: str) -> list[Task]:
    parts = text.split(":")
    try:
        numbers = [int(part) if part.strip() else None for part in parts]
    except ValueError as error:
        raise ConfigError(f"--slice: '{text}' is no slice; expected start:stop or start:stop:step, as 0:5") from error
    if not text:
        return tasks
    if not 2 <= len(numbers) <= 3 or 0 in numbers[2:]:
        raise ConfigError(f"--slice: '{text}' is no slice; expected start:stop or start:stop:step, as 0:5")
    start, stop, step = (*numbers, None)[:3]
    return tasks[start:stop:step]
