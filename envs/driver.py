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

Each command is a child of the shell, `timeout -k 2 SECONDS bash -c COMMAND` with its standard input closed, in a
process group of its own. When its time or its allowance of output is up, everything inside is killed, so that no
daemon that left the group lives on, and the shell is opened anew. The sandbox needs bash, `env` and `timeout`.

Output is framed by two random marks on the shell's standard output. A command that hunts for them in its parent's
memory can forge its own exit code and output, nothing else; and what a process left in the background writes while a
later command runs is part of that command's output. One thread at a time.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from envs.base import Limits, Result
from envs.errors import SandboxError
from envs.interrupt import Interrupted, job_tick
from envs.output import BoundedOutput

CHUNK: Final = 1 << 16
KILL_AFTER: Final = 2
"""Seconds between SIGTERM and SIGKILL, both sent by `timeout` inside."""
GRACE: Final = 3.0
"""Seconds past a command's time after which everything is killed from outside."""
OPENING: Final = 60.0
"""Seconds that a shell may take to open."""
LONGEST_ARGUMENT: Final = 100_000
"""Bytes: Linux takes 128 KiB in one argument (execve(2), MAX_ARG_STRLEN); longer commands go through a pipe."""


def shell_process(argv: Sequence[str], pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start a command line that opens a shell, with the pipes the driver needs. SandboxError where it cannot."""
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            pass_fds=pass_fds,
            # Ctrl-C in the terminal is for the program, which then closes its sandboxes.
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxError(f"the sandbox's shell cannot be started: {argv[0]}: {error}") from error


@dataclass
class _Exchange:
    """What was sent to the shell and what came back between the two marks."""

    to_send: memoryview
    begin: bytes
    end: bytes
    output: BoundedOutput
    pending: bytearray = field(default_factory=bytearray)
    received: int = 0
    begun: bool = False
    exit_code: int | None = None

    def take(self, chunk: bytes) -> None:
        """Sort the next bytes into output and marks."""
        self.received += len(chunk)
        self.pending += chunk
        if not self.begun:
            _, mark, rest = self.pending.partition(self.begin)
            self.begun = bool(mark)
            # What comes before the first mark is from a process that an earlier command left behind, or says why no
            # shell opens.
            self.pending = rest if mark else self.pending[-4096:]
        if self.begun:
            self._look_for_end()

    def _look_for_end(self) -> None:
        text, mark, rest = self.pending.partition(self.end)
        code, newline, _ = rest.partition(b"\n")
        if mark and newline:
            self.output.add(text)
            self.pending.clear()
            self.exit_code = int(code) if code.isdigit() else 1
        elif not mark:
            ready = max(len(self.pending) - len(self.end), 0)
            self.output.add(self.pending[:ready])
            del self.pending[:ready]

    def rest(self) -> None:
        """Count what is pending as output: no mark will come."""
        if self.begun:
            self.output.add(self.pending)
        self.pending.clear()


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
    ) -> None:
        """`interruptible`: a command ends with Interrupted when its thread's job is over; not for what cleans up."""
        self._interruptible = interruptible
        self._open_shell, self._kill_all, self._why_dead, self._limits = open_shell, kill_all, why_dead, limits
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The host's process id of what `open_shell` started; 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def open(self) -> None:
        """Open the shell and wait until it answers. SandboxError with what it said where it does not."""
        if self._process is not None:
            return
        self._process = self._open_shell()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        # The shell's own standard error would report commands that died of a signal, as no other shell does here.
        exchange = self._exchange("exec 2>/dev/null", OPENING)
        if exchange.exit_code != 0:
            said = exchange.pending.decode(errors="replace").strip()
            self.close()
            raise SandboxError(f"the sandbox's shell does not open: {self._why_dead() or said or 'no answer'}")

    def run(
        self, command: str, timeout: float = 60.0, *, cwd: str = "", environment: Mapping[str, str] | None = None
    ) -> Result:
        """Run with bash; see `envs.base.Sandbox.run`. A missing `cwd` is exit code 1 and the shell's own words.

        SandboxError when the sandbox is gone. A command with a NUL byte cannot be passed on: exit code 126.
        """
        if not 0 < timeout < 1e8:
            raise ValueError(f"timeout: expected seconds above 0, got {timeout}")
        line = command_line(command, timeout, cwd, environment or {})
        if "\0" in line:
            return Result(126, "bash: a command, a directory or a variable holds a NUL byte\n")
        started = time.monotonic()
        for _ in range(2):
            self.open()
            exchange = self._exchange(line, timeout + GRACE)
            # A shell that died between two commands is found dead now: nothing of this one has run.
            if exchange.begun or self._is_open():
                break
            self._replace()
        else:
            raise SandboxError("the sandbox's shell dies before a command can begin")
        return self._result(exchange, timeout, time.monotonic() - started)

    def _result(self, exchange: _Exchange, timeout: float, duration: float) -> Result:
        flood = self._is_flood(exchange)
        # `timeout` reports 124, or 137 where it had to send SIGKILL; so may a command that ends by itself, in time.
        late = duration >= timeout and exchange.exit_code in (None, 124, 137)
        lost = exchange.exit_code is None and not flood and not self._is_open()
        exit_code = exchange.exit_code
        if lost or flood or late:
            exchange.rest()
            exit_code = 124 if late and not lost else 137
            self._replace()
        assert exit_code is not None
        output = exchange.output
        timed_out = (flood or late) and not lost
        return Result(exit_code, output.text(), output.left_out, duration, timed_out, lost)

    def close(self) -> None:
        """End the shell; what else runs inside is the backend's to kill. Closing twice is no error."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
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

    def _is_open(self) -> bool:
        return self._process is not None and not self._ended

    def _is_flood(self, exchange: _Exchange) -> bool:
        return exchange.received > (self._limits.flood_bytes or sys.maxsize)

    def _exchange(self, line: str, seconds: float) -> _Exchange:
        """Send a line between two marks and read until the second, the end of the shell, a flood or the deadline."""
        mark = uuid.uuid4().hex
        # Each mark is sent in two parts, so that a shell that echoes its input (bash -v) does not answer with it.
        text = f"printf %s%s {mark[:16]} {mark[16:]}b\n{line}\nprintf '%s%s %s\\n' {mark[:16]} {mark[16:]}e $?\n"
        data = text.encode(errors="surrogatepass")
        bounds = BoundedOutput(self._limits.output_bytes or sys.maxsize)
        exchange = _Exchange(memoryview(data), f"{mark}b".encode(), f"{mark}e ".encode(), bounds)
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        self._ended = False
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdin, selectors.EVENT_WRITE, self._send)
            selector.register(self._process.stdout, selectors.EVENT_READ, self._receive)
            while exchange.exit_code is None and not self._ended and not self._is_flood(exchange):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                if self._interruptible:
                    left = min(left, self._check_job())
                for key, _ in selector.select(left):
                    if not key.data(key.fd, exchange):
                        selector.unregister(key.fileobj)
        return exchange

    def _check_job(self) -> float:
        """Seconds until the next look. Interrupted, with everything killed, when the thread's job is over."""
        try:
            return job_tick()
        except Interrupted:
            self._kill_all()
            self.close()
            raise

    def _send(self, fd: int, exchange: _Exchange) -> bool:
        """Write what the pipe takes; False when there is no more to write."""
        try:
            exchange.to_send = exchange.to_send[os.write(fd, exchange.to_send[:CHUNK]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False  # The end of the output follows.
        return bool(exchange.to_send)

    def _receive(self, fd: int, exchange: _Exchange) -> bool:
        """Read what is there; False at the end."""
        try:
            chunk = os.read(fd, CHUNK)
        except BlockingIOError:
            return True
        exchange.take(chunk)
        self._ended = not chunk
        return bool(chunk)


def command_line(command: str, timeout: float, cwd: str, environment: Mapping[str, str]) -> str:
    """What the shell is sent for a command."""
    variables = [f"{name}={value}" for name, value in environment.items()]
    words = ["env", *variables] if variables else []
    words += ["timeout", "-k", str(KILL_AFTER), f"{timeout:.3f}", "bash", "-c"]
    source = ""
    if len(command.encode(errors="surrogatepass")) <= LONGEST_ARGUMENT:
        words.append(command)
    else:
        # A here-document would need a temporary file, which a full disk refuses.
        words.append('eval "$(</dev/fd/3)" 3<&-')
        source = f" 3< <(printf %s {shlex.quote(command)})"
    start = f"cd -- {shlex.quote(cwd)} && unset OLDPWD && " if cwd else ""
    return f"({start}exec {shlex.join(words)}) </dev/null 2>&1{source}"
