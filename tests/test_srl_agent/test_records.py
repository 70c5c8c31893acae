"""Records of jobs: a whole file at the end, and nothing done twice after a command that was stopped."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from srl_agent.commands.records import Records
from srl_agent.errors import ConfigError


def stopped(path: Path, *keys: str) -> None:
    """A command that finished these jobs and was interrupted."""
    with pytest.raises(KeyboardInterrupt), Records(path) as records:
        for key in keys:
            assert records.finished(key) is None
            records.add(key, [{"of": key}])
        raise KeyboardInterrupt


def written(path: Path) -> list[str]:
    return [json.loads(line)["of"] for line in path.read_text().splitlines()]


def test_the_file_holds_what_was_finished_when_the_command_ends(tmp_path: Path) -> None:
    with Records(tmp_path / "r.jsonl") as records:
        records.add("a", [{"of": "a"}, {"of": "a2"}])
        assert not (tmp_path / "r.jsonl").exists()
    assert written(tmp_path / "r.jsonl") == ["a", "a2"]
    assert [file.name for file in tmp_path.iterdir()] == ["r.jsonl"]


def test_what_was_finished_before_an_interruption_is_written_and_not_done_again(tmp_path: Path) -> None:
    stopped(tmp_path / "r.jsonl", "a", "b")
    assert written(tmp_path / "r.jsonl") == ["a", "b"]
    with Records(tmp_path / "r.jsonl") as records:
        assert "has 2 finished" in records.going_on
        assert records.finished("a") == [{"of": "a"}]
        assert records.finished("c") is None
        records.add("c", [{"of": "c"}])
    assert written(tmp_path / "r.jsonl") == ["a", "c"]
    assert records.line.endswith("2 records, 1 of them from before the command was stopped")


def test_a_line_that_a_kill_cut_is_done_again(tmp_path: Path) -> None:
    stopped(tmp_path / "r.jsonl", "a", "b")
    journal = tmp_path / ".r.jsonl.part"
    journal.write_bytes(journal.read_bytes()[:-3])
    with Records(tmp_path / "r.jsonl") as records:
        assert records.finished("a") is not None
        assert records.finished("b") is None
        records.add("b", [{"of": "b"}])
    assert written(tmp_path / "r.jsonl") == ["a", "b"]


def test_two_jobs_of_one_key_are_both_kept(tmp_path: Path) -> None:
    stopped(tmp_path / "r.jsonl", "a")
    with Records(tmp_path / "r.jsonl") as records:
        assert records.finished("a") is not None
        assert records.finished("a") is None
        records.add("a", [{"of": "a"}])
    assert written(tmp_path / "r.jsonl") == ["a", "a"]


def test_a_command_that_finished_nothing_leaves_the_earlier_file_alone(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"of": "old"}\n')
    stopped(tmp_path / "r.jsonl")
    assert written(tmp_path / "r.jsonl") == ["old"]
    assert [file.name for file in tmp_path.iterdir()] == ["r.jsonl"]


def test_two_commands_do_not_write_one_file(tmp_path: Path) -> None:
    refused = pytest.raises(ConfigError, match="another command is writing")
    with Records(tmp_path / "r.jsonl"), refused, Records(tmp_path / "r.jsonl"):
        pass


def test_a_pipe_gets_each_record_as_it_comes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.extend((tmp_path / "pipe").read_text().splitlines()))
    reader.start()
    with Records(tmp_path / "pipe") as records:
        records.add("a", [{"of": "a"}])
    reader.join(timeout=30)
    assert read == ['{"of": "a"}']
    assert [file.name for file in tmp_path.iterdir()] == ["pipe"]
