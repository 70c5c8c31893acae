"""Files, folders and globs of rows: what is read, what is dropped with its reason, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trajectory_samples import call, episode, mini_row, says, swegym_row, swegym_turn, swesmith_row

from trajectories.errors import ParseError
from trajectories.formats import FORMATS, find_reader, iter_episodes, read_episodes
from trajectories.records import Action
from trajectories.report import Tally, Where
from trajectories.store import write_episodes

GOOD = swegym_row(*swegym_turn())
XML = "<function=bash>\n<parameter=command>ls</parameter>\n</function>"


def mini(command: str = "ls", **more: Any) -> dict[str, Any]:
    return mini_row(says("assistant", "", tool_calls=[call("bash", {"command": command})]), **more)


def lines(path: Path, *rows: Any) -> Path:
    path.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("row", "format"),
    [(GOOD, "swegym-openhands"), (swesmith_row(says("assistant", XML)), "swesmith-xml"), (mini(), "mini-swe-agent-v2")],
)
def test_the_format_of_a_row_is_detected(tmp_path: Path, row: dict[str, Any], format: str) -> None:
    episodes, report = read_episodes(lines(tmp_path / "a.jsonl", row))
    assert (episodes[0].source, report.formats) == (format, {format: 1})


def test_one_file_may_mix_formats(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", GOOD, swesmith_row(says("assistant", XML)), mini())
    assert [e.source for e in read_episodes(path)[0]] == ["swegym-openhands", "swesmith-xml", "mini-swe-agent-v2"]


def test_our_own_episodes_are_read_back_by_detection(tmp_path: Path) -> None:
    write_episodes(tmp_path / "own.jsonl", [episode()])
    assert read_episodes(tmp_path / "own.jsonl")[0] == [episode()]


def test_detection_takes_only_one_format_for_each_sample_row() -> None:
    for row in (GOOD, swesmith_row(says("assistant", XML)), mini(), {"schema": "srl-agent/episode-1"}):
        assert sum(find_reader(name).looks_like(row) for name in FORMATS) == 1


def test_the_named_format_overrides_detection(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"srl-agent: schema: expected 'srl-agent/episode-1'"):
        read_episodes(lines(tmp_path / "a.jsonl", GOOD), format="srl-agent")


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ParseError) as error:
        read_episodes(lines(tmp_path / "a.jsonl", GOOD), format="swe-gym")
    assert all(name in str(error.value) for name in ["'swe-gym'", *FORMATS])


def test_a_file_of_no_known_format_names_the_keys_it_has(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"a.jsonl:1: no known format .* keys 'prompt', 'answer'"):
        read_episodes(lines(tmp_path / "a.jsonl", {"prompt": "x", "answer": "y"}))


@pytest.mark.parametrize("content", [GOOD, [GOOD], [GOOD, mini()]])
def test_a_json_file_holds_one_object_or_a_list(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content, indent=1))
    assert len(read_episodes(path)[0]) == (len(content) if isinstance(content, list) else 1)


def test_lines_under_another_suffix_are_read_as_lines(tmp_path: Path) -> None:
    assert len(read_episodes(lines(tmp_path / "a.json", GOOD, mini()))[0]) == 2


def test_a_folder_is_read_in_the_order_of_its_names_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.jsonl", "sub/a.traj.json", ".cache/c.jsonl", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(mini(instance_id=name)))
    assert [e.instance_id for e in read_episodes(tmp_path)[0]] == ["b.jsonl", "sub/a.traj.json"]


def test_a_glob_names_files(tmp_path: Path) -> None:
    for name in ("a1.jsonl", "a2.jsonl", "b.jsonl"):
        lines(tmp_path / name, mini(instance_id=name))
    assert [e.instance_id for e in read_episodes(str(tmp_path / "a*.jsonl"))[0]] == ["a1.jsonl", "a2.jsonl"]


@pytest.mark.parametrize("name", ["none.jsonl", "none/*.jsonl", "**none/a", "nul\0byte", "x" * 5000])
def test_a_path_that_names_nothing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ParseError):
        read_episodes(str(tmp_path / name))


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"expected a folder with files ending in \.jsonl"):
        read_episodes(tmp_path)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"instance_id": "x", "mess', "broken JSON"),
        (b"\xff\xfe\x00\x01", "not UTF-8 text (byte 0 is 0xff)"),
        (b"[" * 200_000, "JSON nested too deeply"),
        (b'{"a":' * 200_000, "JSON nested too deeply"),
        (b"[1]", "expected a JSON object, found a list"),
        (b"null", "expected a JSON object, found null"),
        (b"9" * 5000, "broken JSON"),
        (b"{}", "has a row with the keys none"),
        (json.dumps(swegym_row()).encode(), "no known format"),
        (json.dumps(mini_row()).encode(), "no action"),
    ],
)
def test_one_bad_line_is_a_reported_drop_and_not_the_end_of_the_file(tmp_path: Path, bad: bytes, reason: str) -> None:
    path = lines(tmp_path / "a.jsonl", GOOD, bad, mini())
    episodes, report = read_episodes(path)
    drop = next(d for d in report.drops if d.what == "episode")
    assert (len(episodes), report.episodes_dropped, drop.file, drop.index) == (2, 1, str(path), 2)
    assert reason in drop.reason


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ParseError, match="the file is empty"):
        read_episodes(tmp_path / name)


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ParseError, match="the list in it is empty"):
        read_episodes(tmp_path / "a.json")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_binary_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bytes(range(256)) * 40)
    with pytest.raises(ParseError, match="no episode could be read"):
        read_episodes(tmp_path / name)


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert len(read_episodes(tmp_path / "a.jsonl")[0]) == 1


def test_arguments_nested_too_deeply_are_a_reported_drop(tmp_path: Path) -> None:
    deep = swegym_row(says("assistant", "", tool_calls=[call("bash", '{"a":' + "[" * 100_000)]))
    report = read_episodes(lines(tmp_path / "a.jsonl", GOOD, deep))[1]
    assert "nested too deeply" in report.drops[-1].reason


def test_messages_may_be_json_text(tmp_path: Path) -> None:
    row = swesmith_row(says("assistant", XML))
    text = {**row, "messages": json.dumps(row["messages"])}
    deep = {**row, "messages": "<function=" + "[" * 100_000}
    episodes, report = read_episodes(lines(tmp_path / "a.jsonl", text, deep))
    assert [len(e.turns) for e in episodes] == [1]
    assert (report.messages_read, report.episodes_dropped) == (3, 1)


def test_nothing_read_at_all_names_the_causes_with_their_places(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", b"{", b"{", {"a": 1})
    with pytest.raises(ParseError) as error:
        read_episodes(path)
    assert f"{path}:1: broken JSON" in str(error.value)
    assert f"{path}:3: no known format" in str(error.value)


def test_streaming_counts_while_it_goes(tmp_path: Path) -> None:
    tally = Tally()
    stream = iter_episodes(lines(tmp_path / "a.jsonl", GOOD, mini()), tally=tally)
    next(stream)
    assert tally.report().episodes_read == 1
    assert len(list(stream)) == 1


def test_runs_of_the_same_id_are_told_apart(tmp_path: Path) -> None:
    ids = [e.traj_id for e in read_episodes(lines(tmp_path / "a.jsonl", GOOD, GOOD, GOOD))[0]]
    assert ids == ["a__b-1@run_1", "a__b-1@run_1#2", "a__b-1@run_1#3"]


def test_a_run_without_a_name_is_named_by_its_content_wherever_it_lies(tmp_path: Path) -> None:
    one = read_episodes(lines(tmp_path / "a.jsonl", mini()))[0][0].traj_id
    two = read_episodes(lines(tmp_path / "b.jsonl", mini("pwd"), mini()))[0]
    assert one == two[1].traj_id != two[0].traj_id


@pytest.mark.parametrize("marker", ["", '"', "'"])
def test_the_submit_command_of_mini_swe_agent_becomes_submit(tmp_path: Path, marker: str) -> None:
    command = f"echo {marker}COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT{marker} && cat patch.txt"
    action = read_episodes(lines(tmp_path / "a.jsonl", mini(command)))[0][0].turns[0].action
    assert (action, action.original) == (Action("submit"), command)


def test_an_observation_of_mini_swe_agent_keeps_its_wrapper() -> None:
    row = mini_row(*swegym_turn())
    row["messages"][-1]["content"] = "<returncode>0</returncode>\n<output>\nx</output>"
    observation = find_reader("mini-swe-agent-v2").read_row(row, Where("f", 1)).episode.turns[0].observation
    assert observation == "<returncode>0</returncode>\n<output>\nx</output>"


def test_a_file_without_an_instance_id_takes_its_own_name(tmp_path: Path) -> None:
    row = mini()
    del row["instance_id"]
    (tmp_path / "django__django-1.traj.json").write_text(json.dumps(row))
    episode = read_episodes(tmp_path)[0][0]
    assert (episode.instance_id, episode.resolved) == ("django__django-1", None)
