"""Rows from before swebench 5 are completed by the tables of swebench 4.1, or refused with the remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from swe_rows import swe_row

from srl_agent.errors import ConfigError
from srl_agent.swe_eval.old_rows import check_columns, complete, known_parsers, missing_columns
from srl_agent.swe_eval.rows import TaskSet, rows_digest, task_of

NEW = {"image": None, "eval_script": None, "log_parser": None, "eval_type": None}
TABLES = {
    "__init__.py": "",
    "harness/__init__.py": "",
    "harness/test_spec/__init__.py": "",
    "harness/constants.py": 'FAIL_ONLY_REPOS = {"team/js"}\n'
    'MAP_REPO_VERSION_TO_SPECS = {repo: {"1.0": {"test_cmd": "run"}} for repo in ("team/project", "team/js")}\n',
    "harness/log_parsers.py": "def parse_log_flask(): ...\n"
    'MAP_REPO_TO_PARSER = {"team/project": parse_log_flask, "team/js": parse_log_flask}\n',
    "harness/test_spec/create_scripts.py": "def make_eval_script_list(row, specs, env, folder, commit, patch):\n"
    "    return [f'cd {folder}', f'git checkout {commit}', specs['test_cmd']]\n",
}
"""What swebench 4.1 has of the three modules that are used, for two repositories of one version."""


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    for name, text in TABLES.items():
        path = tmp_path / "wheel" / "swebench" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "wheel"


def task_set(*rows: dict[str, object]) -> TaskSet:
    tasks = tuple(task_of(row) for row in rows)
    return TaskSet("some", tasks, rows_digest(tasks))


def test_a_row_of_swebench_5_lacks_nothing() -> None:
    assert missing_columns(task_of(swe_row())) == []


@pytest.mark.parametrize("column", ["image", "eval_script", "log_parser", "eval_type", "version"])
def test_a_task_that_cannot_be_scored_is_refused_with_the_remedy(column: str) -> None:
    tasks = task_set(swe_row("a__b-1"), swe_row("a__b-2", **{column: None})).tasks
    with pytest.raises(ConfigError, match=rf"1 of 2 rows lack {column} \(first: a__b-2\).*--swebench4"):
        check_columns(tasks)


def test_an_old_row_is_completed_from_the_tables(wheel: Path) -> None:
    old = task_set(swe_row("a__b-1", **NEW), swe_row("a__b-2"), swe_row("a__b-3", **NEW | {"repo": "team/js"}))
    done = complete(old, wheel)
    check_columns(done.tasks)
    first, kept, script = done.tasks
    assert first.row["eval_script"] == f"#!/bin/bash\nset -uxo pipefail\ncd /testbed\ngit checkout {'0' * 40}\nrun\n"
    assert (first.row["log_parser"], first.row["eval_type"]) == ("parse_log_flask", "pass_and_fail")
    assert first.image == "swebench/sweb.eval.x86_64.a_1776_b-1:latest"
    assert script.row["eval_type"] == "fail_only"
    assert kept == old.tasks[1]
    assert kept.row == old.tasks[1].row
    assert done.digest == rows_digest(done.tasks) != old.digest


def test_what_an_old_row_has_stays(wheel: Path) -> None:
    row = swe_row(**NEW | {"image": "lab/own:1", "log_parser": "parse_log_mine"})
    task = complete(task_set(row), wheel).tasks[0]
    assert (task.image, task.row["log_parser"]) == ("lab/own:1", "parse_log_mine")


@pytest.mark.parametrize("changes", [{"repo": "team/other"}, {"version": "2.0"}, {"version": None}])
def test_a_task_that_the_tables_do_not_know_is_refused(changes: dict[str, str | None], wheel: Path) -> None:
    with pytest.raises(ConfigError, match=r"knows no way to test 1 of 1 tasks \(first: team__project-1\)"):
        complete(task_set(swe_row(**NEW | changes)), wheel)


def test_something_else_than_swebench_4_is_refused(tmp_path: Path) -> None:
    old = task_set(swe_row(**NEW))
    with pytest.raises(ConfigError, match="does not exist; get it with: pip download"):
        complete(old, tmp_path / "none.whl")
    (tmp_path / "swebench").mkdir()
    (tmp_path / "swebench" / "__init__.py").touch()
    with pytest.raises(ConfigError, match=r"cannot be used: ModuleNotFoundError.*expected the wheel of swebench 4\.1"):
        complete(old, tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"log_parser": "parse_log_pytst"}, r"log_parser: 'parse_log_pytst' of a__b-1 is none .* parse_log_pytest"),
        ({"eval_type": "all"}, r"eval_type: 'all' of a__b-1 is none .* fail_only"),
    ],
)
def test_a_column_that_the_harness_does_not_know_is_refused(changes: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_columns(task_set(swe_row("a__b-1", **changes)).tasks)


def test_the_parsers_are_those_that_the_harness_has() -> None:
    asked = "from swebench.harness.log_parsers import PARSER_REGISTRY; print(*PARSER_REGISTRY)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert list(known_parsers()) == done.stdout.split()
