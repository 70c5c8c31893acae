"""Where rows come from: packed files, tables, pipes, Hugging Face data sets; what is said where they are broken."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from trajectory_samples import mini_row, says, swegym_row, swegym_turn

from trajectories.errors import ParseError
from trajectories.fields import Row
from trajectories.formats import read_episodes
from trajectories.records import Episode
from trajectories.sources import find_sources, sources_digest
from trajectories.streams import zstd

ROWS = [swegym_row(*swegym_turn(f"ls {n}"), run_id=f"run_{n}") for n in range(40)]
TEXT = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstd.compress}


def rows_of(path: Path | str) -> list[Row | ParseError]:
    return [row for source in find_sources(path) for _, row in source.rows()]


def texts(episodes: list[Episode]) -> list[Any]:
    return [(e.instance_id, e.traj_id, e.task, e.turns, e.resolved) for e in episodes]


def write_table(path: Path, rows: list[dict[str, Any]]) -> Path:
    parquet.write_table(arrow.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize(("name", "text"), [("a.jsonl", TEXT), ("a.json", json.dumps(ROWS).encode()), ("a", TEXT)])
def test_a_packed_file_reads_as_the_plain_one(tmp_path: Path, packed: str, name: str, text: bytes) -> None:
    (tmp_path / (name + packed)).write_bytes(PACKERS[packed](text))
    assert rows_of(tmp_path / (name + packed)) == ROWS


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_packed_file_that_lost_its_suffix_is_known_by_its_first_bytes(tmp_path: Path, packed: str, name: str) -> None:
    (tmp_path / name).write_bytes(PACKERS[packed](TEXT))
    assert rows_of(tmp_path / name) == ROWS


@pytest.mark.parametrize("packed", PACKERS)
def test_packed_files_joined_to_one_are_read_to_the_end(tmp_path: Path, packed: str) -> None:
    (tmp_path / f"a.jsonl{packed}").write_bytes(PACKERS[packed](TEXT) * 2)
    assert rows_of(tmp_path / f"a.jsonl{packed}") == ROWS * 2


@pytest.mark.parametrize("packed", PACKERS)
def test_a_cut_off_packed_file_keeps_what_came_before_and_names_the_place(tmp_path: Path, packed: str) -> None:
    path = tmp_path / f"a.jsonl{packed}"
    pack = PACKERS[packed]
    path.write_bytes(pack(TEXT) + pack(TEXT)[:-20])
    episodes, report = read_episodes(path)
    last = report.drops[-1]
    assert (len(episodes) >= 40, last.what, last.index) == (True, "episode", len(episodes) + 1)
    assert "cut off from here on" in last.reason


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.json.gz", "a.json.zst"])
def test_a_file_that_is_not_packed_as_it_says_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(TEXT)
    with pytest.raises(ParseError, match=r"damaged or not packed as its suffix says"):
        read_episodes(tmp_path / name)


@pytest.mark.parametrize("name", ["a.json.gz", "a.json.zst"])
def test_a_cut_off_packed_document_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(PACKERS[Path(name).suffix](json.dumps(ROWS).encode())[:-20])
    with pytest.raises(ParseError, match=r"cut off from here on"):
        read_episodes(tmp_path / name)


def test_a_folder_takes_packed_files_and_tables_as_well(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(TEXT))
    (tmp_path / "b.traj.json.zst").write_bytes(zstd.compress(json.dumps(ROWS[0]).encode()))
    write_table(tmp_path / "c.parquet", [{"instance_id": "x"}])
    (tmp_path / "d.txt.gz").write_bytes(gzip.compress(TEXT))
    assert [Path(source.name).name for source in find_sources(tmp_path)] == [
        "a.jsonl.gz",
        "b.traj.json.zst",
        "c.parquet",
    ]


def test_a_glob_of_folders_reads_what_lies_in_them_once(tmp_path: Path) -> None:
    for name in ("run1/a.jsonl", "run2/sub/b.jsonl", "other/c.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(TEXT)
    found = [str(Path(s.name).relative_to(tmp_path)) for s in find_sources(str(tmp_path / "run*/**"))]
    assert found == ["run1/a.jsonl", "run2/sub/b.jsonl"]


def test_a_table_gives_the_episodes_of_its_json(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(TEXT)
    table = read_episodes(write_table(tmp_path / "a.parquet", ROWS))[0]
    assert texts(table) == texts(read_episodes(tmp_path / "a.jsonl")[0])


def test_keys_that_a_table_gives_every_row_are_absent_where_they_have_no_value(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", [{"a": {"x": 1}, "c": [None]}, {"a": {"y": "t"}, "b": None, "c": []}])
    assert rows_of(path) == [{"a": {"x": 1}, "c": [None]}, {"a": {"y": "t"}, "c": []}]


def test_times_bytes_and_maps_of_a_table_become_what_json_has(tmp_path: Path) -> None:
    schema = arrow.schema([("t", arrow.timestamp("s")), ("b", arrow.binary()), ("m", arrow.map_("string", "int64"))])
    table = arrow.Table.from_pylist([{"t": 0, "b": b"x\xff", "m": [("k", 1)]}], schema)
    parquet.write_table(table, tmp_path / "a.parquet")
    assert rows_of(tmp_path / "a.parquet") == [{"t": "1970-01-01T00:00:00", "b": "x\\xff", "m": {"k": 1}}]


def test_a_row_that_is_no_utf8_does_not_end_a_table(tmp_path: Path) -> None:
    text = arrow.array([b"a", b"\xff", b"b"], "binary").view("string")
    parquet.write_table(arrow.table({"x": text}), tmp_path / "a.parquet")
    first, broken, last = rows_of(tmp_path / "a.parquet")
    assert (first, isinstance(broken, ParseError), last) == ({"x": "a"}, True, {"x": "b"})


def test_a_broken_table_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", ROWS)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ParseError, match="cannot be read as parquet"):
        read_episodes(path)


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    parquet.write_table(arrow.table({"instance_id": arrow.array([], "string")}), tmp_path / "a.parquet")
    with pytest.raises(ParseError, match="the table has no rows"):
        read_episodes(tmp_path / "a.parquet")


@pytest.mark.parametrize("text", [TEXT, json.dumps(ROWS, indent=1).encode()])
def test_standard_input_holds_lines_or_a_document(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert rows_of("-") == ROWS


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_packed_pipe_is_unpacked_as_a_file_is(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = PACKERS[suffix](TEXT)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    sources = find_sources("-")
    assert [row for source in sources for _, row in source.rows()] == ROWS
    assert sources[0].digest() == f"- {hashlib.sha256(packed).hexdigest()}"


def test_the_digest_of_a_pipe_is_that_of_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT)))
    sources = find_sources("-")
    read_episodes(sources)
    expected = f"- {hashlib.sha256(TEXT).hexdigest()}\n"
    assert sources_digest(sources) == hashlib.sha256(expected.encode()).hexdigest()


def test_a_pipe_is_not_silently_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT)))
    sources = find_sources("-")
    read_episodes(sources)
    with pytest.raises(ParseError, match="can be read only once; save it to a file"):
        read_episodes(sources)


def test_a_named_pipe_is_read_as_a_stream(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(TEXT,))
    writer.start()
    assert rows_of(tmp_path / "pipe") == ROWS
    writer.join()


def test_the_digest_of_files_follows_names_and_contents(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"{}\n")
    inner = hashlib.sha256(b"{}\n").hexdigest()
    before = sources_digest(find_sources(tmp_path))
    file.write_bytes(b"{} \n")
    assert before == hashlib.sha256(f"a.jsonl {inner}\n".encode()).hexdigest()
    assert sources_digest(find_sources(tmp_path)) != before


@pytest.fixture
def hub_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that `datasets` takes for a data set of one split, and a cache of its own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "owner@home" / "data"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_bytes(TEXT)
    return folder


def test_a_data_set_named_with_its_split_is_read_through_datasets(hub_folder: Path) -> None:
    read = [rows for rows in rows_of(f"{hub_folder}:train") if not isinstance(rows, ParseError)]
    assert [row["run_id"] for row in read] == [row["run_id"] for row in ROWS]


def test_a_data_set_gives_the_episodes_of_its_file(hub_folder: Path) -> None:
    streamed = read_episodes(f"{hub_folder}@default:train")[0]
    assert texts(streamed) == texts(read_episodes(hub_folder / "train.jsonl")[0])


@pytest.mark.parametrize("end", [":test", "@other:train"])
def test_a_split_or_configuration_that_is_none_is_refused(hub_folder: Path, end: str) -> None:
    with pytest.raises(ParseError, match="`datasets` cannot read it"):
        read_episodes(f"{hub_folder}{end}")


def test_the_digest_of_a_data_set_in_a_folder_follows_its_files(hub_folder: Path) -> None:
    before = sources_digest(find_sources(f"{hub_folder}:train"))
    (hub_folder / "train.jsonl").write_bytes(TEXT * 2)
    assert sources_digest(find_sources(f"{hub_folder}:train")) != before


def test_a_path_that_exists_wins_over_a_data_set_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("owner").mkdir()
    Path("owner/name:train").write_bytes(TEXT)
    assert rows_of("owner/name:train") == ROWS


def test_a_hub_that_cannot_be_reached_says_what_to_do() -> None:
    code = "from trajectories.sources import find_sources; find_sources('owner/name:train')"
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert (
        "ParseError: owner/name:train: no such file or folder, and the Hugging Face hub cannot be asked" in run.stderr
    )
    assert "hf download --repo-type dataset owner/name --local-dir DIR" in run.stderr


def test_a_name_that_is_neither_path_nor_data_set_is_refused_without_asking_the_hub(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="expected an existing file, folder or glob, or owner/name:split"):
        find_sources(str(tmp_path / "missing.jsonl:train"))


def test_tables_and_data_sets_are_imported_only_when_needed() -> None:
    heavy = {"pyarrow", "datasets", "huggingface_hub", "httpx"}
    code = f"import sys, trajectories; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=300).returncode == 0


def test_a_mini_swe_agent_file_keeps_its_name_when_packed(tmp_path: Path) -> None:
    row = mini_row(says("assistant", "", tool_calls=[{"function": {"name": "bash", "arguments": '{"command": "ls"}'}}]))
    del row["instance_id"]
    (tmp_path / "a__b-1.traj.json.gz").write_bytes(gzip.compress(json.dumps(row).encode()))
    assert read_episodes(tmp_path)[0][0].instance_id == "a__b-1"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """An ordinary folder with a file of rows and, one level down, a bundle with an event in a folder of its own."""
    events = tmp_path / "runs" / "task-1" / "events"
    events.mkdir(parents=True)
    (events.parent / "base_state.json").write_text("{}")
    (events / "event-00000-a.json").write_text('{"kind": "x"}')
    (tmp_path / "runs" / "a.jsonl").write_bytes(TEXT)
    return events.parent


def test_a_bundle_is_one_source_with_one_row_and_its_files_are_none(bundle: Path) -> None:
    assert [source.name for source in find_sources(bundle.parent)] == [str(bundle.parent / "a.jsonl"), str(bundle)]
    assert [(where.file, where.index) for where, _ in find_sources(bundle)[0].rows()] == [(str(bundle), 1)]


@pytest.mark.parametrize("pattern", ["runs/task*", "runs/**", "*"])
def test_a_glob_takes_a_bundle_once(bundle: Path, pattern: str) -> None:
    names = [source.name for source in find_sources(str(bundle.parent.parent / pattern))]
    assert names.count(str(bundle)) == 1
    assert not [name for name in names if name.startswith(f"{bundle}/")]


def test_a_broken_bundle_is_a_drop_with_its_place(bundle: Path) -> None:
    (bundle / "events" / "event-00000-a.json").write_text("{")
    report = read_episodes(bundle.parent)[1]
    drop = next(drop for drop in report.drops if drop.what == "episode")
    assert (drop.file, drop.index, "event-00000-a.json: broken JSON" in drop.reason) == (str(bundle), 1, True)


def test_the_digest_of_a_bundle_follows_every_file_in_it(bundle: Path) -> None:
    before = sources_digest(find_sources(bundle))
    (bundle / "events" / "event-00000-a.json").write_text('{"kind": "y"}')
    assert sources_digest(find_sources(bundle)) != before
