"""How long 512 similarity rewards take beside difflib, and whether the floats are the same; then the worst pairs.

Pairs are slices of Python source and their copies with one character in twenty changed. difflib is timed on fewer
pairs where it would take minutes, and scaled.
"""

from __future__ import annotations

import difflib
import inspect
import random
import time
from collections.abc import Callable

from srl_agent.config import RewardConfig
from srl_agent.rewards.similarity import AUTOJUNK_CHARS, ratios

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
    print("worst pair            autojunk  characters  CPU-s")
    for name, make in WORST.items():
        for autojunk in (False, True):
            length = AUTOJUNK_CHARS if autojunk else RewardConfig().max_chars
            pair = make(length)
            started = time.process_time()
            ratios([pair], autojunk)
            print(f"{name:<21} {autojunk!s:<9} {length:<11} {time.process_time() - started:.3f}")


def common_letters(length: int) -> tuple[str, str]:
    """Letters each just below the 1 % that autojunk drops, between letters that the other text has not."""
    kinds = (length // 2) // (length // 100)
    letters = [chr(0x4E00 + index % kinds) for index in range(length // 2)]
    first, second = (
        "".join(letter + chr(base + index) for index, letter in enumerate(letters)) for base in (0xAC00, 0x20000)
    )
    return first, second


def indentation(length: int) -> tuple[str, str]:
    """Lines whose depth differs between the texts."""
    first, second = (
        "".join(" " * (index * step % 21) + f"x = {index % 9}\n" for index in range(length))[:length] for step in (4, 8)
    )
    return first, second


WORST: dict[str, Callable[[int], tuple[str, str]]] = {
    "one letter": lambda length: ("a" * length, "a" * (length - 1) + "b"),
    "two letters, shifted": lambda length: ("ab" * (length // 2), "ba" * (length // 2)),
    "another order": lambda length: (text := "".join(map(chr, range(0x4E00, 0x4E00 + length))), text[::-1]),
    "common letters": common_letters,
    "indentation": indentation,
}


def make_pair(source: str, length: int, rng: random.Random) -> tuple[str, str]:
    """A slice of the source and a copy with changes."""
    start = rng.randrange(len(source) - length)
    text = source[start : start + length]
    return text, "".join(rng.choice("abcxyz_ (1\n") if rng.random() < 0.05 else letter for letter in text)


if __name__ == "__main__":
    main()
