"""The records of an evaluation on repository issues: the task, what was predicted for it, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Task:
    """One issue of a benchmark."""

    instance_id: str
    repo: str
    """`owner/name`."""
    base_commit: str
    problem_statement: str
    gold_patch: str
    """The fix; never shown to a policy."""
    test_patch: str
    """Hidden until scoring."""
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    version: str
    image: str
    """The image of the instance, as the row names it."""
    difficulty: str
    """As the row has it; empty where it has none."""
    row: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The whole row with every column that the harness needs."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A patch for a task, in the public form; the effort is ours."""

    instance_id: str
    model: str
    """`model_name_or_path`."""
    patch: str
    """A unified diff with its line ends as they were; empty where there is none."""
    effort: Mapping[str, Any] = field(default_factory=dict)
    """What it took: `steps`, `prompt_tokens`, `completion_tokens`, `seconds`, `ended` (why it ended)."""


class Status(StrEnum):
    """What became of a prediction; the benchmark's denominator counts all of them."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    EMPTY = "empty patch"
    NOT_APPLIED = "patch does not apply"
    FLAGGED = "touches test configuration"
    """Scored, but never counted as resolved."""
    ERROR = "infrastructure"
    """The environment failed, more often than it is tried again."""
    MISSING = "no prediction"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the harness said of a prediction."""

    instance_id: str
    status: Status
    detail: str = ""
    """Files that were flagged, or how the infrastructure failed."""
    harness_resolved: bool = False
    """What the harness alone says, flagged or not."""
    seconds: float = 0.0
    timed_out: bool = False
    """Whether the tests ran out of time, which a busy machine may be the reason of."""
