"""Predictions are read in every public form, and written so that anybody can read them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swe_rows import swe_row

from srl_agent.swe_eval.predictions import (
    by_task,
    gold_predictions,
    prediction_digest,
    read_predictions,
    whole_patch,
    write_predictions,
)
from srl_agent.swe_eval.records import Prediction
from srl_agent.swe_eval.rows import read_tasks, task_of
from trajectories.errors import ParseError


def row(instance_id: str = "a__b-1", patch: str | None = "--- a/x\n", **more: Any) -> dict[str, Any]:
    return {"instance_id": instance_id, "model_name_or_path": "team/model", "model_patch": patch, **more}


def put(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = isinstance(content, list) and path.suffix == ".jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in content) if lines else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("file", "count", "model"),
    [
        ("gold.SWE-bench_Lite.preds.json", 300, "gold"),
        ("mini-swe-agent-v2.deepseek-chat-lite100.preds.json", 100, "deepseek/deepseek-chat"),
        ("predictions_swebench_v1.1.0.jsonl", 15, "blacksmith-ai-engine-v1.1.0"),
    ],
)
def test_predictions_of_others_are_read_whole(file: str, count: int, model: str, shared_data: Path) -> None:
    found = read_predictions(shared_data / "predictions" / file)
    assert len({one.instance_id for one in found}) == len(found) == count
    assert {one.model for one in found} == {model}
    assert all(one.patch.startswith("diff --git ") and one.patch.endswith("\n") for one in found)


def test_the_output_of_openhands_is_read(shared_data: Path) -> None:
    one, other = read_predictions(shared_data / "trajectories" / "openhands-output" / "output.jsonl")
    assert (one.instance_id, one.model) == ("ponylang__ponyc-4595", "openai/openrouter-llama-4-maverick")
    assert one.patch.startswith("diff --git a/src/libponyc/ast/parser.c")
    assert other.patch.startswith("diff --git ")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl", [row("a__b-1"), row("a__b-2")]),
        ("x.json", [row("a__b-1"), row("a__b-2")]),
        ("x.json", {"a__b-1": row("a__b-1"), "a__b-2": row("a__b-2")}),
        (
            "x.json",
            {
                name: {key: value for key, value in row().items() if key != "instance_id"}
                for name in ("a__b-1", "a__b-2")
            },
        ),
    ],
)
def test_a_file_is_lines_a_list_or_an_object_by_instance(name: str, content: object, tmp_path: Path) -> None:
    found = read_predictions(put(tmp_path / name, content))
    assert [one.instance_id for one in found] == ["a__b-1", "a__b-2"]
    assert {(one.model, one.patch) for one in found} == {("team/model", "--- a/x\n")}


@pytest.mark.parametrize(
    "files",
    [
        {"preds.json": {"a__b-1": row("a__b-1"), "a__b-2": row("a__b-2")}, "a__b-1/a__b-1.traj.json": {"messages": []}},
        {"all_preds.jsonl": [row("a__b-1"), row("a__b-2")], "metadata.json": {"x": 1}},
        {"a__b-1/a__b-1.pred": row("a__b-1"), "a__b-2/a__b-2.pred": row("a__b-2"), "a__b-2/a__b-2.traj": {}},
        {"one.json": row("a__b-1"), "two.jsonl": [row("a__b-2")]},
    ],
)
def test_a_folder_holds_them_as_its_agent_leaves_them(files: dict[str, object], tmp_path: Path) -> None:
    for name, content in files.items():
        put(tmp_path / name, content)
    assert [one.instance_id for one in read_predictions(tmp_path)] == ["a__b-1", "a__b-2"]


def test_a_folder_with_two_sets_is_refused(tmp_path: Path) -> None:
    for name in ("preds.json", "all_preds.jsonl"):
        put(tmp_path / name, row())
    with pytest.raises(ParseError, match=r"has preds\.json and all_preds\.jsonl; give the one"):
        read_predictions(tmp_path)


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps([row()]).encode())))
    assert [one.instance_id for one in read_predictions("-")] == ["a__b-1"]


@pytest.mark.parametrize(
    ("patch", "read"),
    [
        (None, ""),
        ("", ""),
        (" \n\n", ""),
        ("--- a/x\n+++ b/x", "--- a/x\n+++ b/x\n"),
        ("--- a/x\r\n-a\r\n", "--- a/x\r\n-a\r\n"),
        ("-a\r", "-a\r\n"),
    ],
)
def test_a_patch_keeps_its_line_ends_and_gets_back_the_last(patch: str | None, read: str, tmp_path: Path) -> None:
    assert read_predictions(put(tmp_path / "x.jsonl", [row(patch=patch)]))[0].patch == read


@given(patch=st.text(), effort=st.dictionaries(st.text(), st.integers()), suffix=st.sampled_from([".json", ".jsonl"]))
def test_what_is_written_is_read_back(
    patch: str, effort: dict[str, int], suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    prediction = Prediction("a__b-1", "team/model", whole_patch(patch), effort)
    file = tmp_path_factory.mktemp("written") / f"preds{suffix}"
    write_predictions(file, [prediction])
    assert read_predictions(file) == [prediction]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([row(), {"model_name_or_path": "m", "model_patch": ""}], r":2: instance_id: missing"),
        ([{"instance_id": "a__b-1", "model_patch": ""}], r":1: model_name_or_path: missing"),
        ([{"instance_id": "a__b-1", "model_name_or_path": "m"}], r":1: model_patch: missing"),
        ([row(patch=3)], r":1: model_patch: expected text, found a whole number"),
        ([row(), row(patch="--- a/y\n")], r":2: another patch for a__b-1 than .*:1"),
        ([3], r":1: expected a JSON object, found a whole number"),
    ],
)
def test_what_is_no_prediction_is_refused_with_its_place(content: list[Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=words):
        read_predictions(put(tmp_path / "x.jsonl", content))


def test_an_object_by_instance_whose_rows_say_another_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="a__b-1: instance_id: expected the same, found 'a__b-2'"):
        read_predictions(put(tmp_path / "x.json", {"a__b-1": row("a__b-2")}))


def test_the_same_prediction_twice_is_one(tmp_path: Path) -> None:
    assert len(read_predictions(put(tmp_path / "x.jsonl", [row(), row()]))) == 1


def test_predictions_for_other_tasks_are_told_apart() -> None:
    predictions = [Prediction("a__b-1", "m", ""), Prediction("c__d-1", "m", "")]
    found, strange = by_task([task_of(swe_row("a__b-1")), task_of(swe_row("a__b-2"))], predictions)
    assert (found, strange) == ({"a__b-1": predictions[0]}, ["c__d-1"])


def test_gold_predictions_are_those_that_the_harness_publishes(shared_data: Path) -> None:
    lite = {
        one.instance_id: one for one in read_predictions(shared_data / "predictions/gold.SWE-bench_Lite.preds.json")
    }
    tasks = read_tasks(shared_data / "swe-tasks" / "SWE-bench_Verified.test.2026-08-10.parquet").tasks
    both = [one for one in gold_predictions(tasks) if one.instance_id in lite]
    assert len(both) == 93
    assert [one for one in both if one != lite[one.instance_id]] == []


def test_a_digest_is_that_of_task_and_patch_alone() -> None:
    one = Prediction("a__b-1", "m", "--- a/x\n")
    assert prediction_digest(one) == prediction_digest(Prediction("a__b-1", "other", "--- a/x\n", {"steps": 1}))
    assert prediction_digest(one) != prediction_digest(Prediction("a__b-2", "m", "--- a/x\n"))
    assert prediction_digest(one) != prediction_digest(Prediction("a__b-1", "m", "--- a/x\r\n"))


def test_a_report_of_the_harness_is_told_from_predictions(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"total_instances": 1, "resolved_ids": ["a__b-1"]}))
    with pytest.raises(ParseError, match="a report of the harness, which `srl-agent eval report` shows"):
        read_predictions(tmp_path / "report.json")
