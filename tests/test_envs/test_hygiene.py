"""A parent killed at any point leaves nothing after the next start, and nothing of a living or a strange owner goes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from envs.docker_engine import engine
from envs.errors import SandboxError
from envs.hygiene import (
    Leftover,
    check_disk,
    docker_leftovers,
    find_leftovers,
    folder_leftovers,
    reap,
    remove,
    remove_folder,
)
from envs.owner import make_owned_folder, this_owner, to_labels

VICTIM = """
import sys
from envs.base import Limits, Spec
from envs.docker_backend import DockerBackend
print("begun", flush=True)
sandbox = DockerBackend().start(Spec(sys.argv[1], run_id=sys.argv[2]))
while True:
    sandbox.run("setsid sleep 1000 & echo x >> /testbed/x")
    fork = sandbox.fork(sandbox.snapshot())
    fork.run("cat x")
    fork.close()
"""
NEXT = """
import sys
from envs.base import Spec
from envs.docker_backend import DockerBackend
sandbox = DockerBackend().start(Spec(sys.argv[1], run_id=sys.argv[2]))
sandbox.run("true")
sandbox.close()
"""


def mine(run_id: str) -> list[Leftover]:
    return [left for left in find_leftovers() if left.owner and left.owner.run_id == run_id]


def kill_and_start_again(image: str, run_id: str, seconds: float) -> list[Leftover]:
    """Kill a run after so many seconds, start the next one, and return what is left of both."""
    with subprocess.Popen([sys.executable, "-c", VICTIM, image, run_id], stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        victim.stdout.readline()
        try:
            victim.wait(seconds)
        except subprocess.TimeoutExpired:
            os.kill(victim.pid, signal.SIGKILL)
        assert victim.wait() == -signal.SIGKILL
    subprocess.run([sys.executable, "-c", NEXT, image, run_id], check=True, timeout=120)
    return mine(run_id)


def test_a_parent_killed_five_times_leaves_nothing_after_the_next_start(docker_image: str) -> None:
    moments = random.Random(5)
    left = [kill_and_start_again(docker_image, "killed-5", moments.uniform(0.0, 1.5)) for _ in range(5)]
    assert left == [[]] * 5


@pytest.mark.slow
def test_a_parent_killed_fifty_times_leaves_nothing_after_the_next_start(docker_image: str) -> None:
    moments = random.Random(50)
    left = [kill_and_start_again(docker_image, "killed-50", moments.uniform(0.0, 2.5)) for _ in range(50)]
    assert left == [[]] * 50


def test_only_what_a_dead_owner_labelled_is_reaped(docker_image: str) -> None:
    alive = this_owner("volumes")
    labels = {
        "srl-agent-test-alive": to_labels(alive),
        "srl-agent-test-dead": to_labels(replace(alive, started=1)),
        "srl-agent-test-strange": {"srl-agent.run_id": "volumes"},
    }
    volumes = {name: engine().volumes.create(name, labels=label) for name, label in labels.items()}
    try:
        removed, failures = reap([left for left in docker_leftovers() if left.name in volumes])
        assert ([left.name for left in removed], failures) == (["srl-agent-test-dead"], [])
        left = {volume.name for volume in engine().volumes.list()} & set(volumes)
        assert left == {"srl-agent-test-alive", "srl-agent-test-strange"}
    finally:
        for name in labels:
            remove(Leftover("volume", name, alive, "the test is over"))


def test_an_image_that_a_person_made_of_a_sandbox_is_not_ours(docker_image: str) -> None:
    container = engine().api.create_container(docker_image, labels=to_labels(this_owner("kept")))
    try:
        engine().api.commit(container["Id"], "srl-agent-test-kept", "1")
        assert [left.kind for left in mine("kept")] == ["container"]
    finally:
        engine().api.remove_container(container["Id"])
        engine().api.remove_image("srl-agent-test-kept:1")


def test_folders_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead = make_owned_folder(tmp_path, replace(this_owner(), started=1))
    alive = make_owned_folder(tmp_path, this_owner())
    (dead / "deep").mkdir()
    (tmp_path / "strange").mkdir()
    removed, failures = reap(list(folder_leftovers(tmp_path)))
    assert ([left.name for left in removed], failures) == ([str(dead)], [])
    assert {path.name for path in tmp_path.iterdir()} == {alive.name, "strange"}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_what_is_mounted_in_a_folder_is_detached_and_its_content_spared(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "a folder"
    outside.mkdir()
    (outside / "kept").touch()
    (folder / "mount").mkdir(parents=True)
    subprocess.run(["mount", "--bind", outside, folder / "mount"], check=True)
    remove_folder(str(folder))
    assert (folder.exists(), (outside / "kept").exists()) == (False, True)


def test_removing_what_is_gone_is_no_error(docker_image: str, tmp_path: Path) -> None:
    for kind, name in (("container", "0" * 64), ("image", "srl-agent/snapshot:gone"), ("volume", "srl-agent-gone")):
        remove(Leftover(kind, name, None, "dead"))
    remove(Leftover("folder", str(tmp_path / "gone"), None, "dead"))


def test_a_full_disk_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="sandbox clean"):
        check_disk(str(tmp_path), needed_mb=10**9)
