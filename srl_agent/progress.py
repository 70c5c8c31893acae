"""What a run tells the terminal: choices, one line an optimiser step, warnings that cannot be missed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Lines on standard output; silent on all processes but the main one."""

    def __init__(self, main: bool = True) -> None:
        self.console = Console(quiet=not main, highlight=False, soft_wrap=True)
        self._last = time.monotonic()

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(text, markup=False)

    def heading(self, text: str) -> None:
        """The start of a part of the run."""
        self._last = time.monotonic()
        self.console.print(f"\n{text}", style="bold", markup=False)

    def warn(self, text: str) -> None:
        """Something that makes the result worthless unless it is mended."""
        self.console.print(f"WARNING: {text}", style="bold yellow", markup=False)

    def facts(self, rows: Mapping[str, str]) -> None:
        """Names and values in two columns."""
        width = max(map(len, rows), default=0)
        for name, value in rows.items():
            self.say(f"{name:<{width}}  {value}")

    def step(self, stage: str, step: int, total: int, values: Mapping[str, str], seconds: float | None = None) -> None:
        """One optimiser step, with the seconds it took, or since the line before it where that is not known."""
        now = time.monotonic()
        cells = "  ".join(f"{name} {value}" for name, value in values.items())
        took = now - self._last if seconds is None else seconds
        self.say(f"{stage} {step:>{len(str(total))}}/{total}  {cells}  {took:.1f} s")
        self._last = now


@contextmanager
def pulse(beat: Callable[[], None], every: float) -> Iterator[Callable[[], None]]:
    """Call `beat`, on a thread of its own, after each `every` seconds in which what is yielded was not called."""
    heard, over = threading.Event(), threading.Event()

    def run() -> None:
        while not over.is_set():
            if not heard.wait(every):
                beat()
            heard.clear()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield heard.set
    finally:
        over.set()
        heard.set()
        thread.join()
