"""Tasks of a benchmark: read, checked, selected, and named by a digest of their rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from swe_rows import swe_row

from srl_agent.errors import ConfigError
from srl_agent.swe_eval.rows import BENCHMARKS, TaskSet, read_tasks, rows_digest, select, task_of
from trajectories.errors import ParseError


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def task_set(*ids: str) -> TaskSet:
    tasks = tuple(task_of(swe_row(name)) for name in ids)
    return TaskSet("some", tasks, rows_digest(tasks))


def ids(tasks: TaskSet) -> list[str]:
    return [task.instance_id for task in tasks.tasks]


SOME = task_set("astropy__astropy-1", "django__django-10", "django__django-11", "django__django-12")


def test_all_rows_of_verified_are_tasks(shared_data: Path) -> None:
    tasks = read_tasks(shared_data / "swe-tasks" / "SWE-bench_Verified.test.2026-08-10.parquet").tasks
    assert len(tasks) == 500
    assert all(task.fail_to_pass and task.difficulty and task.row["eval_script"] for task in tasks)
    assert tasks[0].image == "swebench/sweb.eval.x86_64.astropy_1776_astropy-12907:latest"


def test_the_digest_is_that_of_the_rows_whatever_file_and_order_they_come_in(shared_data: Path, tmp_path: Path) -> None:
    table = read_tasks(shared_data / "swe-tasks" / "SWE-bench_Lite.dev.2026-08-09.parquet")
    rows = [dict(task.row) for task in reversed(table.tasks)]
    assert read_tasks(write(tmp_path / "lines.jsonl", *rows)).digest == table.digest
    (tmp_path / "list.json").write_text(json.dumps([{**row, "difficulty": None} for row in rows]))
    assert read_tasks(tmp_path / "list.json").digest == table.digest
    rows[0]["test_patch"] += "\n"
    assert read_tasks(write(tmp_path / "changed.jsonl", *rows)).digest != table.digest


@pytest.mark.parametrize("tests", [["a.py::t", "b.py::u[1-2]"], '["a.py::t", "b.py::u[1-2]"]'])
def test_names_of_tests_are_a_list_or_its_json_text(tests: object, tmp_path: Path) -> None:
    task = read_tasks(write(tmp_path / "rows.jsonl", swe_row(FAIL_TO_PASS=tests))).tasks[0]
    assert task.fail_to_pass == ("a.py::t", "b.py::u[1-2]")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"repo": None}, "repo: missing"),
        ({"test_patch": None}, "test_patch: missing"),
        ({"PASS_TO_PASS": None}, "PASS_TO_PASS: missing"),
        ({"FAIL_TO_PASS": "[]"}, "FAIL_TO_PASS: names no test"),
        ({"FAIL_TO_PASS": '["a'}, "FAIL_TO_PASS: expected a list of test names"),
        ({"FAIL_TO_PASS": [1]}, "FAIL_TO_PASS: expected a list of test names"),
        ({"patch": 3}, "patch: expected text, found a whole number"),
        ({"instance_id": "../up"}, "instance_id: '../up' has characters"),
    ],
)
def test_a_broken_row_is_refused_with_file_row_and_column(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", swe_row("a__b-1"), swe_row(**{"instance_id": "a__b-2", **changes}))
    with pytest.raises(ParseError) as caught:
        read_tasks(file)
    assert str(caught.value).startswith(f"{file}:2: {words}")
    assert "expected a row with the columns of SWE-bench" in str(caught.value)


@pytest.mark.parametrize("again", ["a__b-1", "A__b-1"])
def test_a_task_stands_once_in_a_benchmark(again: str, tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"rows\.jsonl:2: instance_id: .* stands twice"):
        read_tasks(write(tmp_path / "rows.jsonl", swe_row("a__b-1"), swe_row(again)))


def test_an_image_is_named_by_its_row_else_as_the_harness_does() -> None:
    assert task_of(swe_row(image="lab/own:1")).image == "lab/own:1"
    assert task_of(swe_row("a__b-1", image=None)).image == "swebench/sweb.eval.x86_64.a_1776_b-1:latest"


def test_a_folder_with_several_splits_is_read_by_the_one_that_is_named(tmp_path: Path) -> None:
    for split, name in (("dev", "a__b-1"), ("test", "a__b-2")):
        table = pyarrow.Table.from_pylist([swe_row(name)])
        parquet.write_table(table, tmp_path / f"{split}-00000-of-00001.parquet")
    with pytest.raises(ConfigError, match=r"has the splits dev, test; name one of them, as .*:test"):
        read_tasks(tmp_path)
    assert ids(read_tasks(f"{tmp_path}:test")) == ["a__b-2"]


def test_an_unknown_benchmark_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=f"unknown name 'swebench-verifed'; known: {', '.join(BENCHMARKS)}"):
        read_tasks("swebench-verifed")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_of_that_name_is_a_file_where_one_has_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / name, swe_row())
    monkeypatch.chdir(tmp_path)
    assert len(read_tasks(name).tasks) == 1


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        ({"slice": "1:3"}, ["django__django-10", "django__django-11"]),
        ({"slice": "::2"}, ["astropy__astropy-1", "django__django-11"]),
        ({"slice": "-1:"}, ["django__django-12"]),
        ({"filter": "^django"}, ["django__django-10", "django__django-11", "django__django-12"]),
        ({"filter": "1$"}, ["astropy__astropy-1", "django__django-11"]),
        ({"filter": "django", "slice": ":1"}, ["django__django-10"]),
        ({"ids": ["django__django-12", "astropy__astropy-1"]}, ["astropy__astropy-1", "django__django-12"]),
    ],
)
def test_tasks_are_selected_by_ids_then_pattern_then_slice(chosen: dict[str, Any], left: list[str]) -> None:
    assert ids(select(SOME, **chosen)) == left


@given(st.lists(st.sampled_from(ids(SOME)), min_size=1, unique=True))
def test_a_selection_and_what_it_left_out_are_the_whole(chosen: list[str]) -> None:
    part = select(SOME, ids=chosen)
    assert sorted([*ids(part), *part.left_out]) == sorted(ids(SOME))
    assert part.digest == rows_digest(part.tasks)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"slice": "1"}, "--slice: '1' is no slice"),
        ({"slice": "a:b"}, "--slice: 'a:b' is no slice"),
        ({"slice": "::0"}, "--slice: '::0' is no slice"),
        ({"filter": "("}, "--filter: '\\(' is no regular expression"),
        ({"ids": ["django__django-13"]}, "has no task django__django-13; did you mean django__django-1"),
        ({"filter": "flask"}, "none of 4 tasks is left"),
    ],
)
def test_a_selection_that_cannot_be_is_refused(chosen: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        select(SOME, **chosen)
