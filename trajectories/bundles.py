"""Folders that hold one episode over many files, as one row: OpenHands' SDK event logs and its logs of model calls.

Two kinds, told by the names of a folder's entries alone:

* `openhands-sdk`: a conversation of the OpenHands SDK is the folder with `base_state.json` and `events/`; an `events`
  folder given (or found) without the state beside it is one as well. Its files are `event-NNNNN-<id>.json`.
* `openhands-completions`: one run's model calls, `<model>-<unix time>.json`. A folder with other JSON files among
  them is an ordinary one, so that nothing in it is passed over.

Any folder above them is an ordinary one: whoever walks it meets the bundle on the way down.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import Row, kind_of

SDK = "openhands-sdk"
COMPLETIONS = "openhands-completions"

EVENTS_KEY = "openhands_sdk_events"
COMPLETIONS_KEY = "openhands_completions"
"""Keys that only these bundles have, for the readers to know them by."""

_EVENT = re.compile(r"event-\d{1,9}(?:-[\w-]{1,80})?\.json", re.ASCII)
# `<model>-<time.time()>.json` in OpenHands 0.x (openhands/llm/llm.py), with a short id behind the time in its SDK.
_COMPLETION = re.compile(r".+-(\d{9,11}\.\d{1,9})(?:-[0-9a-f]{4,36})?\.json", re.ASCII)
_JSON = (".json", ".jsonl", ".ndjson")
_STATE = "base_state.json"


def bundle_name(folder: Path) -> str | None:
    """Which kind of bundle the folder is, None for an ordinary folder or one that cannot be listed."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return None
    if _STATE in names and "events" in names:
        return SDK
    data = [name for name in names if name.endswith(_JSON) and not name.startswith(".")]
    if any(_EVENT.fullmatch(name) for name in data):
        return SDK
    return COMPLETIONS if data and all(_COMPLETION.fullmatch(name) for name in data) else None


def read_bundle(folder: Path) -> Row:
    """The folder's files as one row; ParseError names the file that is broken, or says what the folder is not."""
    name = bundle_name(folder)
    if name is None:
        raise ParseError(f"{folder}: expected a folder with event-NNNNN-*.json or <model>-<time>.json files")
    return _read_events(folder) if name == SDK else _read_completions(folder)


def _read_events(folder: Path) -> Row:
    state = folder / _STATE
    events = folder / "events"
    if not state.exists():
        state, events = folder.parent / _STATE, folder
    files = _json_files(events)
    if not any(_EVENT.fullmatch(file.name) for file in files):
        raise ParseError(f"{events}: expected files event-NNNNN-<id>.json in it, found none")
    return {
        EVENTS_KEY: [_read_object(file) for file in sorted(files, key=_event_order)],
        "base_state": _read_object(state) if state.is_file() else {},
        "conversation": _conversation(events.absolute()),
        "missing_events": _missing(files),
    }


def _event_order(file: Path) -> tuple[int, str]:
    """By number, whatever its width; a file of another name stands last."""
    number = file.name.split("-")[1].removesuffix(".json") if _EVENT.fullmatch(file.name) else ""
    return (int(number) if number else 10**9, file.name)


def _missing(files: list[Path]) -> int:
    """How many numbers below the last one have no file: a copy that was cut short or thinned out."""
    numbers = {_event_order(file)[0] for file in files if _EVENT.fullmatch(file.name)}
    return max(numbers) + 1 - len(numbers)


def _conversation(events: Path) -> str:
    """The name of the nearest folder that is not one of the SDK's own."""
    return next((part for part in reversed(events.parts) if part not in ("events", "event_service")), "")


def _read_completions(folder: Path) -> Row:
    files = sorted(_json_files(folder), key=_completion_order)
    calls = [{**_read_object(file), "file": file.name} for file in files]
    return {COMPLETIONS_KEY: calls, "folder": folder.absolute().name}


def _completion_order(file: Path) -> tuple[float, str]:
    """By the time in the name: the length of its fraction differs, so the names do not sort by themselves."""
    found = _COMPLETION.fullmatch(file.name)
    return (float(found[1]) if found else 0.0, file.name)


def _json_files(folder: Path) -> list[Path]:
    try:
        return [file for file in folder.iterdir() if file.suffix == ".json" and not file.name.startswith(".")]
    except OSError as error:
        raise ParseError(f"{folder}: cannot be read: {error.strerror or error}") from error


def _read_object(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ParseError(f"{file}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ParseError(f"{file}: not UTF-8 text (byte {error.start})") from error
    except RecursionError as error:
        raise ParseError(f"{file}: JSON nested too deeply") from error
    except ValueError as error:
        raise ParseError(f"{file}: broken JSON: {error}") from error
    if not isinstance(value, dict):
        raise ParseError(f"{file}: expected a JSON object, found {kind_of(value)}")
    return value
