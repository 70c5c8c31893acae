"""What the harness's own files say of one prediction; its progress bar and its count of errors are not believed.

Files and messages are those of swebench 5.0.2 (harness/run_evaluation.py, harness/grading.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from srl_agent.swe_eval.hidden_tests import why_not_hidden
from srl_agent.swe_eval.records import Status, Verdict

REPORT, PATCH, LOG, OUTPUT = "report.json", "patch.diff", "run_instance.log", "test_output.txt"
_STAMP = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - (?:INFO|ERROR) - "
_NOT_APPLIED = re.compile(_STAMP + r">>>>> Patch Apply Failed:\n(?P<said>(?:(?!\d{4}-\d\d-\d\d ).*\n)*)", re.MULTILINE)
_TIMED_OUT = re.compile(
    r"^swebench\.harness\.utils\.EvaluationError: .*\bTest timed out after (\d+) seconds", re.MULTILINE
)
_SECONDS = re.compile(_STAMP + r"Test runtime: ([\d_]+\.\d+) seconds", re.MULTILINE)
_TROUBLE = re.compile(
    r"^(?:\d{4}-\d\d-\d\d \S+ - ERROR - (?P<logged>.+)|(?P<raised>[\w.]+(?:Error|Exception|NotFound|Timeout)\b.*))$",
    re.MULTILINE,
)
_ENVIRONMENT = re.compile(
    r"No space left on device|Cannot allocate memory|OCI runtime exec failed|Resource temporarily unavailable"
    r"|Read-only file system|Input/output error|eval\.sh: line \d+: +\d+ Killed\b"
)
"""Beside the harness's own signs (harness/infra_failure.py), which know neither a full disk nor an engine's words, nor
bash's on tests that the kernel killed for want of memory, which all containers of the hardened engine share. A patch
can have its tests print them: it then is an error instead of unresolved, and no better off."""
SHOWN = 300
"""Characters of a message that are kept."""


def settled(folder: Path, instance_id: str, patch: str, test_patch: str = "") -> Verdict | None:
    """The verdict in a folder of the harness's logs, whatever became of the run around it.

    None where there is none for this patch: not begun, cut off in the middle, or ended by the environment, which
    `trouble` tells. Tests that pass in place of those of `test_patch` resolve nothing.
    """
    if _text(folder / PATCH) != patch:
        return None
    log = _text(folder / LOG)
    seconds = _seconds(log)
    report = _report(folder, instance_id)
    if report is not None:
        found = None if _environment(folder, report) else _graded(instance_id, report, seconds)
        return found and _by_hidden_tests(found, why_not_hidden(_text(folder / OUTPUT), patch, test_patch))
    if (refused := _NOT_APPLIED.search(log)) and not _ENVIRONMENT.search(refused["said"]):
        return Verdict(instance_id, Status.NOT_APPLIED, _short(refused["said"]), seconds=seconds)
    if late := _TIMED_OUT.search(log):
        detail = f"the tests ran out of time ({late[1]} s)"
        return Verdict(instance_id, Status.UNRESOLVED, detail, seconds=seconds, timed_out=True)
    return None


def trouble(folder: Path, instance_id: str) -> str:
    """What kept the harness from a verdict, as far as its files tell; asked once it has ended."""
    report = _report(folder, instance_id)
    if report is not None and (reason := _environment(folder, report)):
        return f"the tests gave no result: {reason}"
    log = _text(folder / LOG)
    if found := _NOT_APPLIED.search(log):
        return f"the patch could not be applied: {_short(found['said'])}"
    # The first cause; what follows is its way up, and troubles of the removal.
    if found := _TROUBLE.search(log):
        return _short(found["logged"] or found["raised"])
    return "the harness ended without a word on it" if folder.is_dir() else "the harness did not begin it"


def _report(folder: Path, instance_id: str) -> Mapping[str, Any] | None:
    """The report; None where there is none, or one that a kill has cut."""
    try:
        report = json.loads(_text(folder / REPORT) or "null")
    except ValueError:
        return None
    found = report.get(instance_id) if isinstance(report, dict) else None
    return found if isinstance(found, dict) else None


def _environment(folder: Path, report: Mapping[str, Any]) -> str:
    """What kept the tests from any result, where that is not the patch's; empty where it may be, or there is one."""
    if report.get("resolved") is True or report.get("tests_status"):
        return ""
    if report.get("infra_failure"):
        return str(report.get("infra_failure_reason"))
    found = _ENVIRONMENT.search(_text(folder / OUTPUT))
    return _short(found[0]) if found else ""


def _graded(instance_id: str, report: Mapping[str, Any], seconds: float) -> Verdict:
    if report.get("resolved") is True:
        return Verdict(instance_id, Status.RESOLVED, harness_resolved=True, seconds=seconds)
    tests = report.get("tests_status")
    if not tests:
        reason = report.get("infra_failure_reason")
        detail = "no result of a test in the output" + (f" ({reason})" if reason else "")
    else:
        detail = ", ".join(
            _count(tests, *names) for names in (("FAIL_TO_PASS", "pass"), ("PASS_TO_PASS", "still pass"))
        )
    return Verdict(instance_id, Status.UNRESOLVED, detail, seconds=seconds)


def _by_hidden_tests(verdict: Verdict, why_not: str) -> Verdict:
    resolved = verdict.status is Status.RESOLVED
    return replace(verdict, status=Status.FLAGGED, detail=_short(why_not)) if resolved and why_not else verdict


def _count(tests: Mapping[str, Any], column: str, word: str) -> str:
    good, bad = len(tests[column]["success"]), len(tests[column]["failure"])
    return f"{good} of {good + bad} {column} {word}"


def _seconds(log: str) -> float:
    found = _SECONDS.search(log)
    return float(found[1].replace("_", "")) if found else 0.0


def _text(path: Path) -> str:
    """The file with its line ends as they are; empty where there is none."""
    try:
        return path.read_bytes().decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _short(text: str) -> str:
    return " ".join(text.split())[:SHOWN]
