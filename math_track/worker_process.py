"""One grading process as its caller sees it: started, asked, listened to, and replaced when it is gone."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from srl_agent.errors import ScoreError

STARTING = 120.0
"""Seconds that a process may take to import SymPy, on a busy machine."""
WAITING = 20.0
"""Seconds by the clock, per CPU second that a pair may take, after which the process is killed: twice its own limit."""
ROOT = Path(__file__).resolve().parents[1]


class WorkerProcess:
    """A `math_track.grading_worker`; one pair is under way at a time.

    It leads a process group of its own: an interrupt from the keyboard is the caller's to handle.
    """

    def __init__(self, cpu_seconds: float, memory: int) -> None:
        self._command = [sys.executable, "-P", "-m", "math_track.grading_worker", str(cpu_seconds), str(memory)]
        self._patience = cpu_seconds * WAITING
        self._start()

    def _start(self) -> None:
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            env=os.environ | {"PYTHONPATH": path},
            process_group=0,
        )
        self._ready = False
        self._number = 0
        self._read = b""
        self.deadline = 0.0

    def fileno(self) -> int:
        """Where its answers come from, for `select`."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def ask(self, pair: tuple[str, str]) -> None:
        """Send a pair. ScoreError where the process cannot be started."""
        assert self._process.stdin is not None
        if not self._ready:
            self._await_start()
        self.deadline = time.monotonic() + self._patience
        self._number += 1
        with suppress(BrokenPipeError):  # it is gone: `verdict` finds that out
            self._process.stdin.write(json.dumps([self._number, *pair]).encode() + b"\n")

    def verdict(self) -> tuple[bool, str]:
        """What it says of the pair, and why if it could not be compared; a process that is lost is replaced."""
        while line := self._line(max(0.0, self.deadline - time.monotonic())):
            number, correct, fault = json.loads(line)
            if number == self._number:  # else a child was killed just behind its verdict, and it was said twice
                return bool(correct), str(fault)
        self.restart()
        return False, "timeout" if line is None else "crash"

    def restart(self) -> None:
        """Have a fresh process in its place."""
        self.kill()
        self._start()

    def kill(self) -> None:
        """End the process and its child."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self._errors.close()

    def _await_start(self) -> None:
        if not self._line(STARTING):
            self._errors.seek(0)
            reason = self._errors.read().decode(errors="replace").strip().splitlines() or ["no message"]
            raise ScoreError(f"grading: the process that compares answers did not start: {reason[-1]}")
        self._ready = True

    def _line(self, seconds: float) -> bytes | None:
        """A line; empty where the process is gone, None where it said nothing for so long."""
        while b"\n" not in self._read:
            if not _readable([self], seconds):
                return None
            found = os.read(self.fileno(), 65536)
            if not found:
                return b""
            self._read += found
        line, _, self._read = self._read.partition(b"\n")
        return line


def answered(workers: Sequence[WorkerProcess]) -> list[WorkerProcess]:
    """Those of the workers, all of them asked, whose verdict is there or overdue; waits for the first."""
    soonest = min(worker.deadline for worker in workers)
    ready = _readable(workers, max(0.0, soonest - time.monotonic()))
    return ready or [worker for worker in workers if worker.deadline <= time.monotonic()]


def _readable(workers: Sequence[WorkerProcess], seconds: float) -> list[WorkerProcess]:
    """Those that have said something; by poll, which knows descriptors beyond the 1,024 of select."""
    with selectors.PollSelector() as selector:
        for worker in workers:
            selector.register(worker, selectors.EVENT_READ, worker)
        return [key.data for key, _ in selector.select(seconds)]
