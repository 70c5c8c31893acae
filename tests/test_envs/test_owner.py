"""Records of ownership: they survive being written, and only what is surely dead is called dead."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from envs.owner import (
    Owner,
    cause_of_death,
    folder_cause_of_death,
    from_labels,
    is_alive,
    make_owned_folder,
    read_owner,
    start_time,
    this_owner,
    to_labels,
    write_owner,
)

AS_ANOTHER_USER = """
import os, sys
from envs.owner import is_alive, start_time
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
pid, started = map(int, sys.argv[1:])
print(start_time(pid), is_alive(pid, started), is_alive(4194304, 1))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_an_owner_whom_proc_hides_is_alive() -> None:
    owner = this_owner()
    hide = ["unshare", "--mount", "sh", "-c", 'mount -t proc -o hidepid=2 proc /proc && exec "$@"', "sh"]
    words = [*hide, sys.executable, "-c", AS_ANOTHER_USER, str(owner.pid), str(owner.started)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("0 True False\n", "")


def test_a_program_of_any_name_is_found(tmp_path: Path) -> None:
    program = os.fsencode(tmp_path) + b"/t\xe9st) R"
    shutil.copy(shutil.which("sleep") or "", program)
    with subprocess.Popen([program, "60"]) as process:
        started = start_time(process.pid)
        process.kill()
    assert started


def test_a_zombie_is_dead() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        started = start_time(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(process.pid, started)


def test_this_process_is_alive() -> None:
    assert cause_of_death(this_owner()) == ""


def test_a_process_that_has_ended_is_dead() -> None:
    code = "from envs.owner import this_owner, to_labels; import json; print(json.dumps(to_labels(this_owner())))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    owner = from_labels(json.loads(done.stdout))
    assert owner is not None
    assert "gone" in cause_of_death(owner)


def test_a_pid_used_again_does_not_keep_the_dead_alive() -> None:
    assert cause_of_death(replace(this_owner(), started=1))


@pytest.mark.parametrize(
    "elsewhere",
    [
        lambda owner: replace(owner, host="another", boot_id="x", pid=1),
        lambda owner: replace(owner, pid_space="pid:[1]", pid=2**22 - 1),
    ],
)
def test_an_owner_out_of_sight_lives_until_its_record_expires(elsewhere: Callable[[Owner], Owner]) -> None:
    owner = replace(elsewhere(this_owner()), expires=100.0)
    assert (cause_of_death(owner, now=99.0), bool(cause_of_death(owner, now=101.0))) == ("", True)


def test_an_owner_in_sight_does_not_expire() -> None:
    assert cause_of_death(replace(this_owner(), expires=1.0)) == ""


def test_an_owner_of_an_earlier_boot_is_dead() -> None:
    assert cause_of_death(replace(this_owner(), boot_id="earlier"))


def test_a_record_survives_labels_and_files(tmp_path: Path) -> None:
    owner = this_owner("run-1")
    write_owner(tmp_path, owner)
    assert from_labels(to_labels(owner)) == read_owner(tmp_path) == owner


def test_a_folder_whose_maker_died_before_writing_the_record_is_known_by_its_name(tmp_path: Path) -> None:
    folder = make_owned_folder(tmp_path, replace(this_owner(), started=1))
    (folder / "owner.json").unlink()
    assert "gone" in folder_cause_of_death(folder)


def test_a_folder_of_a_living_maker_and_one_of_others_are_left_alone(tmp_path: Path) -> None:
    folder = make_owned_folder(tmp_path, this_owner())
    assert folder_cause_of_death(folder) == ""
    (folder / "owner.json").unlink()
    assert folder_cause_of_death(folder) == folder_cause_of_death(tmp_path) == ""


@pytest.mark.parametrize("content", ["", "{", "[]", '{"srl-agent.pid": 1}', '{"srl-agent.run_id": "x"}'])
def test_what_carries_no_whole_record_is_not_ours(tmp_path: Path, content: str) -> None:
    (tmp_path / "owner.json").write_text(content)
    assert read_owner(tmp_path) is None


def test_labels_of_others_are_not_ours() -> None:
    labels = to_labels(this_owner())
    for pid in ("many", "0", "-1", str(2**40)):
        assert from_labels({**labels, "srl-agent.pid": pid}) is None
    assert from_labels({"com.example": "1"}) is None
