"""A row of SWE-bench as tests need it, whole and made up."""

from __future__ import annotations

from typing import Any


def swe_row(instance_id: str = "team__project-1", **changes: Any) -> dict[str, Any]:
    """A row with every column that swebench 5 scores by; `changes` replace columns, None removes one."""
    row = {
        "instance_id": instance_id,
        "repo": "team/project",
        "base_commit": "0" * 40,
        "problem_statement": "It fails.",
        "patch": "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n",
        "test_patch": "--- a/test_x.py\n+++ b/test_x.py\n@@ -1 +1 @@\n-a\n+b\n",
        "FAIL_TO_PASS": '["test_x.py::test_a"]',
        "PASS_TO_PASS": "[]",
        "version": "1.0",
        "image": "swebench/sweb.eval.x86_64.team_1776_project-1:latest",
        "eval_script": "#!/bin/bash\n: '>>>>> Start Test Output'\npytest -rA test_x.py\n: '>>>>> End Test Output'\n",
        "log_parser": "parse_log_pytest",
        "eval_type": "pass_and_fail",
        **changes,
    }
    return {name: value for name, value in row.items() if value is not None}
