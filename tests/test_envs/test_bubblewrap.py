"""What is bubblewrap's own: layers, what its user may limit, and that nothing is left of it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from needs import need

from envs import overlay
from envs.base import Limits, Spec
from envs.bubblewrap import BubblewrapBackend, BubblewrapSandbox
from envs.cgroups import make_cgroup
from envs.errors import SandboxError
from envs.hygiene import folder_leftovers, reap, state_root

SPEC = Spec("", limits=Limits(memory_mb=256, pids=64, disk_mb=64))


@pytest.fixture(scope="module")
def backend() -> BubblewrapBackend:
    backend = BubblewrapBackend()
    if reason := backend.why_not():
        need(f"bubblewrap: {reason}")
    return backend


@pytest.fixture
def sandbox(backend: BubblewrapBackend) -> Iterator[BubblewrapSandbox]:
    made = backend.start(SPEC)
    yield made
    made.close()


def folder_of(run_id: str) -> Path:
    """The one folder that a run has on the host."""
    folders = [left.name for left in folder_leftovers(state_root()) if left.owner and left.owner.run_id == run_id]
    return Path(*folders)


def traces(folder: Path) -> list[str]:
    """What is on the host of a store: its folder, mounts, control groups, loop devices."""
    found = [str(folder)] if folder.exists() else []
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if folder.name in line]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/srl-agent/{folder.name}*")]
    return found + [str(path) for path in Path("/sys/block").glob("loop*/loop/backing_file") if _backed(path, folder)]


def _backed(path: Path, folder: Path) -> bool:
    try:
        return folder.name in path.read_text()
    except OSError:  # Another sandbox's, gone meanwhile.
        return False


def gone(folder: Path, seconds: float = 10.0) -> list[str]:
    """What is still there after some time at most: the kernel frees a loop device when its last user has let go, and
    another sandbox that starts meanwhile is a user for a moment."""
    ends = time.monotonic() + seconds
    while (left := traces(folder)) and time.monotonic() < ends:
        time.sleep(0.05)
    return left


def test_closing_leaves_nothing(backend: BubblewrapBackend) -> None:
    sandbox = backend.start(replace(SPEC, run_id=uuid.uuid4().hex))
    fork = sandbox.fork()
    folder = folder_of(sandbox._spec.run_id)
    assert traces(folder)
    sandbox.close()
    fork.close()
    assert gone(folder) == []


def test_a_fork_outlives_its_origin(sandbox: BubblewrapSandbox) -> None:
    sandbox.run("echo kept >file")
    fork = sandbox.fork()
    try:
        sandbox.close()
        assert fork.run("cat file").output == "kept\n"
        second = fork.fork()
        second.close()
    finally:
        fork.close()


def test_what_a_killed_run_leaves_is_ended_by_the_kernel_and_reaped(backend: BubblewrapBackend) -> None:
    run_id, word = uuid.uuid4().hex, uuid.uuid4().hex
    code = f"""
import os, signal
from envs.base import Spec, Limits
from envs.bubblewrap import BubblewrapBackend
sandbox = BubblewrapBackend().start(Spec("", run_id="{run_id}", limits=Limits(disk_mb=64)))
sandbox.run("setsid bash -c 'sleep 600; : {word}' >/dev/null 2>&1 &")
print(sandbox.holder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    holder, folder = int(done.stdout), folder_of(run_id)
    subprocess.run(["tail", f"--pid={holder}", "-f", "/dev/null"], timeout=20, check=True)
    assert subprocess.run(["pgrep", "-f", word], capture_output=True, check=False).stdout == b""
    reap(list(folder_leftovers(state_root())))
    assert traces(folder) == []


def test_layers_are_merged_and_look_the_same(sandbox: BubblewrapSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [
        "mkdir -p d/sub e; echo 1 >d/a; echo 1 >d/sub/b; echo 1 >f; ln -s f l; chmod 700 e",
        "rm -r d; mkdir d; echo 2 >d/c; rm /etc/hosts",
        "rm f; mkdir f; echo 3 >f/x; mv l m; touch -d @1000 e",
        "rm -r f; echo 4 >f; rm -r /etc; mkdir /etc; echo 4 >/etc/only",
        "echo 5 >>f; ln f hard; mkdir -p 'odd \nname/x'",
    ]
    look = "find /testbed /etc | LC_ALL=C sort; cat f d/c; readlink m; stat -c '%a %Y' e"
    looks = []
    monkeypatch.setattr(overlay, "MOST_LAYERS", 2)
    for change in changes:
        assert sandbox.run(change).exit_code == 0
        before = sandbox.run(look).output
        name = sandbox.snapshot()
        looks.append((before, sandbox.run(look).output, name))
        assert len(sandbox._lower) <= 2
    for before, after, _ in looks:
        assert after == before
    for before, _, name in looks:
        fork = sandbox.fork(name)
        try:
            assert fork.run(look).output == before
        finally:
            fork.close()


def test_two_hundred_snapshots_in_a_row_can_be_forked(sandbox: BubblewrapSandbox) -> None:
    names = []
    for number in range(200):
        sandbox.write_file(f"/testbed/{number}", b"x")
        names.append(sandbox.snapshot())
    fork = sandbox.fork(names[149])
    try:
        assert fork.run("ls | wc -l").output == "150\n"
    finally:
        fork.close()


def test_a_snapshot_spares_processes_in_the_background(sandbox: BubblewrapSandbox) -> None:
    sandbox.run("echo 1 >file; rm -r /opt; mkdir /opt; sleep 600 >/dev/null 2>&1 & echo $! >pid")
    name = sandbox.snapshot()
    assert sandbox.run("echo 2 >file; kill -0 $(cat pid)").exit_code == 0
    fork = sandbox.fork(name)
    try:
        assert fork.run("cat file; kill -0 $(cat pid) || echo gone").output.splitlines()[0::2] == ["1", "gone"]
    finally:
        fork.close()


def test_root_directories_are_stacked_and_never_written(backend: BubblewrapBackend, tmp_path: Path) -> None:
    lower, upper = tmp_path / "lower", tmp_path / "upper, odd\\name"
    (lower / "testbed").mkdir(parents=True)
    for path in _needed():
        (lower / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, lower / path[1:])
    (lower / "testbed/file").write_text("lower\n")
    (lower / "testbed/other").write_text("lower\n")
    (upper / "testbed").mkdir(parents=True)
    (upper / "testbed/file").write_text("upper\n")
    sandbox = backend.start(Spec(f"{upper}:{lower}", limits=SPEC.limits))
    try:
        assert sandbox.run("cat file other; echo changed >file; rm other").output == "upper\nlower\n"
    finally:
        sandbox.close()
    assert (upper / "testbed/file").read_text() + (lower / "testbed/other").read_text() == "upper\nlower\n"


def _needed() -> set[str]:
    """The files of the few programs that a sandbox needs, and of what the loader adds to them."""
    programs = [f"/bin/{name}" for name in ("bash", "cat", "rm")]
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
    return {*programs, *(word for word in said.split() if word.startswith("/") and not word.endswith(":"))}


def test_a_missing_directory_of_the_image_is_named(backend: BubblewrapBackend) -> None:
    with pytest.raises(SandboxError, match="/no/such/root"):
        backend.start(Spec("/usr:/no/such/root"))


def test_no_further_user_namespace_can_be_made(sandbox: BubblewrapSandbox) -> None:
    assert sandbox.run("unshare -U true").exit_code != 0


def test_a_seccomp_filter_that_is_given_is_in_force(tmp_path: Path, backend: BubblewrapBackend) -> None:
    program = tmp_path / "allow.bpf"
    # struct sock_filter {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}: seccomp(2).
    program.write_bytes((0x06).to_bytes(2, sys.byteorder) + b"\0\0" + (0x7FFF0000).to_bytes(4, sys.byteorder))
    sandbox = BubblewrapBackend(program).start(SPEC)
    try:
        assert "Seccomp:\t2" in sandbox.run("cat /proc/self/status").output
    finally:
        sandbox.close()
    assert "without a seccomp filter" in backend.isolation()


def test_an_unlimited_disk_is_a_folder_that_goes_as_well(backend: BubblewrapBackend) -> None:
    sandbox = backend.start(Spec("", limits=Limits(disk_mb=0)))
    folder = sandbox._store.folder
    sandbox.run("mkdir closed; touch closed/x; chmod 0 closed")
    sandbox.fork().close()
    sandbox.close()
    assert not folder.exists()


def test_version_2_of_control_groups_is_told_the_same_limits(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("memory pids cpu")
    group = make_cgroup("name", Limits(memory_mb=1, pids=7, cpus=1.5), tmp_path)
    values = {file.name: file.read_text() for file in (tmp_path / "srl-agent/name").iterdir()}
    assert values == {"memory.max": "1048576", "memory.swap.max": "0", "pids.max": "7", "cpu.max": "150000 100000"}
    assert group.missing == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_it_works_for_a_user_without_privileges() -> None:
    code = """
import sys
from envs.base import Spec, Limits
from envs.bubblewrap import BubblewrapBackend
backend = BubblewrapBackend()
print(backend.why_not() or "works")
sandbox = backend.start(Spec("", limits=Limits(pids=64, memory_mb=256, disk_mb=64)))
sandbox.run("echo 1 >file; mkdir closed; touch closed/x; chmod 0 closed")
fork = sandbox.fork()
print(fork.run("cat file; id -u").output.split())
print(fork.run("head -c 100000000 /dev/zero >large").exit_code, fork.run("tail /dev/zero", 30).exit_code != 0)
print(fork.run("bomb() { bomb | bomb & }; bomb; sleep 60", 3).timed_out, fork.run("echo here").output)
fork.close()
sandbox.close()
"""
    state = f"/tmp/srl-agent-test-{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory(prefix="srl-agent-seen-") as folder:
        done = as_nobody(code, {"SRL_AGENT_STATE": state, "PYTHONDONTWRITEBYTECODE": "1"}, Path(folder))
    assert done.stdout.split("\n")[:5] == ["works", "['1', '0']", "1 True", "True here", ""], done.stderr
    assert list(Path(state).iterdir()) == []
    Path(state).rmdir()


def as_nobody(code: str, variables: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """This Python running `code` as user 65534, in a mount namespace that shows it what only root may reach:
    the interpreter, the installed packages and the checkout may all stand below a folder of mode 0700."""
    folder.chmod(0o755)
    seen = {"base": sys.base_prefix, "packages": sysconfig.get_path("purelib"), "code": str(Path(__file__).parents[2])}
    for name in seen:
        (folder / name).mkdir()
    binds = " && ".join(f"mount --bind {shlex.quote(source)} {folder / name}" for name, source in seen.items())
    python = folder / "base/bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    script = f'{binds} && exec setpriv --reuid=65534 --regid=65534 --clear-groups {python} -c "$1"'
    paths = {"PYTHONPATH": f"{folder / 'code'}:{folder / 'packages'}"}
    words = ["unshare", "--mount", "sh", "-c", script, "sh", code]
    return subprocess.run(
        words, env={**os.environ, **paths, **variables}, cwd="/", capture_output=True, text=True, check=False
    )
