"""How long 512 similarity rewards take beside difflib, and whether the floats are the same.

Pairs are slices of Python source and their copies with one character in twenty changed. difflib is timed on fewer
pairs where it would take minutes, and scaled.
"""

from __future__ import annotations

import difflib
import inspect
import random
import time

from srl_agent.rewards.similarity import ratios

PAIRS = 512
DIFFLIB_PAIRS = {90: 512, 600: 512, 2000: 64}


def main() -> None:
    """Print one row for each length and setting."""
    source = inspect.getsource(difflib) + inspect.getsource(inspect)
    rng = random.Random(0)
    print("characters  autojunk  ours s  difflib s  ratio  equal")
    for length, timed in DIFFLIB_PAIRS.items():
        pairs = [make_pair(source, length, rng) for _ in range(PAIRS)]
        for autojunk in (False, True):
            ratios(pairs[:8], autojunk)
            started = time.perf_counter()
            ours = ratios(pairs, autojunk)
            our_time = time.perf_counter() - started
            started = time.perf_counter()
            theirs = [difflib.SequenceMatcher(None, a, b, autojunk).ratio() for a, b in pairs[:timed]]
            their_time = (time.perf_counter() - started) * PAIRS / timed
            equal = theirs == ours[:timed]
            times = f"{our_time:<7.3f} {their_time:<10.2f} {their_time / our_time:<6.0f}"
            print(f"{length:<11} {autojunk!s:<9} {times} {equal}")


def make_pair(source: str, length: int, rng: random.Random) -> tuple[str, str]:
    """A slice of the source and a copy with changes."""
    start = rng.randrange(len(source) - length)
    text = source[start : start + length]
    return text, "".join(rng.choice("abcxyz_ (1\n") if rng.random() < 0.05 else letter for letter in text)


if __name__ == "__main__":
    main()
