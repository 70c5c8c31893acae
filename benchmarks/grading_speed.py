"""Pairs of answers graded a second: `python benchmarks/grading_speed.py [--workers N]`.

Numbers, which are read exactly; formulas, which SymPy compares; pairs that are cut off.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from math_track.grader import Grader

Pairs = Sequence[tuple[str, str]]
KINDS: dict[str, Pairs] = {
    "numbers": [(rf"\frac{{{2 * number}}}{{4}}", f"{number / 2}") for number in range(4_000)],
    "formulas, the same": [(rf"{number}x + \sqrt{{2}}", rf"\sqrt{{2}} + {number}x") for number in range(300)],
    "formulas, different": [(rf"{number}x + \sqrt{{2}}", rf"\sqrt{{2}} - {number}x") for number in range(1, 301)],
    "cut off after a quarter of a second": [("(" * (800 + number) + "x", "5") for number in range(8)],
}


def main() -> None:
    """Print one line a kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=1)
    workers = parser.parse_args().workers
    started = time.perf_counter()
    with Grader(workers=workers, timeout=0.25) as grader:
        grader.grade([("x+1", "1+x")])
        print(f"{workers} worker(s) ready after {time.perf_counter() - started:.2f} s")
        for kind, pairs in KINDS.items():
            started = time.perf_counter()
            verdicts = grader.grade(pairs)
            seconds = time.perf_counter() - started
            right, faults = (
                sum(verdict.correct for verdict in verdicts),
                sum(bool(verdict.fault) for verdict in verdicts),
            )
            print(f"{kind}: {len(pairs) / seconds:.0f} pairs/s ({right} the same, {faults} faults of {len(pairs)})")


if __name__ == "__main__":
    main()
