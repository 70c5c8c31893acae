"""What the harness may start on the hardened engine, root with SYS_ADMIN, and what that does not reach."""

from __future__ import annotations

import os
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hardened import LIMITS, docker, one_at_a_time, own_state
from needs import need

from envs import harness_daemon
from envs.docker_engine import engine_name
from envs.errors import SandboxError
from envs.harness_images import bring_image, bring_images
from envs.harness_settings import FIRST_ID, unfit, why_not_hardened

Run = Callable[[str], str]


@pytest.fixture(scope="module")
def hardened(docker_image: str) -> Iterator[Callable[[], str]]:
    """A hardened engine that has the base image; the way to it, which changes when it is started again."""
    if reason := harness_daemon.why_not(LIMITS):
        need(f"the hardened engine: {reason}")
    with one_at_a_time(), own_state():
        harness_daemon.start(LIMITS)
        bring_image(docker_image)
        yield harness_daemon.socket
        harness_daemon.stop()


@pytest.fixture
def run(hardened: Callable[[], str], docker_image: str) -> Iterator[Run]:
    """Run a command in a container as the harness makes one (swebench 5.0.2, `create_container`)."""
    name, host = f"test-{uuid.uuid4().hex[:8]}", hardened()
    made = docker(
        host,
        "run",
        "-d",
        "--name",
        name,
        "--user",
        "root",
        "--cap-add",
        "SYS_ADMIN",
        docker_image,
        "tail",
        "-f",
        "/dev/null",
    )
    assert made.returncode == 0, made.stderr

    def command(line: str) -> str:
        done = docker(host, "exec", name, "timeout", "60", "bash", "-c", line)
        return f"{done.stdout}{done.stderr}exit {done.returncode}"

    yield command
    docker(host, "rm", "-f", name)


def test_root_inside_is_nobody_outside(run: Run) -> None:
    assert run("id -u; cut -c1-40 /proc/self/uid_map").split()[:3] == ["0", "0", str(FIRST_ID)]


def test_files_of_user_ids_over_a_million_can_be_kept(run: Run) -> None:
    assert run("touch /x && chown 1742093:1742093 /x && stat -c %u /x") == "1742093\nexit 0"


RELEASE_AGENT = """
mkdir -p /tmp/cg
for kind in memory pids cpu freezer rdma; do
  for how in '' 'unshare -mC' 'unshare -UrmC'; do
    $how bash -c "mount -t cgroup -o $kind cgroup /tmp/cg || exit
      mkdir /tmp/cg/x && echo ESCAPED; echo /cmd > /tmp/cg/release_agent && echo ESCAPED"
  done
done
for file in $(find /sys/fs/cgroup -name release_agent); do echo /cmd > $file && echo ESCAPED; done
true"""


def test_no_control_group_is_a_way_to_the_host(run: Run) -> None:
    said = run(RELEASE_AGENT)
    assert "ESCAPED" not in said and "denied" in said


def test_no_device_of_the_host_can_be_opened(run: Run) -> None:
    for line in (
        "mknod /tmp/disk b 254 0 && cat /tmp/disk",
        "echo c > /proc/sysrq-trigger",
        "echo x > /proc/sys/kernel/core_pattern",
    ):
        assert "exit 0" not in run(line)


LOOPBACK = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname())"""


def test_there_is_no_network_but_the_loopback(run: Run) -> None:
    assert run("tail -n +3 /proc/net/dev | cut -d: -f1; tail -n +2 /proc/net/route").split() == ["lo", "exit", "0"]
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        assert "exit 0" not in run(f"exec 3<>/dev/tcp/{_own_address()}/{port}")
    assert "exit 0" in run(f"python3 -c '{LOOPBACK}'")


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


FORKS = """
import os, time
for _ in range(5000):
    if os.fork() == 0: time.sleep(60)"""


def test_a_fork_bomb_leaves_room_for_other_containers(hardened: Callable[[], str], run: Run, docker_image: str) -> None:
    assert "temporarily unavailable" in run(f"python3 -c '{FORKS}'")
    assert docker(hardened(), "run", "--rm", docker_image, "bash", "-c", "echo forked | cat").stdout == "forked\n"


def test_a_memory_bomb_ends_where_the_bound_is(hardened: Callable[[], str], run: Run) -> None:
    assert run("python3 -c 'print(len(b\"x\" * (2 << 30)))'").endswith("exit 137")
    assert run("echo alive") == "alive\nexit 0"


def test_a_full_disk_is_the_engines_own(run: Run) -> None:
    assert "No space left" in run(f"fallocate -l {LIMITS.disk_mb}M /full")


def test_an_image_is_copied_once_and_keeps_its_name(hardened: Callable[[], str], docker_image: str) -> None:
    assert bring_images([docker_image]) == []
    with pytest.raises(SandboxError, match="no-such/image:1 is not in the main engine"):
        bring_images(["no-such/image:1"])


def test_the_hardened_engine_may_score_and_the_usual_one_may_not(hardened: Callable[[], str]) -> None:
    assert why_not_hardened(hardened()) == ""
    assert "root of this machine" in why_not_hardened(engine_name())


def test_a_killed_engine_takes_its_containers_along_and_the_next_start_cleans(
    hardened: Callable[[], str], run: Run
) -> None:
    run("sleep 1000 &")
    dead = harness_daemon.find()
    assert dead is not None
    inside = _processes_of(dead.folder.name)
    os.kill(dead.owner.pid, signal.SIGKILL)
    while any(Path(f"/proc/{pid}").exists() for pid in inside):
        time.sleep(0.02)
    assert harness_daemon.find() is None
    with pytest.raises(SandboxError, match="not running"):
        harness_daemon.socket()
    again = harness_daemon.start(LIMITS)
    assert not dead.folder.exists()
    assert docker(again.docker_host, "ps", "-aq").stdout == ""


def test_a_stopped_engine_leaves_nothing_but_its_disk(hardened: Callable[[], str]) -> None:
    engine, bridges = harness_daemon.find(), _bridges()
    assert engine is not None
    assert harness_daemon.stop()
    # An engine without a bridge, started in the network namespace of another, deletes that one's.
    assert _bridges() == bridges
    assert not engine.folder.exists()
    assert not list(Path("/sys/fs/cgroup").glob(f"*/srl-agent/{engine.folder.name}*"))
    assert harness_daemon.stop() is False
    harness_daemon.start(LIMITS)
    assert _bridges() == bridges


def _bridges() -> set[str]:
    return {path.parent.name for path in Path("/sys/class/net").glob("*/bridge")}


def _processes_of(group: str) -> list[str]:
    return [pid for file in Path("/sys/fs/cgroup").rglob(f"{group}/*/cgroup.procs") for pid in file.read_text().split()]


def test_a_state_folder_too_deep_for_sockets_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        need("the question comes after that for root")
    monkeypatch.setenv("SRL_AGENT_STATE", str(tmp_path / ("x" * 60)))
    assert "SRL_AGENT_STATE" in harness_daemon.why_not(LIMITS)


@pytest.mark.parametrize(("change", "message"), [({"memory_mb": 0}, "must be bounded"), ({"network": True}, "network")])
def test_an_engine_without_bounds_is_not_started(change: dict[str, int], message: str) -> None:
    if os.geteuid() != 0:
        need("the question comes after that for root")
    assert message in harness_daemon.why_not(replace(LIMITS, **change))


FIT = {
    "SecurityOptions": ["name=seccomp,profile=default", "name=userns"],
    "Labels": ["srl-agent.bounded=init,memory,pids,cpu"],
    "MemoryLimit": True,
    "PidsLimit": True,
    "CpuCfsQuota": True,
}


@pytest.mark.parametrize(
    ("said", "lacks"),
    [
        ({}, []),
        ({"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}, []),
        ({"SecurityOptions": ["name=seccomp,profile=default"]}, ["root of this machine"]),
        ({"SecurityOptions": ["name=userns", "name=seccomp,profile=unconfined"]}, ["no seccomp"]),
        ({"Labels": None}, ["init, memory, pids, cpu"]),
        ({"Labels": ["srl-agent.bounded=init,pids"]}, ["memory, cpu"]),
        ({"PidsLimit": False}, ["cannot bound pids"]),
    ],
)
def test_an_engine_is_judged_by_what_it_says_of_itself(said: dict[str, object], lacks: list[str]) -> None:
    found = list(unfit(FIT | said))
    assert len(found) == len(lacks) and all(part in reason for part, reason in zip(lacks, found, strict=True))
