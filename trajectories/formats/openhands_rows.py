"""What the formats of the OpenHands family share: the task's id, the verdict, and arguments that annotate a call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from trajectories.fields import Row, get_flag, optional_text
from trajectories.records import Action

INSTANCE_ID = re.compile(r"[A-Za-z0-9._-]{1,100}__[A-Za-z0-9._-]{1,100}-\d{1,9}", re.ASCII)
"""An id of the SWE-bench family, `owner__repository-number`."""

_RISKS = ("LOW", "MEDIUM", "HIGH", "UNKNOWN")


def find_instance_id(row: Row) -> str:
    """The id of the row, of its `instance`, or of the issue that the resolver worked on; empty without any."""
    for holder in (row, _inner(row, "instance")):
        value = holder.get("instance_id")
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if optional_text(holder, "instance_id").strip():
            return optional_text(holder, "instance_id").strip()
    issue = _inner(row, "issue")
    owner, repo, number = issue.get("owner"), issue.get("repo"), issue.get("number")
    known = isinstance(owner, str) and isinstance(repo, str) and isinstance(number, int)
    return f"{owner}__{repo}-{number}" if known else ""


def find_resolved(row: Row) -> bool | None:
    """The first verdict of a test run that the row holds; a model's opinion (the resolver's `success`) is none."""
    for holder, path in _verdicts(row):
        flag = get_flag(holder, "resolved", path)
        if flag is not None:
            return flag
    return None


def _verdicts(row: Row) -> Iterator[tuple[Row, str]]:
    """Where the evaluations of OpenHands (evaluation/benchmarks/swe_bench/eval_infer.py and its forks) put theirs."""
    yield row, ""
    for key in ("report", "fine_grained_report"):
        yield _report(row, key, row), f"{key}."
    test = _inner(row, "test_result")
    yield test, "test_result."
    for key in ("report", "result"):
        yield _report(test, key, row), f"test_result.{key}."


def _report(holder: Row, key: str, row: Row) -> Row:
    """The report under `key`, which the harness writes under the id of its instance."""
    report = _inner(holder, key)
    inner = report.get(find_instance_id(row))
    return inner if isinstance(inner, dict) else report


def _inner(row: Row, key: str) -> Row:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def find_model(row: Row) -> str:
    """The model of the run's configuration, empty where it is not said."""
    metadata = _inner(row, "metadata")
    name = _inner(metadata, "llm_config").get("model") or _inner(metadata, "llm").get("model")
    return name if isinstance(name, str) else ""


def without_annotations(action: Action, summary: Any = None) -> Action:
    """The action without what newer agents write into a call besides the command: its risk and its summary.

    A `summary` is one only where the event says the same, as a tool may have an argument of that name.
    """
    arguments = tuple((name, value) for name, value in action.arguments if not _annotates(name, value, summary))
    return action if len(arguments) == len(action.arguments) else replace(action, arguments=arguments)


def _annotates(name: str, value: str, summary: Any) -> bool:
    return (name == "security_risk" and value in _RISKS) or (name == "summary" and value == summary)
