"""How long the parts of an optimiser step took."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """Seconds by name; a part that is measured inside another is not counted in the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = 0.0

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Count the time of the block under the name."""
        outer, self._inner, started = self._inner, 0.0, time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - started
            self.seconds[name] += took - self._inner
            self._inner = outer + took

    def timing(self, name: str, function: Callable[[], None]) -> Callable[[], None]:
        """The function, each of its calls counted under the name."""

        def timed() -> None:
            with self(name):
                function()

        return timed

    def lap(self) -> dict[str, float]:
        """The seconds since the last lap."""
        taken = dict(self.seconds)
        self.seconds.clear()
        return taken
