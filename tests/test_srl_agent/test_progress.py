"""What is said while nothing ends."""

from __future__ import annotations

import threading
import time

from srl_agent.progress import pulse


def test_a_pulse_beats_while_nothing_is_heard() -> None:
    beats, three = [], threading.Event()

    def beat() -> None:
        beats.append(1)
        if len(beats) == 3:
            three.set()

    with pulse(beat, 0.01):
        assert three.wait(30)
    count = len(beats)
    time.sleep(0.05)
    assert len(beats) == count


def test_a_pulse_is_silent_while_something_is_heard() -> None:
    beats: list[int] = []
    with pulse(lambda: beats.append(1), 20.0) as heard:
        for _ in range(100):
            heard()
    assert beats == []
