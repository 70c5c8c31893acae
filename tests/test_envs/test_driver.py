"""The driver over a plain bash: framing, replacement, and a dead shell told from a dead sandbox."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from envs.base import Limits
from envs.driver import Driver, shell_process
from envs.errors import SandboxError
from envs.interrupt import Interrupted, job


class Host:
    """A sandbox of one bash; `dead` is what it says when asked whether it lives."""

    def __init__(self) -> None:
        self.dead, self.killed, self.argv = "", 0, ["bash", "--noprofile", "--norc"]
        self.driver = Driver(lambda: shell_process(self.argv), self.kill, lambda: self.dead, Limits(output_bytes=100))

    def kill(self) -> None:
        self.killed += 1


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.driver.close()


def test_a_shell_killed_between_two_commands_costs_neither(host: Host) -> None:
    assert host.driver.run("echo 1").output == "1\n"
    os.kill(host.driver.pid, signal.SIGKILL)
    result = host.driver.run("echo 2")
    assert (result.output, result.exit_code, result.lost, host.killed) == ("2\n", 0, False, 1)


def test_a_shell_that_dies_in_a_sandbox_that_lives_is_replaced(host: Host) -> None:
    result = host.driver.run("echo a; kill -9 $PPID; sleep 5")
    assert (result.lost, result.exit_code, result.timed_out, result.output) == (True, 137, False, "a\n")
    assert host.driver.run("echo next").output == "next\n"


def test_a_shell_that_dies_with_its_sandbox_raises_what_became_of_it(host: Host) -> None:
    host.driver.open()
    host.dead = "the container was removed"
    os.kill(host.driver.pid, signal.SIGKILL)
    with pytest.raises(SandboxError, match="the container was removed"):
        host.driver.run("true")


def test_a_shell_that_does_not_open_is_quoted() -> None:
    host = Host()
    host.argv = ["bash", "-c", "echo no such container >&2; exit 1"]
    with pytest.raises(SandboxError, match="no such container"):
        host.driver.run("true")


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(SandboxError, match="no-such-program"):
        shell_process(["no-such-program"])


def test_what_a_background_process_writes_between_commands_is_not_the_next_ones(host: Host) -> None:
    host.driver.run("sleep 0.2 && echo late &")
    host.driver.run("sleep 0.4 >/dev/null")
    assert "late" not in host.driver.run("echo mine").output


def test_a_shell_that_reports_what_it_reads_does_not_confuse_the_marks(host: Host) -> None:
    host.argv = ["bash", "--noprofile", "--norc", "-v"]
    assert host.driver.run("echo a; exit 3").exit_code == 3


def test_every_split_of_the_output_gives_the_same_text(host: Host) -> None:
    slow = "for i in a b c d e; do printf $i; sleep 0.01; done"
    assert host.driver.run(slow).output == "abcde"


def test_no_limit_keeps_everything() -> None:
    driver = Driver(Host().driver._open_shell, lambda: None, lambda: "", Limits(output_bytes=0, flood_bytes=0))
    try:
        result = driver.run("seq 1 100000")
        assert (len(result.output), result.truncated) == (588895, 0)
    finally:
        driver.close()


def test_closing_twice_is_no_error(host: Host) -> None:
    host.driver.open()
    host.driver.close()
    host.driver.close()


def test_a_command_of_a_job_that_is_over_is_left_at_once_and_killed_before_the_next(host: Host) -> None:
    host.driver.open()
    with job(time.monotonic() + 0.5, threading.Event()), pytest.raises(Interrupted, match="its time was up"):
        host.driver.run("sleep 1000", 1000)
    assert host.killed == 0
    assert host.driver.run("echo next").output == "next\n"
    assert host.killed == 1
