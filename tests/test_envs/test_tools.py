"""What the expert's bash does with failures, time-outs, output and the caller's environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envs.errors import SandboxError
from envs.output import BoundedOutput
from envs.tools import observe, run_bash
from trajectories.records import Action


def bash(command: str) -> Action:
    return Action("bash", (("command", command),))


def test_a_failing_command_is_data_with_its_exit_status(tmp_path: Path) -> None:
    assert observe(bash("echo before; exit 3"), tmp_path) == "before\n[exit status 3]"


def test_a_command_without_output_and_failure_shows_nothing(tmp_path: Path) -> None:
    assert observe(bash("true"), tmp_path) == ""


def test_standard_error_is_merged_in_order(tmp_path: Path) -> None:
    assert run_bash("echo one; echo two >&2; echo three", tmp_path).output == "one\ntwo\nthree\n"


def test_standard_input_is_closed(tmp_path: Path) -> None:
    assert run_bash("cat; echo end", tmp_path).output == "end\n"


def test_the_environment_of_the_caller_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    assert "secret" not in run_bash("env", tmp_path).output


def test_nothing_is_carried_from_one_command_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    run_bash("cd inner; export LEFT=1", tmp_path)
    assert run_bash('basename "$PWD"; echo "${LEFT-unset}"', tmp_path).output == f"{tmp_path.name}\nunset\n"


def test_timeout_kills_the_whole_process_group(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    # The background child holds the pipe's writing end open; its reader sees the end only when the child is dead.
    watcher = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(watcher, True)
    result = run_bash("(exec sleep 1000) > held & echo started; wait", tmp_path, timeout=1)
    assert (result.timed_out, result.output) == (True, "started\n")
    assert os.read(watcher, 1) == b""
    os.close(watcher)


def test_a_background_child_does_not_outlive_its_command(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    watcher = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(watcher, True)
    result = run_bash("sleep 1000 > held & echo started", tmp_path)
    assert (result.timed_out, result.exit_code, result.output) == (False, 0, "started\n")
    assert os.read(watcher, 1) == b""
    os.close(watcher)


def test_a_timeout_is_told_to_the_expert(tmp_path: Path) -> None:
    assert observe(bash("echo begun; sleep 1000"), tmp_path, timeout=0.5).endswith("[timed out after 0.5 s]")


def test_long_output_keeps_its_head_and_its_tail(tmp_path: Path) -> None:
    output = run_bash("seq 1 100000", tmp_path, max_bytes=200).output
    assert output.startswith("1\n2\n") and output.endswith("99999\n100000\n")
    assert len(output) < 300 and "bytes left out" in output


def test_bounded_output_counts_what_it_leaves_out() -> None:
    output = BoundedOutput(limit=4)
    for chunk in (b"a", b"bcd", b"efgh"):
        output.add(chunk)
    assert output.text() == "ab\n[4 bytes left out]\ngh"


def test_output_within_the_bound_is_kept_whole() -> None:
    output = BoundedOutput(limit=4)
    output.add(b"abcd")
    assert output.text() == "abcd"


def test_output_that_is_no_text_is_shown_nonetheless(tmp_path: Path) -> None:
    assert run_bash(r"printf 'a\xffb'", tmp_path).output == "a\ufffdb"


def test_a_missing_directory_is_a_failed_sandbox(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="cannot be started"):
        run_bash("true", tmp_path / "absent")


def test_an_unknown_tool_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="str_replace_editor"):
        observe(Action("browse", (("url", "x"),)), tmp_path)
