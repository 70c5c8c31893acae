"""Run by a process of its own with swebench 4.1 on its path: rows in, the columns of swebench 5 out, as JSON.

Only the script that runs the tests is made: those that build an image would fetch files of the repository.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from swebench.harness.constants import FAIL_ONLY_REPOS, MAP_REPO_VERSION_TO_SPECS
from swebench.harness.log_parsers import MAP_REPO_TO_PARSER
from swebench.harness.test_spec.create_scripts import make_eval_script_list


def columns(row: dict[str, Any]) -> dict[str, str]:
    """eval_script, log_parser and eval_type; empty where 4.1 has no entry for the row's repository and version."""
    repo = row["repo"]
    specs = MAP_REPO_VERSION_TO_SPECS.get(repo, {}).get(row["version"])
    if specs is None or repo not in MAP_REPO_TO_PARSER:
        return {}
    lines = make_eval_script_list(row, specs, "testbed", "/testbed", row["base_commit"], row["test_patch"])
    return {
        "eval_script": "\n".join(["#!/bin/bash", "set -uxo pipefail", *lines]) + "\n",
        "log_parser": MAP_REPO_TO_PARSER[repo].__name__,
        "eval_type": "fail_only" if repo in FAIL_ONLY_REPOS else "pass_and_fail",
    }


if __name__ == "__main__":
    print(json.dumps({row["instance_id"]: columns(row) for row in json.load(sys.stdin)}))
