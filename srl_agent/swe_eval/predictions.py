"""Predictions in the public forms: read from files and folders of other agents, written, and named by a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from srl_agent.swe_eval.records import Prediction, Task
from trajectories.errors import ParseError
from trajectories.fields import Row, describe_keys, get_name, get_object, optional_text
from trajectories.report import Where
from trajectories.sources import STANDARD_INPUT, find_sources
from trajectories.store import write_atomically

NAMES = ("preds.json", "all_preds.jsonl", "predictions.json", "predictions.jsonl", "output.jsonl")
"""What folders of predictions hold them in: mini-swe-agent and SWE-agent 1, submissions to SWE-bench, others,
OpenHands."""
_FORM = "expected instance_id, model_name_or_path and model_patch: a line or list item each, or such objects by id"


def read_predictions(name: Path | str) -> list[Prediction]:
    """The predictions of a `.jsonl`, a JSON list, a `preds.json` keyed by instance, or a folder of one of them.

    Rows are in the public form, or OpenHands' (`output.jsonl`). A folder holds one of NAMES, else `.pred` files at any
    depth (SWE-agent), else JSON files. Line ends inside a patch stay as they are; a missing one at its end is restored,
    as the harness cannot apply a patch without. ParseError where a row is none, or two differ for one task.
    """
    found: dict[str, tuple[Prediction, Where]] = {}
    for file in _files(name):
        for source in find_sources(file):
            for where, row in source.rows():
                for prediction in _row_predictions(row, where):
                    _keep(found, prediction, where)
    return [prediction for prediction, _ in found.values()]


def _files(name: Path | str) -> list[Path | str]:
    folder = Path(name)
    if str(name) == STANDARD_INPUT or not folder.is_dir():
        return [name]
    named = [folder / one for one in NAMES if (folder / one).is_file()]
    if len(named) > 1:
        raise ParseError(f"{folder}: has {' and '.join(path.name for path in named)}; give the one that is meant")
    loose = [path for suffix in ("*.json", "*.jsonl") for path in folder.glob(suffix)]
    files = named or sorted(folder.rglob("*.pred")) or sorted(loose)
    if not files:
        raise ParseError(f"{folder}: expected {', '.join(NAMES)}, or files ending in .pred, .json or .jsonl")
    return list(files)


def _row_predictions(row: Row | ParseError, where: Where) -> Iterator[Prediction]:
    try:
        if isinstance(row, ParseError):
            raise row
        if "resolved_ids" in row:
            raise ParseError("this is a report of the harness, which `srl-agent eval report` shows")
        if "instance_id" in row or not row or not all(isinstance(value, dict) for value in row.values()):
            yield _prediction(row)
        else:
            yield from (_keyed(key, value) for key, value in row.items())
    except ParseError as error:
        raise ParseError(f"{where.file}:{where.index}: {error}; {_FORM}") from error


def _keyed(key: str, row: Row) -> Prediction:
    try:
        prediction = _prediction({"instance_id": key, **row})
    except ParseError as error:
        raise ParseError(f"{key}: {error}") from error
    if prediction.instance_id != key:
        raise ParseError(f"{key}: instance_id: expected the same, found '{prediction.instance_id}'")
    return prediction


def _prediction(row: Row) -> Prediction:
    if "model_patch" not in row and isinstance(row.get("test_result"), dict):
        row = _of_openhands(row)
    instance_id, model = get_name(row, "instance_id"), get_name(row, "model_name_or_path")
    if "model_patch" not in row:
        raise ParseError(f"model_patch: missing; the keys are {describe_keys(row)}")
    effort = row.get("effort")
    return Prediction(
        instance_id, model, whole_patch(optional_text(row, "model_patch")), effort if isinstance(effort, dict) else {}
    )


def _of_openhands(row: Row) -> Row:
    """A row of OpenHands' `output.jsonl`, in the public form."""
    model = get_name(
        get_object(get_object(row, "metadata"), "llm_config", "metadata."), "model", "metadata.llm_config."
    )
    patch = optional_text(row["test_result"], "git_patch", "test_result.")
    return {"instance_id": row.get("instance_id"), "model_name_or_path": model, "model_patch": patch}


def whole_patch(patch: str) -> str:
    """The patch with a line end behind its last line; empty where it has only blanks."""
    if not patch.strip():
        return ""
    return patch if patch.endswith("\n") else patch + "\n"


def _keep(found: dict[str, tuple[Prediction, Where]], new: Prediction, where: Where) -> None:
    known = found.setdefault(new.instance_id, (new, where))
    if known[0].patch != new.patch:
        before = known[1]
        raise ParseError(
            f"{where.file}:{where.index}: another patch for {new.instance_id} than {before.file}:{before.index}; "
            "a task is scored once, so keep one of them"
        )


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write them whole or not at all: an object by instance where the name ends in `.json`, else a line each."""
    rows = [_to_row(prediction) for prediction in predictions]
    if path.suffix == ".json":
        write_atomically(path, [json.dumps({row["instance_id"]: row for row in rows}, indent=2)])
    else:
        write_atomically(path, map(json.dumps, rows))


def _to_row(prediction: Prediction) -> dict[str, Any]:
    effort = {"effort": dict(prediction.effort)} if prediction.effort else {}
    return {
        "instance_id": prediction.instance_id,
        "model_name_or_path": prediction.model,
        "model_patch": prediction.patch,
        **effort,
    }


def gold_predictions(tasks: Sequence[Task]) -> list[Prediction]:
    """The tasks' own fixes, for a check of images and harness; the model is `gold`, as the harness calls them."""
    return [Prediction(task.instance_id, "gold", whole_patch(task.gold_patch)) for task in tasks]


def by_task(tasks: Sequence[Task], predictions: Sequence[Prediction]) -> tuple[dict[str, Prediction], list[str]]:
    """The predictions for these tasks by id, and the ids of those for other tasks."""
    ids = {task.instance_id for task in tasks}
    found = {one.instance_id: one for one in predictions if one.instance_id in ids}
    return found, [one.instance_id for one in predictions if one.instance_id not in ids]


def prediction_digest(prediction: Prediction) -> str:
    """SHA-256 over the task's id and the patch: what a score belongs to, whichever model it came from."""
    return hashlib.sha256(json.dumps([prediction.instance_id, prediction.patch]).encode()).hexdigest()
