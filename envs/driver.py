"""One long-lived bash inside a sandbox that runs its commands one after the other: the driver of every backend.

A backend gives three functions and calls `run`:

    driver = Driver(
        open_shell=lambda: shell_process(["docker", "exec", "-i", name, "bash", "--noprofile", "--norc"]),
        kill_all=...,  # kills every process inside but PID 1, this shell included, and returns when they are dead
        why_dead=...,  # "" while the sandbox itself lives, else what became of it
        limits=spec.limits,
    )
    driver.open()  # SandboxError, with what the shell said, where none opens
    result = driver.run("make test", timeout=60.0, cwd="/testbed", environment={"CI": "1"})
    driver.close()  # ends the shell; the sandbox is the backend's to remove

Each command is a child of the shell, `bash -c COMMAND` with its standard input closed, in a process group of its own.
Its time is this side's to tell: when that, or the allowance of output, is up, everything inside is killed, so that no
daemon that left the group lives on, and the shell is opened anew. The sandbox needs nothing but bash.

Who may say what a command's exit code was: commands write to the shell's standard output, the shell alone to its
standard error. A shell whose executable its user may not read (`guard`, or what the backend starts) is closed to
ptrace(2), to /proc/PID/mem and to /proc/PID/fd for a uid 0 without capabilities, which commands are. What a process
left in the background can still do is to trace or kill a later *command*, and to write to or take away its output:
`fresh=True` kills whatever lives first. Whoever replaces bash itself in the sandbox's files decides what it reports:
verdicts belong into a sandbox that was never given away (`envs.outcome`). One thread at a time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from envs.base import Limits, Result
from envs.errors import SandboxError
from envs.exchange import Exchange
from envs.interrupt import Interrupted, job_tick
from envs.output import BoundedOutput
from envs.shell_lines import command_line, guarded, unguarded

CHUNK: Final = 1 << 16
SYNC: Final = 5.0
"""Seconds by which a command's last output may come after its exit code, on another pipe."""
DRAIN: Final = 0.5
"""Seconds in which a dead shell's last output is read."""
OPENING: Final = 60.0
"""Seconds that a shell may take to open."""
LOG: Final = logging.getLogger(__name__)


def shell_process(
    argv: Sequence[str], pass_fds: Sequence[int] = (), environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a command line that opens a shell, with the pipes the driver needs. SandboxError where it cannot.

    `environment` is this process's own where None: give one wherever what is started can be looked at from inside.
    """
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            pass_fds=pass_fds,
            # Ctrl-C in the terminal is for the program, which then closes its sandboxes.
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxError(f"the sandbox's shell cannot be started: {argv[0]}: {error}") from error


class Driver:
    """The shell of one sandbox, replaced when it dies."""

    def __init__(
        self,
        open_shell: Callable[[], subprocess.Popen[bytes]],
        kill_all: Callable[[], None],
        why_dead: Callable[[], str],
        limits: Limits,
        *,
        interruptible: bool = True,
        guard: bool = False,
    ) -> None:
        """`interruptible`: a command ends with Interrupted when its thread's job is over; not for what cleans up.
        `guard`: run the shell from a copy of bash that its user may not read, where the sandbox can make one."""
        self._interruptible, self._unclean = interruptible, False
        self._open_shell, self._kill_all, self._why_dead, self._limits = open_shell, kill_all, why_dead, limits
        self._guard, self._open_pipes = guard, 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The host's process id of what `open_shell` started; 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def open(self) -> None:
        """Open the shell and wait until it answers. SandboxError with what it said where it does not."""
        if self._process is not None:
            return
        if self._unclean:
            self._kill_all()
            self._unclean = False
        self._process = self._open_shell()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        name = f".srl-agent-{uuid.uuid4().hex}"
        # The shell's own standard error would report commands that died of a signal, as no other shell does here.
        begin = "exec 3>&2 2>/dev/null; set -m\n"
        if self._guard:
            begin = guarded(name, "--noprofile --norc") + unguarded(name) + begin
        exchange = self._exchange(f"[[ $BASH = */{name} ]]", OPENING, begin=begin)
        if exchange.exit_code is None:
            said = exchange.said.decode(errors="replace").strip()
            self.close()
            raise SandboxError(f"the sandbox's shell does not open: {self._why_dead() or said or 'no answer'}")
        if self._guard and exchange.exit_code:
            LOG.warning(
                "no unreadable copy of bash can be made inside (a full disk?): its shell can be interfered with"
            )

    def run(
        self,
        command: str,
        timeout: float = 60.0,
        *,
        cwd: str = "",
        environment: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> Result:
        """Run with bash; see `envs.base.Sandbox.run`. A missing `cwd` is exit code 1 and the shell's own words.

        SandboxError when the sandbox is gone. A command with a NUL byte cannot be passed on: exit code 126.
        """
        if not 0 < timeout < 1e8:
            raise ValueError(f"timeout: expected seconds above 0, got {timeout}")
        line = command_line(command, cwd, environment or {})
        if "\0" in line:
            return Result(126, "bash: a command, a directory or a variable holds a NUL byte\n")
        if fresh:
            self._replace()
        for _ in range(2):
            self.open()
            started = time.monotonic()
            exchange = self._exchange(line, timeout)
            # A shell that died between two commands is found dead now: nothing of this one has run.
            if exchange.begun or self._open_pipes == 2:
                return self._result(exchange, timeout, time.monotonic() - started)
            self._replace()
        raise SandboxError("the sandbox's shell dies before a command can begin")

    def _result(self, exchange: Exchange, timeout: float, duration: float) -> Result:
        flood, late = self._is_flood(exchange), duration >= timeout
        lost = exchange.exit_code is None and not flood and self._open_pipes < 2
        stolen = exchange.exit_code is not None and not exchange.complete
        exit_code = exchange.exit_code
        if lost or flood or late or stolen:
            exchange.rest()
            self._replace()
        if lost or flood or late:
            exit_code = 124 if late and not lost and not flood else 137
        assert exit_code is not None
        output = exchange.output
        note = (
            "\n[a process in the background took the end of the output away]\n"
            if stolen and not (flood or late)
            else ""
        )
        return Result(exit_code, output.text() + note, output.left_out, duration, (flood or late) and not lost, lost)

    def close(self) -> None:
        """End the shell; what else runs inside is the backend's to kill. Closing twice is no error."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _replace(self) -> None:
        """Kill everything inside and open another shell. SandboxError where the sandbox itself is gone."""
        reason = self._why_dead()
        if reason:
            self.close()
            raise SandboxError(f"the sandbox died during a command: {reason}")
        self._kill_all()
        self.close()
        self.open()

    def _is_flood(self, exchange: Exchange) -> bool:
        return exchange.received > (self._limits.flood_bytes or sys.maxsize)

    def _exchange(self, line: str, seconds: float, begin: str = "") -> Exchange:
        """Send a line and read until its exit code and the end of its output are here, or the shell ends, or too much
        output or time has been spent."""
        mark = uuid.uuid4().hex
        # Each mark is sent in two parts, so that a shell that echoes its input (bash -v) does not answer with it.
        first, second = mark[:16], mark[16:]
        text = (
            f"{begin}printf %s%s {first} {second}b\n{line}\n"
            f"c=$?; printf %s%s {first} {second}e; printf '%s%s %s\\n' {first} {second}r $c >&3\n"
        )
        data = text.encode(errors="surrogatepass")
        bounds = BoundedOutput(self._limits.output_bytes or sys.maxsize)
        exchange = Exchange(memoryview(data), mark.encode(), bounds)
        process = self._process
        assert (
            process is not None
            and process.stdin is not None
            and process.stdout is not None
            and process.stderr is not None
        )
        self._open_pipes = 2
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdin, selectors.EVENT_WRITE, self._send)
            selector.register(process.stdout, selectors.EVENT_READ, self._receive)
            selector.register(process.stderr, selectors.EVENT_READ, self._hear)
            while self._open_pipes and not self._is_flood(exchange):
                if exchange.exit_code is not None and exchange.complete:
                    break
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                if self._interruptible:
                    left = min(left, self._check_job())
                before = exchange.exit_code, self._open_pipes
                for key, _ in selector.select(left):
                    if not key.data(key.fd, exchange):
                        selector.unregister(key.fileobj)
                if before != (exchange.exit_code, self._open_pipes):
                    deadline = min(deadline, time.monotonic() + (SYNC if self._open_pipes == 2 else DRAIN))
        return exchange

    def _check_job(self) -> float:
        """Seconds until the next look. Interrupted when the thread's job is over; who opens a shell again kills first.

        Most close the sandbox instead, and with it goes what runs.
        """
        try:
            return job_tick()
        except Interrupted:
            self._unclean = True
            self.close()
            raise

    def _send(self, fd: int, exchange: Exchange) -> bool:
        """Write what the pipe takes; False when there is no more to write."""
        try:
            exchange.to_send = exchange.to_send[os.write(fd, exchange.to_send[:CHUNK]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False  # The end of the output follows.
        return bool(exchange.to_send)

    def _receive(self, fd: int, exchange: Exchange) -> bool:
        """Read what commands wrote; False at the end."""
        return self._read(fd, exchange.take)

    def _hear(self, fd: int, exchange: Exchange) -> bool:
        """Read what the shell itself says; False at the end."""
        return self._read(fd, exchange.listen)

    def _read(self, fd: int, take: Callable[[bytes], None]) -> bool:
        try:
            chunk = os.read(fd, CHUNK)
        except BlockingIOError:
            return True
        take(chunk)
        self._open_pipes -= not chunk
        return bool(chunk)
