"""What is known of a task beside its episodes: repository, base commit, gold patch and hidden tests."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trajectories.errors import ParseError
from trajectories.fields import Row, get_name, optional_text
from trajectories.rows import parsed
from trajectories.sources import find_sources

_ADDED_FILE = re.compile(r"^--- (?:a/)?(\S+)\n\+\+\+ (?:b/)?(\S+)", re.MULTILINE)
_DJANGO_TEST = re.compile(r"\S+ \(([\w.]+)\)")


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A row of SWE-bench and its relatives, as far as gates need it; text is empty where the row has none."""

    instance_id: str
    repository: str = ""
    base_commit: str = ""
    statement: str = ""
    patch: str = ""
    test_patch: str = ""
    failing: tuple[str, ...] = ()
    """FAIL_TO_PASS."""

    @property
    def hidden_files(self) -> frozenset[str]:
        """Test files that exist at the base commit and decide the outcome, relative to the repository."""
        patched = {after for before, after in _ADDED_FILE.findall(self.test_patch) if before != "/dev/null"}
        named = {file for name in self.failing if (file := _file_of(name))}
        return frozenset((patched | named) - self.new_files)

    @property
    def new_files(self) -> frozenset[str]:
        """Test files that only the hidden test patch creates."""
        return frozenset(after for before, after in _ADDED_FILE.findall(self.test_patch) if before == "/dev/null")


def read_tasks(path: Path | str) -> Iterator[TaskFacts]:
    """The task rows of a JSONL, JSON or parquet file or folder; ParseError names the first broken row."""
    for source in find_sources(path):
        yield from parsed(source.rows(), task_facts, hint="; expected a row of a task set")


def task_facts(row: Row) -> TaskFacts:
    """The facts of one row; ParseError where it has no instance id."""
    return TaskFacts(
        instance_id=get_name(row, "instance_id"),
        repository=optional_text(row, "repo").lower(),
        base_commit=optional_text(row, "base_commit").lower(),
        statement=optional_text(row, "problem_statement"),
        patch=optional_text(row, "patch"),
        test_patch=optional_text(row, "test_patch"),
        failing=names_of_tests(row, "FAIL_TO_PASS"),
    )


def names_of_tests(row: Row, column: str) -> tuple[str, ...]:
    """A list of test names: JSON text in the official rows, Python's own notation in SWE-smith's, or a list."""
    value, expected = row.get(column), f"{column}: expected a list of test names or its JSON text"
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError:
            try:
                value = ast.literal_eval(value)
            except (ValueError, SyntaxError) as error:
                raise ParseError(expected) from error
    if value is None or value == "":
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ParseError(expected)
    return tuple(value)


def _file_of(test: str) -> str:
    """`tests/test_a.py::test_b[c]` and Django's `test_b (tests.test_a.Case)` as a file; empty where neither."""
    file = test.partition("::")[0]
    if file.endswith(".py"):
        return file
    found = _DJANGO_TEST.fullmatch(test)
    if found is None:
        return ""
    modules = [part for part in found[1].split(".") if not part[:1].isupper()]
    return "tests/" + "/".join(modules) + ".py" if len(modules) > 1 else ""
