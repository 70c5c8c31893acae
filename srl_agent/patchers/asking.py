"""One model for the threads of many tasks: what waits for a local model is one batch, a server is asked at once.

Each output has a seed of its own, from the run's seed, the task and the number of the output within it. A server is
sent it, and vLLM; transformers draws a batch with the seed of its first prompt, so that at a temperature above 0 an
output depends on which others it was drawn with. Prompts are drawn as soon as every task that is under way waits for
one, in the order of the tasks' names; only a task that keeps the others waiting for longer than `patience` changes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from envs.interrupt import job_tick
from srl_agent.answers import Answer, Answerer, Prompt, seed_of
from srl_agent.patchers import Ask

PATIENCE = 5.0
"""Seconds: most commands of an agent take less (a guess)."""


@dataclass(frozen=True, eq=False)
class _Request:
    name: str
    prompt: Prompt
    seed: int
    since: float
    answer: Future[Answer] = field(default_factory=Future)


class Asking:
    """Hands the prompts of many threads to one model."""

    def __init__(self, model: Answerer, seed: int, patience: float = PATIENCE) -> None:
        self.model, self.seed, self.patience = model, seed, patience
        self._gate = threading.BoundedSemaphore(model.threads or 1)
        self._changed = threading.Condition()
        self._waiting: list[_Request] = []
        self._drawing = False
        self._given: dict[str, int] = {}

    def under_way(self) -> dict[str, int]:
        """Names of the tasks under way to the outputs that each was given so far."""
        with self._changed:
            return dict(self._given)

    @contextmanager
    def of(self, name: str) -> Iterator[Ask]:
        """What asks for the outputs of the task of that name, while it is under way. For one thread."""
        count = 0

        def ask(prompt: Prompt) -> Answer:
            nonlocal count
            seed = seed_of(self.seed, name, count)
            count += 1
            answer = self._alone(prompt, seed) if self.model.threads else self._together(name, prompt, seed)
            with self._changed:
                self._given[name] = count
            return answer

        self._join(name)
        try:
            yield ask
        finally:
            self._leave(name)

    def _join(self, name: str) -> None:
        with self._changed:
            self._given[name] = 0
            self._changed.notify_all()

    def _leave(self, name: str) -> None:
        with self._changed:
            del self._given[name]
            self._changed.notify_all()

    def _alone(self, prompt: Prompt, seed: int) -> Answer:
        with self._gate:
            return self.model([prompt], 1, [[seed]], _nobody)[0][0]

    def _together(self, name: str, prompt: Prompt, seed: int) -> Answer:
        """Wait until the answer is there, drawing the batch in this thread where it is this one's to draw."""
        request = _Request(name, prompt, seed, time.monotonic())
        with self._changed:
            self._waiting.append(request)
            self._changed.notify_all()
        try:
            while not request.answer.done():
                self._draw(self._batch(request))
        finally:
            with self._changed:
                self._waiting = [other for other in self._waiting if other is not request]
        return request.answer.result()

    def _batch(self, request: _Request) -> list[_Request]:
        """What this thread has to draw now, or nothing after a while; Interrupted where its job is over."""
        with self._changed:
            left = request.since + self.patience - time.monotonic()
            tick = min(job_tick(), left if left > 0 else self.patience)
            self._changed.wait_for(lambda: request.answer.done() or self._ready(), tick)
            if request.answer.done() or not self._ready():
                return []
            batch = sorted(self._waiting, key=lambda one: one.name)[: self.model.together or None]
            self._waiting = [one for one in self._waiting if one not in batch]
            self._drawing = True
            return batch

    def _ready(self) -> bool:
        if self._drawing or not self._waiting:
            return False
        active = len(self._given)
        enough = min(active, self.model.together or active)
        return len(self._waiting) >= enough or time.monotonic() - self._waiting[0].since >= self.patience

    def _draw(self, batch: Sequence[_Request]) -> None:
        if not batch:
            return
        try:
            answers = self.model([one.prompt for one in batch], 1, [[one.seed] for one in batch], _nobody)
            for one, found in zip(batch, answers, strict=True):
                one.answer.set_result(found[0])
        except BaseException as error:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            raise
        finally:
            with self._changed:
                self._drawing = False
                self._changed.notify_all()


def _nobody(number: int, answers: list[Answer]) -> None:
    """Nobody needs to hear of an answer before it is returned."""
