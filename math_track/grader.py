"""Grading of answers in processes of their own, which may be killed: no answer can hang, crash or fill the caller.

The processes are fresh interpreters that import no torch (`math_track.grading_worker`), so they may be started beside
threads and accelerators; they end with `close`, and by themselves when the caller is killed, as their input closes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from math_track.extract import final_answer
from math_track.worker_process import WorkerProcess, answered
from srl_agent.errors import ScoreError

TIMEOUT = 5.0
"""CPU seconds; the slowest pair of gold answers takes a tenth of it."""
MEMORY = 2 * 2**30
"""Bytes of address space of a comparison, of which Python with SymPy takes a thirtieth."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one pair."""

    correct: bool
    fault: str = ""
    """Why it could not be compared, and so counts as wrong: `timeout`, `memory`, `recursion`, `crash`, `error: ...`."""


class Grader:
    """Compares answers with gold answers; a context manager.

    `workers` processes are started at once. `timeout` is in CPU seconds a pair, so that a busy machine grades alike;
    by the clock it is ten times as much. `memory` is in bytes of address space.
    """

    def __init__(self, workers: int = 1, timeout: float = TIMEOUT, memory: int = MEMORY) -> None:
        self._lock = threading.Lock()
        self._workers = [WorkerProcess(timeout, memory) for _ in range(workers)]

    def grade(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """Verdicts of pairs (answer extracted from an output, gold answer) in order; equal ones are compared once.

        ScoreError where a worker cannot be started, or the grader was closed.
        """
        with self._lock:
            if not self._workers:
                raise ScoreError("the grader was closed; make a new one")
            asked = list(dict.fromkeys(pairs))
            verdicts = dict(zip(asked, self._grade(asked), strict=True))
        return [verdicts[pair] for pair in pairs]

    def grade_outputs(self, outputs: Sequence[str], golds: Sequence[str]) -> list[Verdict]:
        """Verdicts of whole outputs: the final answer of each (`math_track.extract`) against the gold of its place."""
        return self.grade([(final_answer(output), gold) for output, gold in zip(outputs, golds, strict=True)])

    def close(self) -> None:
        """End the worker processes; may be called twice."""
        with self._lock:
            for worker in self._workers:
                worker.kill()
            self._workers = []

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _grade(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        verdicts: dict[int, Verdict] = {}
        waiting = deque(range(len(pairs)))
        busy: dict[WorkerProcess, int] = {}
        try:
            while waiting or busy:
                for worker in self._workers:
                    if waiting and worker not in busy:
                        busy[worker] = waiting.popleft()
                        worker.ask(pairs[busy[worker]])
                for worker in answered(list(busy)):
                    verdicts[busy.pop(worker)] = Verdict(*worker.verdict())
        finally:
            for worker in busy:  # an interrupt came between: what they still say would be taken for the next answer
                worker.restart()
        return [verdicts[place] for place in range(len(pairs))]
