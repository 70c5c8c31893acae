"""What an evaluation on issues comes to: one record with its counts, shares and effort, and the rows of its tables.

The denominator is every task that was chosen: a missing or empty patch, a flagged one and a broken environment all
count as not resolved, and each stands beside the score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median
from typing import Any

from srl_agent.intervals import wilson
from srl_agent.swe_eval.records import Prediction, Status, Task, Verdict

SCHEMA = "srl-agent/swe-eval-1"
EFFORTS = ("steps", "prompt_tokens", "completion_tokens", "seconds")
PAPER: Mapping[str, tuple[float, float]] = {
    "Qwen2.5-Coder-7B-Instruct": (5.8, 3.2),
    "SWE-Gym-7B": (8.4, 4.2),
    "SRL": (14.8, 8.6),
}
"""Resolved on SWE-bench Verified in per cent, greedy: oracle file edit, end to end (arXiv 2510.25992). Single-shot
repair after Agentless-mini, not an agent loop."""


def summarise(
    tasks: Sequence[Task], predictions: Mapping[str, Prediction], verdicts: Mapping[str, Verdict]
) -> dict[str, Any]:
    """Counts by status, the resolve rate with its interval, shares by part, and what it took.

    A task without a verdict counts as MISSING.
    """
    found = {task.instance_id: _status(task, verdicts) for task in tasks}
    counts = Counter(found.values())
    return {
        "schema": SCHEMA,
        **_share(list(found.values())),
        "counts": {str(status): counts[status] for status in Status},
        "flagged_but_resolved": sum(
            verdict.harness_resolved and verdict.status is Status.FLAGGED for verdict in verdicts.values()
        ),
        "timed_out": sum(verdict.timed_out for verdict in verdicts.values()),
        "by_repository": _parts(tasks, found, lambda task: task.repo),
        "by_difficulty": _parts(tasks, found, lambda task: task.difficulty or "unknown"),
        "effort": _effort([predictions[task.instance_id] for task in tasks if task.instance_id in predictions]),
    }


def outcomes(verdicts: Mapping[str, Verdict]) -> dict[str, bool]:
    """Whether each task was resolved; without those whose environment failed, of which that is not known."""
    known = {name: verdict.status for name, verdict in verdicts.items() if verdict.status is not Status.ERROR}
    return {name: status is Status.RESOLVED for name, status in known.items()}


def _status(task: Task, verdicts: Mapping[str, Verdict]) -> Status:
    verdict = verdicts.get(task.instance_id)
    return verdict.status if verdict else Status.MISSING


def _share(found: Sequence[Status]) -> dict[str, Any]:
    resolved = sum(status is Status.RESOLVED for status in found)
    low, high = wilson(resolved, len(found))
    return {
        "tasks": len(found),
        "resolved": resolved,
        "resolve_rate": resolved / len(found) if found else 0.0,
        "interval_95": [low, high],
    }


def _parts(
    tasks: Sequence[Task], found: Mapping[str, Status], part_of: Callable[[Task], str]
) -> dict[str, dict[str, Any]]:
    parts: dict[str, list[Status]] = {}
    for task in tasks:
        parts.setdefault(part_of(task), []).append(found[task.instance_id])
    return {part: _share(parts[part]) for part in sorted(parts)}


def _effort(predictions: Sequence[Prediction]) -> dict[str, Any]:
    efforts = [prediction.effort for prediction in predictions if prediction.effort]
    known = {
        name: [effort[name] for effort in efforts if isinstance(effort.get(name), int | float)] for name in EFFORTS
    }
    return {
        "predictions": len(predictions),
        "ended": dict(Counter(str(effort["ended"]) for effort in efforts if "ended" in effort).most_common()),
        **{name: {"mean": fmean(values), "median": median(values)} for name, values in known.items() if values},
    }


def table(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows (part, resolved, tasks, rate, interval): all of them, then each repository and difficulty."""
    rows = [_row("all", summary)]
    for group in ("by_repository", "by_difficulty"):
        parts = summary[group]
        rows += [_row(part, parts[part]) for part in parts] if len(parts) > 1 else []
    return rows


def _row(name: str, share: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = share["interval_95"]
    rate = f"{share['resolve_rate']:.1%}"
    return name, str(share["resolved"]), str(share["tasks"]), rate, f"{low:.1%} to {high:.1%}"
