"""`srl-agent eval report` and `eval compare` on published reports and on verdicts of our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from srl_agent.cli import main
from srl_agent.swe_eval.records import Status, Verdict
from srl_agent.swe_eval.stored import write_results


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("gold.fresh-verified.json", {"resolved": 500}),
        (
            "mini-swe-agent-v2.deepseek-chat-lite100.report.json",
            {"resolved": 61, "unresolved": 39, "no prediction": 200},
        ),
    ],
)
def test_a_published_report_becomes_a_table_with_its_counts(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, counts: dict[str, int]
) -> None:
    report = shared_data / "predictions" / name
    assert main(["eval", "report", str(report), "--output", str(tmp_path)]) == 0
    published = json.loads(report.read_text())
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["resolved"], summary["tasks"]) == (published["resolved_instances"], published["total_instances"])
    assert {status: count for status, count in summary["counts"].items() if count} == counts
    output = capsys.readouterr().out
    assert f"of {summary['tasks']}: resolved {counts['resolved']}" in output


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    """What the command prints, blanks between cells made one."""
    assert main(["eval", "report", *map(str, words)]) == 0
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_what_was_not_submitted_counts_and_stands_beside(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, shared_data / "predictions" / "mini-swe-agent-v2.deepseek-chat-lite100.report.json")
    assert "all 61 300 20.3% 16.2% to 25.2%" in lines
    assert any(line.startswith("django/django 56 114 ") for line in lines)
    assert "of the 100 with a prediction: resolved 61.0%" in lines


def test_rows_add_the_difficulties(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = shared_data / "swe-tasks" / "SWE-bench_Verified.test.2026-08-10.parquet"
    lines = printed(capsys, shared_data / "predictions" / "gold.fresh-verified.json", "--rows", rows)
    assert any(line.startswith("<15 min fix 194 194 ") for line in lines)


def test_rows_of_another_benchmark_are_refused(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = shared_data / "predictions" / "gold.fresh-verified.json"
    rows = shared_data / "swe-tasks" / "SWE-bench_Lite.dev.2026-08-09.parquet"
    assert main(["eval", "report", str(report), "--rows", str(rows)]) == 2
    assert "has 23 tasks, and the report is on 500" in capsys.readouterr().err


def test_a_report_is_compared_with_verdicts_of_ours(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = shared_data / "predictions" / "mini-swe-agent-v2.deepseek-chat-lite100.report.json"
    named = json.loads(report.read_text())
    ids = [*named["resolved_ids"], *named["unresolved_ids"]]
    write_results(tmp_path, [Verdict(name, Status.RESOLVED) for name in ids], {})
    assert main(["eval", "compare", str(report), str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert f"resolved, of {len(ids)} tasks in both" in output
    assert f"the second resolves {len(named['unresolved_ids']) / len(ids):+.1%}" in output


def test_evaluations_without_a_common_task_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        write_results(tmp_path / name, [Verdict(name, Status.RESOLVED)], {})
    assert main(["eval", "compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "no task in common" in capsys.readouterr().err


def test_a_file_that_is_no_report_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    path.write_text("{}")
    assert main(["eval", "report", str(path)]) == 2
    assert "report.json" in capsys.readouterr().err


def test_what_makes_two_evaluations_less_comparable_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"harness": "swebench 5.0.2", "test_timeout_s": 1800, "rows_sha256": "a", "images": {"x": "1", "y": "2"}}
    write_results(tmp_path / "one", [Verdict("a", Status.RESOLVED), Verdict("b", Status.ERROR)], facts)
    changed = facts | {"rows_sha256": "b", "images": {"y": "3"}}
    write_results(tmp_path / "two", [Verdict("a", Status.RESOLVED), Verdict("b", Status.RESOLVED)], changed)
    assert main(["eval", "compare", str(tmp_path / "one"), str(tmp_path / "two")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "the environment failed 1 task of the first, counted as not resolved" in told
    assert "not the same in both: the rows, ids of images" in told


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "compare", str(tmp_path / "none"), str(tmp_path)]) == 2
    assert "none does not exist; expected the --output of an evaluation" in capsys.readouterr().err
