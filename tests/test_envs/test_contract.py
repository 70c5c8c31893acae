"""The sandbox contract (`envs.base`), held against every backend that works here: one test a property."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract import ISOLATING, OWN, SMALL, Subject, kill_from_outside
from needs import need

from envs.base import BACKENDS, Limits, Sandbox, Spec, choose_backend
from envs.errors import SandboxError

ODD_NAMES = ["with blank", "-dash", "line\nbreak", "quote'\"", "*?[a]", "ünï ☃", "$(echo no)", "a\\b", "~", " "]
WHOLE_DRIVER = "kill -9 $PPID"
"""Kills the shell that runs the commands."""


@pytest.fixture(scope="module", params=[OWN] if OWN else list(BACKENDS))
def subject(request: pytest.FixtureRequest) -> Subject:
    name: str = request.param
    try:
        _, backend, _ = choose_backend(name)
    except SandboxError as error:
        need(str(error))
    image = request.getfixturevalue("docker_image") if name == "docker" else ""
    return Subject(name, backend, os.environ["SRL_AGENT_TEST_IMAGE"] if OWN else image)


@pytest.fixture(scope="module")
def isolating(subject: Subject) -> Subject:
    """The backends that hold foreign code; the others promise nothing of the kind."""
    if subject.name not in ISOLATING:
        pytest.skip(f"{subject.name} does not promise it")
    return subject


@pytest.fixture(scope="module")
def shared(subject: Subject) -> Iterator[Sandbox]:
    """One sandbox for properties that leave it as it was."""
    with subject.started() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(subject: Subject) -> Iterator[Sandbox]:
    with subject.started() as sandbox:
        yield sandbox


@pytest.fixture
def hostile(isolating: Subject) -> Iterator[Sandbox]:
    """A sandbox of one's own, for what must not be tried without isolation."""
    with isolating.started() as sandbox:
        yield sandbox


def lives(sandbox: Sandbox, word: str) -> bool:
    """Whether a process with that word in its command line runs where the sandbox's commands can see it."""
    return sandbox.run(finds(word)).exit_code == 0


def begins(sandbox: Sandbox, word: str) -> bool:
    """Whether such a process comes to run: one has no command line for a moment while it becomes another program."""
    return sandbox.run(f"until {finds(word)}; do sleep 0.1; done", timeout=30).exit_code == 0


def finds(word: str) -> str:
    """The command that finds it, which is not found itself."""
    return f"cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -q '{word[:-1]}[{word[-1]}]'"


# Commands


@pytest.mark.parametrize("code", [0, 1, 3, 124, 255])
def test_the_exit_code_is_the_commands(shared: Sandbox, code: int) -> None:
    result = shared.run(f"exit {code}")
    assert (result.exit_code, result.timed_out, result.lost) == (code, False, False)


def test_output_and_errors_come_in_order(shared: Sandbox) -> None:
    assert shared.run("echo 1; echo 2 >&2; echo 3; nosuchcommand").output.splitlines()[:3] == ["1", "2", "3"]


def test_output_without_a_last_line_end_is_kept_so(shared: Sandbox) -> None:
    assert shared.run("printf abc").output == "abc"


def test_unicode_passes_through_commands_and_output(shared: Sandbox) -> None:
    assert shared.run("echo 'ünï ☃ 漢字 \U0001f600'").output == "ünï ☃ 漢字 \U0001f600\n"


def test_what_is_not_utf8_is_replaced(shared: Sandbox) -> None:
    assert shared.run(r"printf 'a\xff\x00b'").output == "a\ufffd\x00b"


def test_of_long_output_head_and_tail_are_kept_and_the_rest_is_counted(shared: Sandbox) -> None:
    result = shared.run("seq 1 200000")
    whole = "".join(f"{number}\n" for number in range(1, 200001))
    assert result.truncated == len(whole) - SMALL.output_bytes
    head, _, tail = result.output.partition(f"\n[{result.truncated} bytes left out]\n")
    assert (whole.startswith(head), whole.endswith(tail)) == (True, True)
    assert len(head) == len(tail) == SMALL.output_bytes // 2


def test_a_flood_of_output_is_stopped(sandbox: Sandbox) -> None:
    result = sandbox.run("yes", timeout=60)
    assert (result.exit_code, result.timed_out, result.lost) == (137, True, False)
    assert len(result.output) < 2 * SMALL.output_bytes
    assert sandbox.run("echo still here").output == "still here\n"


def test_a_flood_of_zero_bytes_is_stopped(sandbox: Sandbox) -> None:
    assert sandbox.run("cat /dev/zero", timeout=60).timed_out
    assert sandbox.run("echo still here").output == "still here\n"


def test_standard_input_is_closed(shared: Sandbox) -> None:
    assert shared.run("cat; read line || echo nothing to read").output == "nothing to read\n"


def test_two_hundred_commands_in_a_row_answer_each_their_own(shared: Sandbox) -> None:
    answers = [shared.run(f"echo {number}; exit {number % 7}") for number in range(200)]
    assert [(answer.output, answer.exit_code) for answer in answers] == [(f"{n}\n", n % 7) for n in range(200)]


@pytest.mark.parametrize("command", ["echo 'unbalanced", "if true; then", "cat <<EOF\nno end", "exit 1; }", "(", "'"])
def test_a_broken_command_breaks_nothing_after_it(shared: Sandbox, command: str) -> None:
    shared.run(command, timeout=20)
    assert shared.run("echo next").output == "next\n"


def test_a_command_longer_than_one_argument_may_be_runs(shared: Sandbox) -> None:
    text = "x" * 300_000
    assert shared.run(f"word={text}; echo ${{#word}} 'it''s'; exit 5").output == "300000 its\n"


def test_a_command_with_a_nul_byte_is_a_failed_command(shared: Sandbox) -> None:
    assert shared.run("echo a\0b").exit_code == 126


def test_no_time_at_all_is_refused(shared: Sandbox) -> None:
    with pytest.raises(ValueError, match="timeout"):
        shared.run("true", timeout=0)


def test_a_command_runs_in_the_directory_and_with_the_variables_it_is_given(shared: Sandbox) -> None:
    result = shared.run('mkdir -p "a b"', timeout=20)
    result = shared.run('basename "$PWD"; echo "$A"', cwd="/testbed/a b", environment={"A": "x 'y\"\n$z"})
    assert result.output == "a b\nx 'y\"\n$z\n"


def test_a_missing_directory_is_a_failed_command(shared: Sandbox) -> None:
    result = shared.run("echo never", cwd="/testbed/missing")
    assert result.exit_code != 0
    assert "never" not in result.output


def test_directory_and_variables_are_not_kept_between_commands(shared: Sandbox) -> None:
    shared.run("cd /; export KEPT=1; set -e")
    assert shared.run('test "$PWD" = / || echo "elsewhere${KEPT}"').output == "elsewhere\n"


def test_the_specs_variables_are_seen_and_the_callers_are_not(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "of the caller")
    spec = Spec(subject.image, environment={"GIVEN": "by the spec"}, limits=SMALL)
    with subject.started(spec) as sandbox:
        assert sandbox.run('echo "$GIVEN"; env | grep -c SECRET').output == "by the spec\n0\n"


def test_a_background_process_lives_on_between_commands(sandbox: Sandbox) -> None:
    word = uuid.uuid4().hex
    sandbox.run(f"bash -c 'sleep 600; : {word}' >/dev/null 2>&1 &")
    assert begins(sandbox, word)


# Time


def test_time_is_up_for_the_whole_group_and_for_daemons_that_left_it(sandbox: Sandbox) -> None:
    word = uuid.uuid4().hex
    daemon = f"(setsid bash -c 'sleep 600; : {word}' >/dev/null 2>&1 &)"
    result = sandbox.run(f"{daemon}; bash -c 'sleep 600; : {word}' & echo begun; wait", timeout=1)
    assert (result.exit_code, result.timed_out, result.output) == (124, True, "begun\n")
    assert not lives(sandbox, word)


def test_a_command_that_ignores_the_polite_signal_is_killed(sandbox: Sandbox) -> None:
    result = sandbox.run("trap '' TERM; echo begun; while :; do :; done", timeout=1)
    assert (result.exit_code, result.timed_out, result.output) == (124, True, "begun\n")


def test_a_stopped_shell_is_replaced_when_time_is_up(sandbox: Sandbox) -> None:
    result = sandbox.run(WHOLE_DRIVER.replace("kill -9", "kill -STOP") + "; exit 3", timeout=1)
    # Where the shell is PID 1 the kernel does not let it be stopped or killed from inside.
    assert result.timed_out or result.exit_code == 3
    assert sandbox.run("echo next").output == "next\n"


# Shells that die


def test_a_command_that_kills_its_own_shell_is_a_failed_command(shared: Sandbox) -> None:
    result = shared.run("echo a; kill -9 $$; echo b")
    assert (result.exit_code, result.output, result.lost) == (137, "a\n", False)


def test_a_killed_driver_is_replaced_and_the_result_says_so(sandbox: Sandbox) -> None:
    sandbox.run("echo kept >file")
    result = sandbox.run(WHOLE_DRIVER + "; sleep 1; exit 3")
    assert result.lost or result.exit_code == 3
    assert sandbox.run("cat file").output == "kept\n"


def test_a_command_that_kills_all_it_can_leaves_a_sandbox_that_works(hostile: Sandbox) -> None:
    hostile.run("echo kept >file")
    hostile.run("kill -9 -1; sleep 60", timeout=20)
    assert hostile.run("cat file").output == "kept\n"


def test_a_sandbox_killed_from_outside_in_mid_command_raises(hostile: Sandbox) -> None:
    killer = threading.Timer(1.0, kill_from_outside, [hostile])
    killer.start()
    with pytest.raises(SandboxError):
        hostile.run("sleep 600", timeout=60)
    killer.join()


def test_a_sandbox_killed_from_outside_between_commands_raises(hostile: Sandbox) -> None:
    kill_from_outside(hostile)
    with pytest.raises(SandboxError):
        hostile.run("true")


# Files


@pytest.mark.parametrize("name", ODD_NAMES)
def test_files_with_odd_names_are_written_and_read(shared: Sandbox, name: str) -> None:
    path = f"/testbed/odd/{name}/{name}"
    shared.write_file(path, b"content\x00\xff")
    assert shared.read_file(path) == b"content\x00\xff"
    count = "find odd -type f -name \"$NAME\" | tr -d '\\n' | wc -c"
    pattern = "".join(f"[{letter}]" if letter in "*?[" else letter.replace("\\", "\\\\") for letter in name)
    assert int(shared.run(count, environment={"NAME": pattern}).output) > 0


def test_an_empty_file_is_one(shared: Sandbox) -> None:
    shared.write_file("/testbed/empty", b"")
    assert (shared.read_file("/testbed/empty"), shared.run("wc -c <empty").output.strip()) == (b"", "0")


def test_fifty_megabytes_pass_both_ways(sandbox: Sandbox) -> None:
    content = hashlib.shake_256(b"seed").digest(50_000_000)
    sandbox.write_file("/testbed/large", content)
    assert sandbox.run("sha256sum <large").output.split()[0] == hashlib.sha256(content).hexdigest()
    assert sandbox.read_file("/testbed/large") == content


def test_writing_replaces_the_whole_file(shared: Sandbox) -> None:
    shared.write_file("/testbed/whole", b"long content")
    shared.write_file("/testbed/whole", b"short")
    assert shared.run("cat whole").output == "short"


def test_a_script_stays_executable_when_it_is_written_again(shared: Sandbox) -> None:
    shared.run("printf 'echo old' >script; chmod +x script")
    shared.write_file("/testbed/script", b"#!/bin/bash\necho new\n")
    assert shared.run("./script").output == "new\n"


def test_links_are_followed(shared: Sandbox) -> None:
    shared.run("echo target >target; ln -sf target link")
    assert shared.read_file("/testbed/link") == b"target\n"
    shared.write_file("/testbed/link", b"through")
    assert shared.run("cat target").output == "through"


def test_what_cannot_be_read_or_written_raises_the_systems_error(shared: Sandbox) -> None:
    shared.run("mkdir -p folder; touch file")
    with pytest.raises(FileNotFoundError):
        shared.read_file("/testbed/missing/file")
    with pytest.raises(IsADirectoryError):
        shared.read_file("/testbed/folder")
    with pytest.raises(OSError, match=r"file"):
        shared.write_file("/testbed/file/below", b"")
    with pytest.raises(IsADirectoryError):
        shared.write_file("/testbed/folder", b"")


# Snapshots


def test_a_fork_sees_the_snapshot_and_not_what_came_after(sandbox: Sandbox) -> None:
    sandbox.run("mkdir d; echo 1 >d/a; echo 1 >b; chmod 755 b; ln -s b l; mkdir -p gone/x; echo 1 >gone/x/y")
    first = sandbox.snapshot()
    sandbox.run("rm -r d gone; mkdir gone; echo 2 >b; chmod 600 b; rm l; echo 2 >l; echo 2 >new")
    fork = sandbox.fork(first)
    try:
        assert fork.run("cat d/a b gone/x/y; readlink l; stat -c %a b; ls").output == "1\n1\n1\nb\n755\nb\nd\ngone\nl\n"
    finally:
        fork.close()


def test_a_fork_of_now_sees_deletions_and_replacements(sandbox: Sandbox) -> None:
    sandbox.run("mkdir d; echo 1 >d/a; echo 1 >f")
    sandbox.snapshot()
    sandbox.run("rm -r d; mkdir d; echo 2 >d/b; rm f; mkdir f")
    fork = sandbox.fork()
    try:
        assert fork.run("find . | sort").output.split() == [".", "./d", "./d/b", "./f"]
    finally:
        fork.close()


def test_two_forks_and_their_origin_do_not_see_each_other(sandbox: Sandbox) -> None:
    sandbox.run("echo 0 >file")
    start = sandbox.snapshot()
    forks = [sandbox.fork(start) for _ in range(2)]
    try:
        for number, each in enumerate([sandbox, *forks]):
            each.run(f"echo {number} >>file; touch own{number}")
        seen = [each.run("cat file; ls own*").output.split() for each in [sandbox, *forks]]
        assert seen == [["0", str(number), f"own{number}"] for number in range(3)]
    finally:
        for fork in forks:
            fork.close()


def test_the_origin_goes_on_after_a_snapshot(sandbox: Sandbox) -> None:
    for number in range(5):
        sandbox.run(f"echo {number} >>file")
        sandbox.snapshot()
    assert sandbox.run("cat file").output.split() == ["0", "1", "2", "3", "4"]


def test_every_snapshot_of_a_chain_can_be_gone_back_to(sandbox: Sandbox) -> None:
    names = []
    for number in range(4):
        sandbox.write_file("/testbed/file", str(number).encode())
        names.append(sandbox.snapshot())
    seen = []
    for name in reversed(names):
        fork = sandbox.fork(name)
        seen.append(fork.read_file("/testbed/file"))
        fork.close()
    assert seen == [b"3", b"2", b"1", b"0"]


def test_a_fork_can_be_forked(sandbox: Sandbox) -> None:
    sandbox.run("echo 1 >file")
    child = sandbox.fork()
    child.run("echo 2 >>file")
    grandchild = child.fork(child.snapshot())
    child.close()
    try:
        assert grandchild.run("cat file").output == "1\n2\n"
    finally:
        grandchild.close()


def test_a_snapshot_that_does_not_exist_raises(shared: Sandbox) -> None:
    with pytest.raises(SandboxError, match="snapshot"):
        shared.fork("no such snapshot")


# The end


def test_closing_twice_is_no_error(subject: Subject) -> None:
    with subject.started() as sandbox:
        sandbox.close()
        sandbox.close()


def test_a_closed_sandbox_raises_whatever_is_asked_of_it(subject: Subject) -> None:
    with subject.started() as sandbox:
        sandbox.close()
    for ask in (
        lambda: sandbox.run("true"),
        lambda: sandbox.read_file("/etc/passwd"),
        lambda: sandbox.write_file("/testbed/x", b""),
        sandbox.snapshot,
        sandbox.fork,
    ):
        with pytest.raises(SandboxError, match="closed"):
            ask()


def test_a_sandbox_killed_from_outside_can_be_closed(hostile: Sandbox) -> None:
    kill_from_outside(hostile)
    hostile.close()


def test_a_missing_image_is_named(subject: Subject) -> None:
    with pytest.raises(SandboxError, match="no-such-image"):
        subject.backend.start(Spec("/no-such-image" if subject.name != "docker" else "no-such-image:none"))


# Hostile code


def test_a_file_larger_than_the_disk_is_not_written(hostile: Sandbox) -> None:
    result = hostile.run("head -c 200000000 /dev/zero >large", timeout=60)
    assert result.exit_code != 0
    assert int(hostile.run("stat -c %s large").output) <= SMALL.disk_mb << 20


def test_a_sandbox_with_a_full_disk_still_answers(hostile: Sandbox) -> None:
    hostile.run("head -c 200000000 /dev/zero >large", timeout=60)
    assert hostile.run("echo still here").output == "still here\n"
    assert hostile.run("rm large && echo small >file && cat file").output == "small\n"


def test_a_fork_bomb_stays_inside(hostile: Sandbox) -> None:
    assert hostile.run("bomb() { bomb | bomb & }; bomb; sleep 60", timeout=3).timed_out
    assert hostile.run("echo still here").output == "still here\n"


def test_a_memory_bomb_is_killed_and_the_sandbox_goes_on(hostile: Sandbox) -> None:
    result = hostile.run("tail /dev/zero", timeout=60)
    assert (result.exit_code != 0, result.timed_out) == (True, False)
    assert hostile.run("echo still here").output == "still here\n"


def test_memory_is_bounded_for_all_processes_together(isolating: Subject) -> None:
    if "for each process" in isolating.backend.isolation():
        pytest.skip(isolating.backend.isolation())
    with isolating.started(Spec(isolating.image, limits=Limits(memory_mb=64))) as sandbox:
        eater = "python3 -c 'import time; x = b\"x\" * (40 << 20); time.sleep(3)'"
        result = sandbox.run(
            f'for i in 1 2 3; do {eater} & pids+=" $!"; done; for p in $pids; do wait $p; echo $?; done'
        )
        assert result.lost or "137" in result.output.split()


def test_there_is_no_network_but_its_own_loopback(hostile: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert hostile.run(f"exec 3<>/dev/tcp/127.0.0.1/{port}", timeout=20).exit_code != 0
    assert [line.split(":")[0].strip() for line in hostile.run("cat /proc/net/dev").output.splitlines()[2:]] == ["lo"]


def test_nothing_is_written_outside(hostile: Sandbox, tmp_path: Path) -> None:
    hostile.run(f"mkdir -p {tmp_path}; echo x >{tmp_path}/by-command; ln -s {tmp_path} link; echo x >link/by-link")
    hostile.write_file(f"{tmp_path}/by-call", b"x")
    hostile.write_file("/testbed/link/by-call-and-link", b"x")
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_the_host_is_read_through_links(hostile: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the host")
    for number, target in enumerate([f"{tmp_path}/secret", f"../../../../../..{tmp_path}/secret", "/proc/1/root"]):
        hostile.run(f"ln -s '{target}' link{number}")
        with pytest.raises(OSError, match=r"."):
            hostile.read_file(f"/testbed/link{number}{tmp_path}/secret" if number == 2 else f"/testbed/link{number}")


def test_processes_of_the_host_are_not_seen(hostile: Sandbox) -> None:
    assert int(hostile.run("ls -d /proc/[0-9]* | wc -l").output) < 12


def test_no_capability_is_held_and_none_can_be_gained(hostile: Sandbox) -> None:
    status = hostile.run("grep -E '^(Cap|NoNewPrivs)' /proc/self/status").output
    values = dict(line.split() for line in status.splitlines())
    assert values.pop("NoNewPrivs:") == "1"
    assert {int(value, 16) for value in values.values()} == {0}
    assert hostile.run("mount -t tmpfs none /mnt").exit_code != 0


# Code that attacks the harness: what comes later must not be its to say


def shell_of(sandbox: Sandbox) -> str:
    """The process id of the shell that runs the commands, as they see it."""
    return sandbox.run("echo $PPID").output.strip()


def test_nothing_can_be_written_to_the_shells_pipes(hostile: Sandbox) -> None:
    forged = 'echo forged; printf() { builtin printf "forged\\n%s%s 0\\n" "$2" "$3"; }'
    pids = "$PPID 1"
    attack = f"for p in {pids}; do for n in 0 1 2 3; do echo '{forged}' >/proc/$p/fd/$n; done; done 2>/dev/null; true"
    hostile.run(f"(setsid bash -c 'while sleep 0.1; do {attack.replace(chr(39), chr(34))}; done' >/dev/null 2>&1 &)")
    hostile.run(attack)
    result = hostile.run("sleep 0.3; exit 7")
    assert (result.exit_code, result.output) == (7, "")


def test_neither_memory_nor_environment_of_shell_or_first_process_can_be_opened(hostile: Sandbox) -> None:
    for pid in {shell_of(hostile), "1"}:
        found = hostile.run(f"for f in mem environ fd/0 maps; do (exec 3</proc/{pid}/$f) 2>/dev/null && echo $f; done")
        assert found.output == "", pid
        trace = f"import ctypes; print(ctypes.CDLL(None).ptrace(16, {pid}, 0, 0))"
        assert hostile.run(f"python3 -c '{trace}'").output == "-1\n"


def test_nothing_of_the_callers_environment_is_readable_in_any_process(
    isolating: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = uuid.uuid4().hex
    monkeypatch.setenv("SECRET_TOKEN", secret)
    with isolating.started() as sandbox:
        seen = sandbox.run("cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'").output
    assert "PATH=" in seen
    assert secret not in seen


def test_a_replaced_program_does_not_make_a_late_command_timely(hostile: Sandbox) -> None:
    hostile.run(
        "for f in timeout env cat; do printf '#!/bin/bash\nexit 0' >/usr/local/bin/$f; done; chmod 755 /usr/local/bin/*"
    )
    result = hostile.run("trap 'exit 0' TERM; echo begun; sleep 60 & wait", timeout=1)
    assert (result.exit_code, result.timed_out, result.output) == (124, True, "begun\n")
    assert hostile.run("exit 7").exit_code == 7


def test_a_fresh_command_finds_nothing_of_earlier_ones_running(sandbox: Sandbox) -> None:
    word = uuid.uuid4().hex
    sandbox.run(f"(setsid bash -c 'trap : TERM HUP; while :; do sleep 600; : {word}; done' >/dev/null 2>&1 &)")
    assert begins(sandbox, word)
    result = sandbox.run("echo kept >file; exit 3", fresh=True)
    assert (result.exit_code, result.lost, result.output) == (3, False, "")
    assert not lives(sandbox, word)


def test_output_that_a_process_in_the_background_steals_costs_no_exit_code(hostile: Sandbox) -> None:
    hostile.run("(setsid bash -c 'cat /proc/self/fd/1 >/tmp/stolen' 2>/dev/null &)")
    assert hostile.run("echo mine; exit 7").exit_code == 7


def test_what_is_read_is_the_file_whatever_writes_to_the_output(hostile: Sandbox) -> None:
    hostile.write_file("/testbed/file", b"content" * 2000)
    hostile.run("(setsid bash -c 'while :; do echo noise; sleep 0.01; done' &)")
    for _ in range(3):
        assert hostile.read_file("/testbed/file") == b"content" * 2000


@pytest.mark.parametrize("make", ["truncate -s 8G big", "head -c 40000 /dev/zero >big"])
def test_a_file_above_the_readers_limit_is_refused_unread(subject: Subject, make: str) -> None:
    with subject.started(Spec(subject.image, limits=Limits(memory_mb=256, pids=64, disk_mb=0))) as sandbox:
        sandbox.run(make)
        with pytest.raises(OSError, match="big") as caught:
            sandbox.read_file("/testbed/big", 39_999)
    assert caught.value.errno == errno.EFBIG


def test_what_a_command_may_not_read_is_not_read_for_it(hostile: Sandbox) -> None:
    hostile.run("echo secret >closed; chmod 000 closed; mkdir shut; echo secret >shut/file; chmod 000 shut")
    for path in ("/testbed/closed", "/testbed/shut/file"):
        with pytest.raises(PermissionError):
            hostile.read_file(path)


@pytest.mark.parametrize("path", ["/proc/kallsyms", "/proc/self/environ", "/proc/1/mem", "/sys/kernel/notes"])
def test_files_of_the_kernel_are_not_read(hostile: Sandbox, path: str) -> None:
    with pytest.raises(OSError, match=path):
        hostile.read_file(path)


def test_a_snapshot_while_files_come_and_go_holds_those_that_stay(hostile: Sandbox) -> None:
    hostile.run("mkdir d stay; for i in $(seq 300); do echo $i >stay/$i; done")
    churn = "while :; do for i in $(seq 50); do mkdir -p d/$i; echo x >d/$i/f; done; rm -rf d/*; done"
    hostile.run(f"(setsid bash -c '{churn}' >/dev/null 2>&1 &)")
    for _ in range(3):
        fork = hostile.fork(hostile.snapshot())
        try:
            assert fork.run("ls stay | wc -l").output == "300\n"
        finally:
            fork.close()


# Alike everywhere


def test_a_fork_lives_on_when_its_origin_is_closed(subject: Subject) -> None:
    with subject.started() as sandbox:
        sandbox.run("echo 1 >file")
        with sandbox.fork() as fork:
            sandbox.close()
            assert fork.run("cat file").output == "1\n"


def test_a_relative_path_is_refused(shared: Sandbox) -> None:
    for ask in (lambda: shared.read_file("file"), lambda: shared.write_file("file", b"")):
        with pytest.raises(ValueError, match="absolute"):
            ask()
    with pytest.raises(SandboxError, match="workdir"):
        Spec("image", "testbed")


def test_a_working_directory_that_the_image_has_not_is_named(subject: Subject) -> None:
    if subject.name == "local":
        pytest.skip("its image is the working directory")
    image = subject.image or "/"
    with pytest.raises(SandboxError, match=f"/nope does not exist in image {image} "):
        subject.backend.start(Spec(image, "/nope", limits=SMALL))


def test_a_working_directory_is_made_where_that_is_asked_for(subject: Subject) -> None:
    with subject.started(Spec(subject.image, "/made/here", limits=SMALL, make_workdir=True)) as sandbox:
        assert sandbox.run("ls | wc -l").output == "0\n"


def test_messages_of_the_shell_count_lines_from_the_commands_first(shared: Sandbox) -> None:
    shared.run("true")
    assert "line 1: nosuchcommand" in shared.run("nosuchcommand").output
    assert "line 2: nosuchcommand" in shared.run("true\nnosuchcommand").output
    missing = shared.run("true", cwd="/testbed/missing")
    assert (missing.exit_code, "line 1: cd: " in missing.output) == (1, True)


def test_a_group_that_is_killed_is_the_commands_own(shared: Sandbox) -> None:
    result = shared.run("kill -9 0; echo never")
    assert (result.exit_code, result.output, result.lost) == (137, "", False)


def test_a_folder_of_any_depth_goes_with_its_sandbox(sandbox: Sandbox) -> None:
    deep = "for i in $(seq 15); do mkdir -p $(printf 'd/%.0s' $(seq 100)); cd $(printf 'd/%.0s' $(seq 100)); done"
    assert sandbox.run(deep).exit_code == 0
    sandbox.close()


def test_a_name_that_no_variable_can_have_is_refused(shared: Sandbox) -> None:
    with pytest.raises(ValueError, match="A-B"):
        shared.run("true", environment={"A-B": "x"})
