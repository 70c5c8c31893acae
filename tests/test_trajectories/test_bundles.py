"""Folders of one episode: told by names alone, read in the order of the run, and each broken file is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trajectories.bundles import COMPLETIONS_KEY, EVENTS_KEY, bundle_name, read_bundle
from trajectories.errors import ParseError

CALL = "some__model-1733343804.5.json"


def save(folder: Path, **files: Any) -> Path:
    """The files by name, as JSON; text is written as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return folder


def events(folder: Path, count: int = 3) -> Path:
    return save(folder, **{f"event-{place:05d}-ab-{place}.json": {"place": place} for place in range(count)})


def conversation(folder: Path) -> Path:
    events(folder / "events")
    return save(folder, **{"base_state.json": {"id": "c1"}})


def test_a_conversation_is_the_folder_with_the_state_and_the_events(tmp_path: Path) -> None:
    assert bundle_name(conversation(tmp_path / "c" / "event_service")) == "openhands-sdk"
    assert bundle_name(tmp_path / "c") is None


def test_events_without_a_state_are_a_conversation(tmp_path: Path) -> None:
    assert bundle_name(events(tmp_path / "c" / "events")) == "openhands-sdk"
    assert bundle_name(tmp_path / "c") is None


@pytest.mark.parametrize("given", ["event_service", "event_service/events"])
def test_both_folders_of_a_conversation_give_the_same_row(tmp_path: Path, given: str) -> None:
    conversation(tmp_path / "c7" / "event_service")
    row = read_bundle(tmp_path / "c7" / given)
    assert [event["place"] for event in row[EVENTS_KEY]] == [0, 1, 2]
    assert (row["base_state"], row["conversation"]) == ({"id": "c1"}, "c7")


def test_events_come_by_number_whatever_its_width(tmp_path: Path) -> None:
    names = ["event-10-x.json", "event-9-x.json", "event-00002-x.json"]
    save(tmp_path / "events", **{name: {"name": name} for name in names})
    assert [event["name"] for event in read_bundle(tmp_path / "events")[EVENTS_KEY]] == names[::-1]


def test_numbers_without_a_file_are_counted(tmp_path: Path) -> None:
    whole = read_bundle(events(tmp_path / "whole", 5))
    folder = events(tmp_path / "thin", 5)
    (folder / "event-00001-ab-1.json").unlink()
    assert (whole["missing_events"], read_bundle(folder)["missing_events"]) == (0, 1)


def test_calls_come_by_their_time_though_its_fraction_differs_in_length(tmp_path: Path) -> None:
    names = ["m-1733343804.198706.json", "m-1733343850.15652.json", "m-1733343850.4.json", "m-1733343850.51-ab12.json"]
    save(tmp_path / "a__b-1", **{name: {} for name in names[::-1]})
    row = read_bundle(tmp_path / "a__b-1")
    assert [call["file"] for call in row[COMPLETIONS_KEY]] == names
    assert row["folder"] == "a__b-1"


def test_calls_among_other_data_are_an_ordinary_folder(tmp_path: Path) -> None:
    assert bundle_name(save(tmp_path / "a", **{CALL: {}})) == "openhands-completions"
    assert bundle_name(save(tmp_path / "a", **{"output.jsonl": "{}"})) is None


def test_hidden_files_and_logs_do_not_matter(tmp_path: Path) -> None:
    assert bundle_name(save(tmp_path, **{CALL: {}, ".index.json": {}, "run.log": "x"})) == "openhands-completions"


def test_ordinary_missing_and_unlisted_folders_are_no_bundle(tmp_path: Path) -> None:
    assert bundle_name(tmp_path) is None
    assert bundle_name(tmp_path / "missing") is None
    assert bundle_name(save(tmp_path / "f", **{"a.json": {}}) / "a.json") is None


def test_a_model_named_like_a_version_is_no_call(tmp_path: Path) -> None:
    assert bundle_name(save(tmp_path, **{"claude-3.5.json": {}})) is None


@pytest.mark.parametrize("content", ["{", "[1]", "\udcff", "[" * 100_000])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    folder = events(tmp_path / "events")
    (folder / "event-00001-ab-1.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ParseError, match=r"event-00001-ab-1\.json"):
        read_bundle(folder)


def test_a_conversation_without_events_says_so(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    with pytest.raises(ParseError, match="event-NNNNN"):
        read_bundle(save(tmp_path, **{"base_state.json": {}}))


def test_a_conversation_whose_events_are_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="events"):
        read_bundle(save(tmp_path, **{"base_state.json": {}, "events": "x"}))


def test_an_ordinary_folder_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="expected a folder with"):
        read_bundle(tmp_path)
