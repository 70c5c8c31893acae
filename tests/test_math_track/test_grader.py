"""Grading in processes: verdicts in order, whatever a pair does to the process that compares it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from math_track.grader import Grader, Verdict
from srl_agent.errors import ScoreError

HUGE = (r"\lfloor 2^{4000000000} \rfloor", "5")
ENDLESS = ("(" * 800 + "x", "5")
RIGHT, WRONG = (r"\frac{1}{2}", "0.5"), ("3", "4")


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(timeout=1.0) as grader:
        yield grader


def children(pid: int) -> set[int]:
    """The processes below a process, at any depth, that are no zombies."""
    below = {int(path.name) for path in Path("/proc").glob("[0-9]*") if parent(path) == pid}
    return below | {deeper for child in below for deeper in children(child)}


def parent(path: Path) -> int:
    """The parent of a process of /proc; 0 where the process is gone or a zombie."""
    try:
        state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if state == "Z" else int(parent)


def alive(pid: int) -> bool:
    return parent(Path(f"/proc/{pid}")) != 0


def until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return condition()


def test_verdicts_come_in_the_order_of_the_pairs(grader: Grader) -> None:
    pairs = [(str(number % 7), str(number % 5)) for number in range(100)]
    assert [verdict.correct for verdict in grader.grade(pairs)] == [answer == gold for answer, gold in pairs]


def test_several_workers_give_the_same_verdicts() -> None:
    pairs = [RIGHT, WRONG, ("x+1", "1+x"), RIGHT, ("", "1")]
    with Grader(workers=3) as grader:
        assert grader.grade(pairs) == [Verdict(True), Verdict(False), Verdict(True), Verdict(True), Verdict(False)]


def test_no_pairs_give_no_verdicts(grader: Grader) -> None:
    assert grader.grade([]) == []


def test_outputs_are_graded_by_their_final_answers(grader: Grader) -> None:
    outputs = [r"So it is $\boxed{\frac12}$.", "The answer is 3.", "I do not know."]
    verdicts = grader.grade_outputs(outputs, ["0.5", "4", "1"])
    assert [verdict.correct for verdict in verdicts] == [True, False, False]


def test_a_pair_that_takes_too_long_is_a_fault_and_the_next_ones_are_graded(grader: Grader) -> None:
    assert grader.grade([ENDLESS, RIGHT]) == [Verdict(False, "timeout"), Verdict(True)]


def test_a_pair_that_needs_too_much_memory_is_a_fault() -> None:
    with Grader(memory=2**28) as grader:
        assert grader.grade([HUGE, RIGHT]) == [Verdict(False, "memory"), Verdict(True)]


@pytest.mark.parametrize("name", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_killed_from_outside_is_replaced(name: signal.Signals) -> None:
    before = children(os.getpid())
    with Grader() as grader:
        grader.grade([RIGHT])
        for pid in children(os.getpid()) - before:
            if "grading_worker" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, name)
        verdicts = grader.grade([RIGHT, WRONG])
        assert verdicts[0] in (Verdict(True), Verdict(False, "crash"))
        assert grader.grade([RIGHT, WRONG]) == [Verdict(True), Verdict(False)]


def test_an_idle_child_that_is_killed_shifts_no_verdict() -> None:
    pairs = [RIGHT, WRONG, ("x+1", "1+x"), WRONG]
    before = children(os.getpid())
    with Grader() as grader:
        grader.grade([RIGHT])
        (leader,) = {pid for pid in children(os.getpid()) - before if parent(Path(f"/proc/{pid}")) == os.getpid()}
        (idle,) = children(leader)
        os.kill(idle, signal.SIGKILL)
        assert until(lambda: bool(children(leader) - {idle}))
        assert [grader.grade([pair])[0] for pair in pairs] == [Verdict(pair != WRONG) for pair in pairs]


def test_graders_work_beside_more_than_a_thousand_open_files() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit[0] < 1_200:
        pytest.skip(f"needs 1,200 descriptors; this machine allows {limit[0]}")
    with ExitStack() as files:
        for _ in range(1_050):
            files.enter_context(Path(os.devnull).open())
        with Grader() as grader:
            assert grader.grade([RIGHT, WRONG]) == [Verdict(True), Verdict(False)]


def test_closing_leaves_no_process() -> None:
    before = children(os.getpid())
    grader = Grader(workers=2)
    grader.grade([RIGHT, WRONG])
    assert children(os.getpid()) > before
    grader.close()
    assert children(os.getpid()) == before


def test_a_closed_grader_says_so() -> None:
    grader = Grader()
    grader.close()
    with pytest.raises(ScoreError, match="closed"):
        grader.grade([RIGHT])


def test_an_interrupted_grading_leaves_no_answer_behind_for_the_next(grader: Grader) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            grader.grade([ENDLESS, WRONG])
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert grader.grade([RIGHT, WRONG]) == [Verdict(True), Verdict(False)]


def test_a_worker_that_cannot_start_is_an_error_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "math_verify.py").write_text("raise ImportError('no parser here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Grader() as grader, pytest.raises(ScoreError, match="did not start: ImportError: no parser here"):
        grader.grade([RIGHT])


def test_the_worker_imports_no_training_library() -> None:
    code = "import sys, math_track.grading_worker; print(*{'torch', 'transformers', 'trl'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_caller_imports_no_sympy() -> None:
    code = "import sys, math_track.grader; print(*{'torch', 'sympy', 'math_verify'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


PARENT = """
import json, os, sys
from math_track.grader import Grader
grader = Grader(workers=2, timeout=1.0)
grader.grade([("1", "1"), ("2", "2")])
print(json.dumps(os.getpid()), flush=True)
grader.grade([tuple(pair) for pair in json.loads(sys.argv[1])])
sys.stdin.read()
"""


@pytest.mark.parametrize("pairs", [[], [ENDLESS]], ids=["idle", "comparing"])
def test_a_caller_that_is_killed_leaves_no_worker(pairs: list[tuple[str, str]]) -> None:
    command = [sys.executable, "-c", PARENT, json.dumps(pairs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        workers = children(parent.pid)
        assert len(workers) >= 4
        parent.kill()
    assert until(lambda: not any(alive(pid) for pid in workers))
