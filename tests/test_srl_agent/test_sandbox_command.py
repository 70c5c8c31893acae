"""`srl-agent sandbox`: what it lists, removes and says, also where there is nothing or no engine."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from envs.owner import Owner, make_owned_folder, this_owner
from srl_agent.cli import main

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of one's own, and an engine that does not answer."""
    monkeypatch.setenv("SRL_AGENT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    return tmp_path / "state"


@pytest.fixture
def command(root: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `srl-agent sandbox ...`: exit status, output, errors."""

    def call(*words: str) -> tuple[int, str, str]:
        status = main(["sandbox", *words])
        return status, *capsys.readouterr()

    return call


def dead() -> Owner:
    return replace(this_owner("run-of-the-dead"), started=1)


def test_ls_says_that_there_is_nothing(command: Command) -> None:
    assert "nothing" in command("ls")[1]
    assert command("ls", "--json")[1] == ""


@pytest.mark.parametrize("words", [["ls"], ["clean"], ["clean", "--dry-run"]])
def test_an_engine_that_was_named_and_does_not_answer_is_told(command: Command, words: list[str]) -> None:
    status, _, errors = command(*words)
    assert status == 1
    assert "docker was not looked at: no engine answers at tcp://127.0.0.1:1" in errors


def test_ls_tells_the_living_from_the_dead(root: Path, command: Command) -> None:
    alive, gone = make_owned_folder(root, this_owner("run-1")), make_owned_folder(root, dead())
    lines = {line.split()[1]: line for line in command("ls")[1].splitlines()}
    assert "run run-1  alive" in lines[str(alive)]
    assert "run run-of-the-dead  dead: process" in lines[str(gone)]


def test_ls_gives_a_record_a_line(root: Path, command: Command) -> None:
    folder = make_owned_folder(root, this_owner("run-1"))
    [record] = [json.loads(line) for line in command("ls", "--json")[1].splitlines()]
    assert (record["kind"], record["name"], record["owner"]["run_id"], record["dead"]) == (
        "folder",
        str(folder),
        "run-1",
        "",
    )


def test_a_dry_run_lists_what_goes_and_nothing_else(root: Path, command: Command) -> None:
    alive, gone = make_owned_folder(root, this_owner()), make_owned_folder(root, dead())
    lines = command("clean", "--dry-run")[1].splitlines()
    assert (len(lines), str(gone) in lines[0]) == (2, True)
    assert lines[1] == "1 to remove, 0 could not be, 1 of living runs kept"
    assert {alive, gone} == set(root.iterdir())


def test_clean_removes_what_the_dead_left(root: Path, command: Command) -> None:
    alive, gone = make_owned_folder(root, this_owner()), make_owned_folder(root, dead())
    lines = command("clean")[1].splitlines()
    assert lines[0].startswith(f"removed  folder     {gone}")
    assert lines[1] == "1 removed, 0 could not be, 1 of living runs kept"
    assert list(root.iterdir()) == [alive]


def test_what_another_user_left_is_told_and_kept(root: Path, command: Command) -> None:
    theirs = make_owned_folder(root, replace(dead(), uid=os.geteuid() + 1))
    last = command("clean")[1].splitlines()[-1]
    assert last == (
        "0 removed, 0 could not be, 0 of living runs kept, 1 of other users' dead runs kept (as root: --all-users)"
    )
    assert theirs.exists()


def test_a_state_folder_of_others_is_named(root: Path, command: Command) -> None:
    root.mkdir()
    root.chmod(0o777)
    status, _, errors = command("ls")
    assert (status, "SRL_AGENT_STATE" in errors) == (2, True)


def test_doctor_says_of_each_backend_whether_it_works(command: Command) -> None:
    status, output, _ = command("doctor")
    lines = {line.split()[0]: line for line in output.splitlines() if line[0] != " "}
    assert "no engine answers at" in lines["docker"]
    assert {"bubblewrap", "local", "kernel", "cgroups", "state", "leftovers", "auto"} <= set(lines)
    assert (status == 0) == ("works" in lines["bubblewrap"].split())


def test_an_engine_for_scoring_that_does_not_run_is_told_by_the_exit_status(command: Command) -> None:
    assert command("daemon", "status")[:2] == (3, "not running; start it: srl-agent sandbox daemon start\n")
    assert command("daemon", "stop")[:2] == (0, "it was not running\n")


def test_images_are_brought_only_to_an_engine_that_runs(command: Command) -> None:
    status, _, errors = command("daemon", "bring", "a/b:1")
    assert status != 0 and "srl-agent sandbox daemon start" in errors


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--image", "a/b:1", "--commit", "0" * 40, "--env", "A=1"], "--commit, --env: for an instance's image only"),
        (["--instance", "a__b-1", "--env", "A"], "--env A: expected NAME=VALUE"),
        (["--instance", "a__b-1"], "does not answer"),
    ],
)
def test_a_build_says_what_is_wrong_with_it(command: Command, tmp_path: Path, words: list[str], message: str) -> None:
    status, _, errors = command("build", str(tmp_path), *words)
    assert status != 0 and message in errors


def test_a_name_that_no_instance_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "build", ".", "--instance", "x/y"]) == 2
    assert "--instance: 'x/y' is no id of an instance" in capsys.readouterr().err
