"""What dead runs left is removed, and nothing of a living, a strange or another user's."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from envs.base import Backend, Spec
from envs.cgroups import find_cgroups
from envs.docker_backend import DockerBackend
from envs.docker_engine import engine
from envs.errors import SandboxError
from envs.hygiene import (
    Leftover,
    check_disk,
    docker_leftovers,
    folder_leftovers,
    reap,
    remove,
    remove_folder,
    state_root,
)
from envs.owner import make_owned_folder, this_owner, to_labels

MOUNTS = """
import sys; from pathlib import Path; from envs.hygiene import mounts_under
print(mounts_under(Path(sys.argv[1])))
"""
REAPER = """
import sys; from pathlib import Path; from envs.hygiene import folder_leftovers, reap
print(reap(folder_leftovers(Path(sys.argv[1])))[1])
"""


@pytest.fixture
def remains(docker_image: str) -> Iterator[Callable[..., str]]:
    """Makes a container with labels, never started; removed at the end, whatever the test did."""
    made = []

    def make(labels: Mapping[str, str], name: str, image: str = docker_image) -> str:
        container = engine().api.create_container(image, ["true"], labels=dict(labels), name=name)
        made.append(container["Id"])
        return str(container["Id"])

    yield make
    for container in made:
        remove(Leftover("container", container, None, "the test is over"))


def found(run_id: str) -> list[Leftover]:
    return [left for left in docker_leftovers() if left.owner and left.owner.run_id == run_id]


def new_name() -> str:
    return f"srl-agent-test-{uuid.uuid4().hex}"


def test_only_what_a_dead_owner_of_this_user_labelled_is_reaped(remains: Callable[..., str]) -> None:
    alive = this_owner(uuid.uuid4().hex)
    dead = replace(alive, started=1)
    ids = {}
    for who, owner in (("alive", alive), ("dead", dead), ("another user's", replace(dead, uid=os.geteuid() + 1))):
        name = new_name()
        ids[remains(to_labels(owner, name), name)] = who
    leftovers = found(alive.run_id)
    assert sorted(ids[left.name] for left in leftovers) == sorted(ids.values())
    removed, failures = reap(leftovers)
    assert ([ids[left.name] for left in removed], failures) == (["dead"], [])
    assert sorted(ids[left.name] for left in found(alive.run_id)) == ["alive", "another user's"]
    removed, _ = reap(found(alive.run_id), all_users=True)
    assert [ids[left.name] for left in removed] == ["another user's"]


def test_labels_without_the_name_of_what_carries_them_are_not_ours(remains: Callable[..., str]) -> None:
    owner = this_owner(uuid.uuid4().hex)
    remains(to_labels(owner), new_name())
    remains(to_labels(owner, new_name()), new_name())
    assert found(owner.run_id) == []


def test_what_a_person_makes_of_a_sandbox_or_its_snapshot_is_not_ours(
    docker_image: str, remains: Callable[..., str]
) -> None:
    run_id = uuid.uuid4().hex
    sandbox = DockerBackend().start(Spec(docker_image, run_id=run_id))
    snapshot = sandbox.snapshot()
    ours = {sandbox.container, snapshot}
    images = [engine().api.commit(sandbox.container, "srl-agent-test-kept", run_id)["Id"]]
    try:
        images.append(engine().api.commit(sandbox.container)["Id"])
        theirs = [remains({}, new_name(), image) for image in (*images, snapshot)]
        images += [engine().api.commit(container)["Id"] for container in theirs]
        assert {left.name for left in found(run_id)} == ours
    finally:
        for container in theirs:
            remove(Leftover("container", container, None, "the test is over"))
        sandbox.close()
        for image in reversed(images):
            remove(Leftover("image", image, None, "the test is over"))


def test_a_snapshot_that_lost_its_tag_is_still_ours(docker_image: str) -> None:
    run_id = uuid.uuid4().hex
    sandbox = DockerBackend().start(Spec(docker_image, run_id=run_id))
    try:
        name = sandbox.snapshot("same")
        image = engine().images.get(name).id
        engine().api.commit(sandbox.container, *name.split(":"))  # Takes the tag from it.
        assert image in [left.name for left in found(run_id)]
    finally:
        sandbox.close()
        remove(Leftover("image", str(image), None, "the test is over"))


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


def test_a_mount_under_a_folder_of_any_name_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "ünï ☃\\"
    (folder / "mount").mkdir(parents=True)
    mount = 'mount -t tmpfs none "$1/mount" && exec "$2" -c "$3" "$1"'
    words = ["unshare", "--mount", "--user", "--map-root-user", "sh", "-c", mount, "sh", folder, sys.executable, MOUNTS]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"{[os.fsencode(folder / 'mount')]}\n"


def test_a_folders_control_groups_are_those_of_its_very_name(tmp_path: Path) -> None:
    name = make_owned_folder(tmp_path, this_owner()).name
    for group in (name, f"{name}-3", f"{name}-x", f"{name}0", f"x{name}", f"{name}-3-4"):
        (tmp_path / "top" / "memory" / "srl-agent" / group).mkdir(parents=True)
    groups = find_cgroups(name, tmp_path / "top").folders
    assert [group.name for group in groups] == [name, f"{name}-3"]


def test_groups_of_version_2_are_found_wherever_they_could_be_made(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    group = tmp_path / "user.slice" / "srl-agent" / "x-1"
    group.mkdir(parents=True)
    assert find_cgroups("x", tmp_path).folders == (group,)


def test_removing_a_folder_of_another_name_ends_no_sandbox(system: tuple[str, Backend, Spec], tmp_path: Path) -> None:
    _, backend, spec = system
    sandbox = backend.start(replace(spec, run_id=uuid.uuid4().hex))
    try:
        for prefix in ("", "-", "[0-9a-f]*", *(str(path.name)[:5] for path in state_root().iterdir())):
            (tmp_path / f"x{prefix}").mkdir()
            remove_folder(str(tmp_path / f"x{prefix}"))
        assert sandbox.run("echo alive").output == "alive\n"
    finally:
        sandbox.close()


def test_four_processes_reap_the_same_folders(tmp_path: Path) -> None:
    for _ in range(150):
        folder = make_owned_folder(tmp_path, replace(this_owner(), started=1))
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "file").touch()
    words = [sys.executable, "-c", REAPER, str(tmp_path)]
    reapers = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [reaper.communicate() for reaper in reapers] == [("[]\n", "")] * 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_a_state_folder_in_which_others_may_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    monkeypatch.setenv("SRL_AGENT_STATE", str(tmp_path / "state"))
    with pytest.raises(SandboxError, match="SRL_AGENT_STATE"):
        state_root()


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away needs root")
def test_a_state_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRL_AGENT_STATE", str(tmp_path / "link"))
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "state")
    assert state_root() == tmp_path / "state"
    os.lchown(tmp_path / "link", 65534, 65534)
    with pytest.raises(SandboxError, match="not user 0's alone"):
        state_root()
    os.lchown(tmp_path / "link", 0, 0)
    os.chown(tmp_path / "state", 65534, 65534)
    with pytest.raises(SandboxError, match="not user 0's alone"):
        state_root()


def test_removing_what_is_gone_is_no_error(docker_image: str, tmp_path: Path) -> None:
    for kind, name in (("container", "0" * 64), ("image", "srl-agent/snapshot:gone")):
        remove(Leftover(kind, name, None, "dead"))
    remove(Leftover("folder", str(tmp_path / "gone"), None, "dead"))


def test_a_full_disk_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="sandbox clean"):
        check_disk(str(tmp_path), needed_mb=10**9)
