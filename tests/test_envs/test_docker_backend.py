"""What is docker's own: hardening as the kernel sees it, snapshots and forks as images, and what is left afterwards."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import replace

import docker.errors
import pytest

from envs.base import Limits, Spec
from envs.docker_backend import DockerBackend
from envs.docker_container import Hardening
from envs.docker_engine import engine
from envs.docker_sandbox import DockerSandbox
from envs.errors import SandboxError
from envs.hygiene import docker_leftovers


@pytest.fixture
def spec(docker_image: str) -> Spec:
    return Spec(docker_image, limits=Limits(memory_mb=128, pids=64, disk_mb=64))


@pytest.fixture
def sandbox(spec: Spec) -> Iterator[DockerSandbox]:
    made = DockerBackend().start(spec)
    yield made
    made.close()


def mine(run_id: str) -> list[str]:
    return [left.name for left in docker_leftovers() if left.owner and left.owner.run_id == run_id]


def test_no_capability_is_left_and_none_can_be_gained(sandbox: DockerSandbox) -> None:
    status = sandbox.run("cat /proc/self/status").output
    kept = {line.split()[0]: line.split()[1] for line in status.splitlines() if line.startswith(("Cap", "NoNewPrivs"))}
    assert {int(value, 16) for name, value in kept.items() if name.startswith("Cap")} == {0}
    assert kept["NoNewPrivs:"] == "1"


def test_a_capability_can_be_kept(spec: Spec) -> None:
    sandbox = DockerBackend(hardening=Hardening(capabilities=("CHOWN",))).start(spec)
    try:
        assert sandbox.run("touch /x && chown 1:1 /x").exit_code == 0
    finally:
        sandbox.close()


def test_only_the_loopback_is_there(sandbox: DockerSandbox) -> None:
    assert [line.split(":")[0].strip() for line in sandbox.run("cat /proc/net/dev").output.splitlines()[2:]] == ["lo"]


def test_the_engine_keeps_no_log(sandbox: DockerSandbox) -> None:
    config = engine().api.inspect_container(sandbox.container)["HostConfig"]
    assert (config["LogConfig"]["Type"], config["AutoRemove"], config["Init"]) == ("none", True, False)


def test_one_file_is_bounded_at_once(sandbox: DockerSandbox) -> None:
    assert sandbox.run("head -c 100M /dev/zero > /big").exit_code != 0
    assert int(sandbox.run("stat -c %s /big").output) == 64 << 20


def test_many_files_get_their_command_killed_with_the_reason_in_its_output(sandbox: DockerSandbox) -> None:
    done = sandbox.run("for i in $(seq 4); do head -c 30M /dev/zero > /big$i; done; sleep 60", 60.0)
    assert done.exit_code != 0
    assert "64 allowed" in done.output
    assert sandbox.run("rm /big*; echo still here").output == "still here\n"


def test_a_fork_bomb_dies_and_its_children_are_reaped(sandbox: DockerSandbox) -> None:
    assert sandbox.run(":(){ :|:& };:; sleep 60", 2.0).timed_out
    # The first process, the shell, `timeout`, bash and the two of the pipe, each perhaps with one on its way.
    assert int(sandbox.run("ls -d /proc/[0-9]* | wc -l").output) < 12


def test_a_killed_container_is_an_error_that_says_so(sandbox: DockerSandbox) -> None:
    engine().api.kill(sandbox.container)
    with pytest.raises(SandboxError, match=r"container [0-9a-f]{12} is"):
        sandbox.run("echo")


def test_large_files_come_and_go_through_links_with_their_mode(sandbox: DockerSandbox) -> None:
    content = bytes(range(256)) * 1000
    sandbox.run("touch /real; chmod 751 /real; ln -s /real /link")
    sandbox.write_file("/link", content)
    assert sandbox.read_file("/link") == sandbox.read_file("/real") == content
    assert sandbox.run("stat -c %a /real; ls -a / | grep srl-agent").output == "751\n"


def test_a_named_snapshot_has_one_id_for_one_name(sandbox: DockerSandbox) -> None:
    first = sandbox.snapshot("echo one")
    assert first == sandbox.snapshot("echo one") != sandbox.snapshot("echo two")


def test_a_sandbox_leaves_nothing_when_it_and_its_forks_are_closed(spec: Spec) -> None:
    run_id = "leaves-nothing"
    sandbox = DockerBackend().start(replace(spec, run_id=run_id))
    sandbox.snapshot()
    fork = sandbox.fork()
    fork.snapshot()
    assert len(mine(run_id)) == 5
    sandbox.close()
    assert fork.run("echo alive").output == "alive\n"
    fork.close()
    assert mine(run_id) == []


def test_an_image_without_a_shell_is_refused_with_what_the_engine_said(docker_image: str) -> None:
    with pytest.raises(SandboxError, match="no-such"):
        DockerBackend().start(Spec("no-such/image:1"))


def test_a_fork_of_anothers_snapshot_is_refused(sandbox: DockerSandbox) -> None:
    with pytest.raises(SandboxError, match="no snapshot"):
        sandbox.fork("srl-agent/snapshot:none")


def test_a_container_ends_by_itself_when_its_time_is_up(spec: Spec) -> None:
    sandbox = DockerBackend(ttl=5.0).start(spec)  # A busy machine takes a second or two to start one.
    with contextlib.suppress(docker.errors.NotFound):  # It may be gone before the wait begins.
        engine().api.wait(sandbox.container, timeout=60)
    with pytest.raises(SandboxError):
        sandbox.run("echo")
    sandbox.close()


def test_what_the_background_writes_is_bounded_between_commands_too(sandbox: DockerSandbox) -> None:
    sandbox.run(
        "(setsid bash -c 'for i in 1 2 3; do head -c 40M /dev/zero >/big$i; done; sleep 600' >/dev/null 2>&1 &)"
    )
    for _ in range(600):
        done = sandbox.run("echo here")
        if "64 allowed" in done.output:
            break
    assert sandbox.run("ls /proc | grep -c '^[0-9]'; rm /big*").output < "8"


def test_a_file_over_the_bound_says_that_the_bound_did_it(sandbox: DockerSandbox) -> None:
    done = sandbox.run("exec head -c 100M /dev/zero > /big")
    assert (done.exit_code, "64 MB" in done.output) == (153, True)


def test_snapshots_are_bounded_together(spec: Spec) -> None:
    limits = replace(spec.limits, snapshots_mb=5)
    with DockerBackend().start(replace(spec, limits=limits)) as sandbox:
        sandbox.run("head -c 3M /dev/urandom > /big")
        sandbox.snapshot()
        with pytest.raises(SandboxError, match="snapshots_mb"):
            sandbox.snapshot()


def test_an_image_with_volumes_is_refused(spec: Spec) -> None:
    tag = uuid.uuid4().hex
    name = f"srl-agent-test/volume:{tag}"
    with DockerBackend().start(spec) as sandbox:
        engine().api.commit(sandbox.container, "srl-agent-test/volume", tag, changes=["VOLUME /data"], pause=False)
    try:
        with pytest.raises(SandboxError, match="/data"):
            DockerBackend().start(Spec(name))
    finally:
        engine().api.remove_image(name)


def test_a_sleep_that_looks_like_the_first_processs_is_killed(sandbox: DockerSandbox) -> None:
    count = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 360[0]' | wc -l"
    sandbox.run("(setsid sleep 3600 >/dev/null 2>&1 &)")
    # A process has no command line for a moment while it becomes another program.
    sandbox.run(f"until [ $({count}) = 2 ]; do sleep 0.1; done")
    assert (sandbox.run(count).output, sandbox.run(count, fresh=True).output) == ("2\n", "1\n")
