"""The official harness on miniature tasks of real projects: the known patches get the known scores."""

from __future__ import annotations

from pathlib import Path

import pytest
from mini_tasks import rows
from needs import need

from envs.docker_engine import why_no_engine
from envs.images import is_here
from srl_agent.swe_eval.harness import score
from srl_agent.swe_eval.harness_run import Settings
from srl_agent.swe_eval.predictions import gold_predictions
from srl_agent.swe_eval.records import Prediction, Status, Task, Verdict
from srl_agent.swe_eval.rows import task_of

BASE = "srl-agent/base:bookworm"
FORGING = """--- /dev/null
+++ b/conftest.py
@@ -0,0 +1,7 @@
+import pytest
+
+
+@pytest.hookimpl(hookwrapper=True)
+def pytest_runtest_makereport(item, call):
+    report = yield
+    report.get_result().outcome = "passed"
"""
WRONG = "--- /dev/null\n+++ b/notes.txt\n@@ -0,0 +1 @@\n+It is fixed.\n"
OFF = "--- a/no_such_file.py\n+++ b/no_such_file.py\n@@ -1 +1 @@\n-a\n+b\n"


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    if reason := why_no_engine():
        need(reason)
    if not is_here(BASE):
        need(f"image {BASE} is not here; docker/make-base-image {BASE} ~/.cache/srl-agent/images")
    return [task_of(row) for row in rows()]


def scored(tasks: list[Task], patches: list[str], folder: Path) -> list[Verdict]:
    predictions = {
        task.instance_id: Prediction(task.instance_id, "m", patch) for task, patch in zip(tasks, patches, strict=True)
    }
    return score(tasks, predictions, Settings(folder, workers=2, timeout=300, unsafe_daemon=True))


def test_the_fixes_resolve_all_tasks(tasks: list[Task], tmp_path: Path) -> None:
    verdicts = scored(tasks, [one.patch for one in gold_predictions(tasks)], tmp_path)
    assert len(verdicts) >= 5
    assert {(one.status, one.harness_resolved) for one in verdicts} == {(Status.RESOLVED, True)}


def test_empty_patches_resolve_none(tasks: list[Task], tmp_path: Path) -> None:
    assert {one.status for one in scored(tasks, [""] * len(tasks), tmp_path)} == {Status.EMPTY}


def test_patches_that_fix_nothing_are_told_apart(tasks: list[Task], tmp_path: Path) -> None:
    wrong, off, forging = scored(tasks[:3], [WRONG, OFF, FORGING], tmp_path)
    assert (wrong.status, off.status) == (Status.UNRESOLVED, Status.NOT_APPLIED)
    # The harness alone believes it.
    assert (forging.status, forging.detail, forging.harness_resolved) == (Status.FLAGGED, "conftest.py", True)
