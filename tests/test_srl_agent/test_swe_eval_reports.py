"""Reports that the harness wrote for others give the same counts as they publish."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from srl_agent.swe_eval.records import Status
from srl_agent.swe_eval.reports import read_report, report_of
from trajectories.errors import ParseError


def report(**changes: Any) -> dict[str, Any]:
    return {
        "total_instances": 3,
        "resolved_ids": ["a"],
        "unresolved_ids": ["b"],
        "empty_patch_ids": [],
        "error_ids": [],
        "schema_version": 2,
    } | changes


def counts(row: dict[str, Any]) -> dict[str, str]:
    return {verdict.instance_id: verdict.status.name for verdict in report_of(row).verdicts}


def test_mini_swe_agents_100_lite_tasks_give_the_published_counts(shared_data: Path) -> None:
    found = read_report(shared_data / "predictions" / "mini-swe-agent-v2.deepseek-chat-lite100.report.json")
    assert found.total == len(found.verdicts) == 300
    assert Counter(one.status for one in found.verdicts) == {
        Status.RESOLVED: 61,
        Status.UNRESOLVED: 39,
        Status.MISSING: 200,
    }


def test_the_gold_report_on_verified_gives_500_of_500(shared_data: Path) -> None:
    found = read_report(shared_data / "predictions" / "gold.fresh-verified.json")
    assert found.total == len(found.verdicts) == 500
    assert {one.status for one in found.verdicts} == {Status.RESOLVED}
    assert all(one.harness_resolved for one in found.verdicts)


def test_a_report_without_the_missing_ids_still_has_the_full_denominator() -> None:
    found = report_of(report())
    assert (found.total, len(found.verdicts)) == (3, 2)


def test_reasons_of_failures_become_details() -> None:
    row = report(unresolved_ids=[], error_ids=["b"], failure_reasons={"b": "container_unavailable"})
    assert [one.detail for one in report_of(row).verdicts if one.status is Status.ERROR] == ["container_unavailable"]


def test_the_lists_of_swebench_1_overlap_and_the_telling_one_counts() -> None:
    row = {
        "no_generation": ["e"],
        "generated": ["a", "b", "c", "d", "f"],
        "with_logs": ["a", "b", "c", "d"],
        "applied": ["a", "b", "d"],
        "no_apply": ["c"],
        "test_timeout": ["d"],
        "no_logs": ["f"],
        "resolved": ["a"],
    }
    assert counts(row) == {
        "a": "RESOLVED",
        "b": "UNRESOLVED",
        "c": "NOT_APPLIED",
        "d": "UNRESOLVED",
        "e": "EMPTY",
        "f": "ERROR",
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"resolved_instances": 2}, "resolved_instances: 2, and resolved_ids has 1"),
        ({"unresolved_ids": ["a"]}, "unresolved_ids: a is 'resolved' too"),
        ({"resolved_ids": ["a", "a"]}, "resolved_ids: expected ids, each once"),
        ({"total_instances": 1}, "total_instances: 1, and 2 ids are named"),
        ({"error_ids": None}, "error_ids: expected a list, found null"),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report(**changes)))
    with pytest.raises(ParseError, match=rf"report\.json: {words}"):
        read_report(tmp_path / "report.json")


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"resolved": 3}')
    with pytest.raises(ParseError, match="expected resolved_ids, or resolved and generated; the keys are 'resolved'"):
        read_report(tmp_path / "x.json")
