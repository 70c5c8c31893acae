"""The process that compares answers: `python -m math_track.grading_worker CPU_SECONDS MEMORY_BYTES`, for `grader`.

A line of JSON `[number, answer, gold]` comes in, a line `[number, correct, fault]` goes out. A forked child compares;
when a pair kills it, this process says so and forks the next, in milliseconds where a fresh interpreter with SymPy
takes a second. A child that dies between pairs is replaced without a word. The kernel's timers end a child even inside
a long operation on whole numbers, and even when nobody is left to read; all end when their input is closed.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import signal
import sys
from typing import BinaryIO

from math_track.equivalence import same_answer

PATIENCE = 10
"""Wall-clock seconds per CPU second that a pair may take, on a machine with other things to do."""
PAIRS_PER_CHILD = 2_000
"""A child ends after as many pairs: SymPy keeps what it has seen."""
EXERCISE = [(r"\frac{2x}{4}+\sqrt{y^2}-e^{-t}", r"\frac{x}{2}+\sqrt{y^2}-\exp(-t)"), (r"\pi/2", "1.5708")]
"""Compared before the first fork, so that no child has to fill the parser's tables again."""
CLOSED, ANOTHER = 0, 3
READY = NONE = 0
"""Pairs are numbered from 1."""
FAULTS = {signal.SIGPROF: "timeout", signal.SIGALRM: "timeout", signal.SIGXCPU: "timeout"}


def main() -> None:
    """Serve pairs until the input is closed."""
    cpu_seconds, memory = float(sys.argv[1]), int(sys.argv[2])
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, sys.stdout.fileno())  # what libraries print is no verdict
    _say(out, READY, True, "ready")
    os.dup2(quiet, sys.stderr.fileno())
    for answer, gold in EXERCISE:
        same_answer(answer, gold)
    under_way = mmap.mmap(-1, 8)  # the number of the pair that the child compares, which outlives it
    while True:
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os._exit(_serve(out, under_way, cpu_seconds))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == CLOSED:
            return
        number, under_way[:] = int.from_bytes(under_way[:]), bytes(len(under_way))
        if code != ANOTHER and number != NONE:
            _say(out, number, False, FAULTS.get(signal.Signals(-code), "crash") if code < 0 else "crash")


def _serve(out: BinaryIO, under_way: mmap.mmap, cpu_seconds: float) -> int:
    """Answer pairs; the exit status says whether the input was closed or a fresh child is wanted."""
    lines = os.fdopen(os.dup(0), "rb")  # no more than one line is under way, so none is read ahead
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF, signal.SIGALRM})
    for name in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(name, signal.SIG_DFL)
    for _ in range(PAIRS_PER_CHILD):
        line = lines.readline()
        if not line.endswith(b"\n"):
            return CLOSED
        fault = _answer(out, under_way, line, cpu_seconds)
        if fault:
            return ANOTHER
    return ANOTHER


def _answer(out: BinaryIO, under_way: mmap.mmap, line: bytes, cpu_seconds: float) -> str:
    """Compare one pair and say the verdict; returns its fault."""
    number, answer, gold = json.loads(line)
    under_way[:] = int(number).to_bytes(len(under_way))
    correct, fault = False, ""
    _time_out_after(cpu_seconds)
    try:
        correct = same_answer(answer, gold)
    except MemoryError:
        fault = "memory"
    except RecursionError:
        fault = "recursion"
    except Exception as error:  # noqa: BLE001 (a comparison that fails is a verdict: what it is of was written by a model)
        fault = f"error: {type(error).__name__}"
    _time_out_after(0)
    _say(out, number, correct, fault)
    under_way[:] = bytes(len(under_way))
    return fault


def _time_out_after(cpu_seconds: float) -> None:
    """Let the kernel end this process then, without asking Python; never for 0."""
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    signal.setitimer(signal.ITIMER_REAL, cpu_seconds * PATIENCE)


def _say(out: BinaryIO, number: int, correct: bool, fault: str) -> None:
    out.write(json.dumps([number, correct, fault]).encode() + b"\n")


if __name__ == "__main__":
    main()
