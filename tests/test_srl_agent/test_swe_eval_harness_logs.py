"""The harness's files give a verdict, or say why there is none; samples are of swebench 5.0.2, shortened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from srl_agent.swe_eval.harness_logs import settled, trouble
from srl_agent.swe_eval.records import Status

ID, PATCH = "a__b-1", "--- a/x\r\n+++ b/x\n"
STAMP = "2026-11-21 17:00:00,000 - INFO - "
RAISED = (
    "Traceback (most recent call last):\n  File x\nswebench.harness.utils.EvaluationError: Error in evaluation for "
)
NOT_APPLIED = (
    f"{STAMP}Failed to apply patch to container: git apply --verbose\n"
    f"{STAMP}>>>>> Patch Apply Failed:\npatching file x.py\nHunk #1 FAILED at 1.\n{STAMP}{RAISED}{ID}: >>>>> Patch\n"
)
TIMED_OUT = f"{STAMP}Test runtime: 1_003.50 seconds\n{STAMP}{RAISED}{ID}: Test timed out after 1000 seconds.\n"
NO_ENGINE = (
    f"2026-11-21 17:00:00,000 - ERROR - Error creating container for {ID}: 500 Server Error: no space left\n"
    f"{STAMP}Traceback (most recent call last):\ndocker.errors.APIError: 500 Server Error: no space left\n"
)
TESTS = {
    "FAIL_TO_PASS": {"success": ["t::a"], "failure": ["t::b"]},
    "PASS_TO_PASS": {"success": ["t::c", "t::d"], "failure": []},
}


def logs(folder: Path, log: str = "", report: dict[str, Any] | None = None, patch: str = PATCH) -> Path:
    (folder / "patch.diff").write_bytes(patch.encode())
    (folder / "run_instance.log").write_text(log)
    if report is not None:
        (folder / "report.json").write_text(json.dumps({ID: {"patch_exists": True, "resolved": False, **report}}))
    return folder


@pytest.mark.parametrize(
    ("log", "report", "status", "detail"),
    [
        ("", {"resolved": True, "tests_status": TESTS}, Status.RESOLVED, ""),
        (
            "",
            {"tests_status": TESTS},
            Status.UNRESOLVED,
            "1 of 2 FAIL_TO_PASS pass, 2 of 2 PASS_TO_PASS still pass",
        ),
        ("", {}, Status.UNRESOLVED, "no result of a test in the output"),
        (
            "",
            {"infra_failure": False, "infra_failure_reason": "missing_module"},
            Status.UNRESOLVED,
            "no result of a test in the output (missing_module)",
        ),
        (NOT_APPLIED, None, Status.NOT_APPLIED, "patching file x.py Hunk #1 FAILED at 1."),
        (TIMED_OUT, None, Status.UNRESOLVED, "the tests ran out of time (1000 s)"),
    ],
)
def test_what_the_harness_decided_is_a_verdict(
    log: str, report: dict[str, Any] | None, status: Status, detail: str, tmp_path: Path
) -> None:
    found = settled(logs(tmp_path, log, report), ID, PATCH)
    assert found is not None
    assert (found.status, found.detail) == (status, detail)
    assert found.harness_resolved is (status is Status.RESOLVED)


def test_the_seconds_of_the_tests_are_read(tmp_path: Path) -> None:
    found = settled(logs(tmp_path, TIMED_OUT), ID, PATCH)
    assert found is not None
    assert found.seconds == 1003.5


def test_a_verdict_on_another_patch_is_none(tmp_path: Path) -> None:
    assert settled(logs(tmp_path, report={"resolved": True}), ID, PATCH.replace("\r", "")) is None


def test_a_report_that_a_kill_has_cut_is_none(tmp_path: Path) -> None:
    folder = logs(tmp_path, report={"resolved": True})
    whole = (folder / "report.json").read_text()
    for end in range(len(whole)):
        (folder / "report.json").write_text(whole[:end])
        assert settled(folder, ID, PATCH) is None


@pytest.mark.parametrize("log", ["", f"{STAMP}Creating container for {ID}...\n", NO_ENGINE])
def test_a_run_without_an_outcome_is_none(log: str, tmp_path: Path) -> None:
    assert settled(logs(tmp_path, log), ID, PATCH) is None


def test_a_folder_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert settled(tmp_path / "none", ID, PATCH) is None
    assert trouble(tmp_path / "none", ID) == "the harness did not begin it"


def test_a_patch_cannot_write_the_harness_words(tmp_path: Path) -> None:
    diff = "".join(f"+{line}\n" for line in (NOT_APPLIED + TIMED_OUT).splitlines())
    assert settled(logs(tmp_path, f"{STAMP}Git diff before:\n{diff}"), ID, PATCH) is None


def test_a_fault_of_the_environment_is_no_verdict_but_a_trouble(tmp_path: Path) -> None:
    folder = logs(tmp_path, report={"infra_failure": True, "infra_failure_reason": "out_of_memory"})
    assert settled(folder, ID, PATCH) is None
    assert trouble(folder, ID) == "the tests gave no result: out_of_memory"


@pytest.mark.parametrize(
    "said",
    [
        "fatal: No space left on device",
        "OCI runtime exec failed: exec failed: unable to",
        "test_x.py ../eval.sh: line 52: 49 Killed                  pytest -rA test_x.py",
    ],
)
def test_what_the_engine_says_in_place_of_a_result_is_no_verdict(said: str, tmp_path: Path) -> None:
    folder = logs(tmp_path, report={})
    (folder / "test_output.txt").write_text(f"x\n{said}\n")
    assert settled(folder, ID, PATCH) is None
    assert trouble(folder, ID).removeprefix("the tests gave no result: ") in said


def test_what_tests_that_gave_results_print_changes_no_verdict(tmp_path: Path) -> None:
    folder = logs(tmp_path, report={"tests_status": TESTS})
    (folder / "test_output.txt").write_text("No space left on device\n")
    found = settled(folder, ID, PATCH)
    assert found is not None
    assert found.status is Status.UNRESOLVED


def test_a_patch_that_could_not_be_applied_for_want_of_disk_is_no_verdict(tmp_path: Path) -> None:
    folder = logs(tmp_path, NOT_APPLIED.replace("Hunk #1 FAILED at 1.", "patch: write error: No space left on device"))
    assert settled(folder, ID, PATCH) is None
    assert "No space left on device" in trouble(folder, ID)


def test_the_first_cause_of_a_failure_is_told(tmp_path: Path) -> None:
    assert trouble(logs(tmp_path, NO_ENGINE), ID) == (
        f"Error creating container for {ID}: 500 Server Error: no space left"
    )


def test_a_run_that_was_cut_off_says_so(tmp_path: Path) -> None:
    assert trouble(logs(tmp_path, f"{STAMP}Creating container\n"), ID) == "the harness ended without a word on it"


def test_tests_that_pass_in_place_of_the_hidden_ones_resolve_nothing(tmp_path: Path) -> None:
    folder = logs(tmp_path, report={"resolved": True, "tests_status": TESTS})
    (folder / "test_output.txt").write_text("error: test_x.py: already exists in working directory\n")
    found = settled(folder, ID, PATCH, "--- /dev/null\n+++ b/test_x.py\n@@ -0,0 +1 @@\n+x\n")
    assert found is not None
    assert (found.status, found.harness_resolved) == (Status.FLAGGED, True)
    assert found.detail == "the hidden tests could not be put in place: test_x.py: already exists in working directory"
