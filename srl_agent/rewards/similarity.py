"""The `similarity` reward: R = 2M/T of difflib.SequenceMatcher over the characters of two action texts.

M is the number of matched characters, T the length of both texts (SRL, arXiv 2510.25992, section 3). The
floats are difflib's, bit for bit, from two compiled implementations: `difflib_fast` (autojunk off,
near-linear) and `cydifflib` (autojunk on). difflib itself is cubic on indentation-heavy text; only the tests
use it, as reference.
"""

from __future__ import annotations

from collections.abc import Sequence

import cydifflib
import difflib_fast

from srl_agent.config import RewardConfig


class Similarity:
    """The ratio under the settings `reward.autojunk`, `reward.first` and `reward.max_chars`."""

    def __init__(self, config: RewardConfig) -> None:
        self._autojunk = config.autojunk
        self._policy_first = config.first == "policy"
        self._max_chars = config.max_chars

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """See `Reward`; between 0.0 and 1.0, and 1.0 for two empty texts, as difflib has it."""
        cut = [(self.cut(policy), self.cut(expert)) for policy, expert in pairs]
        ordered = cut if self._policy_first else [(expert, policy) for policy, expert in cut]
        return ratios(ordered, self._autojunk)

    def cut(self, text: str) -> str:
        """The first `reward.max_chars` characters."""
        return text[: self._max_chars]


def ratios(pairs: Sequence[tuple[str, str]], autojunk: bool) -> list[float]:
    """`[difflib.SequenceMatcher(None, a, b, autojunk).ratio() for a, b in pairs]`, faster."""
    if autojunk:
        return [_ratio(a, b, autojunk=True) for a, b in pairs]
    # difflib_fast takes UTF-8, which has no lone surrogates (JSON can hold them: "\ud800").
    plain = [index for index, (a, b) in enumerate(pairs) if _encodable(a) and _encodable(b)]
    fast = dict(zip(plain, difflib_fast.ratio([pairs[index] for index in plain]), strict=True))
    return [
        fast[index] if index in fast else _ratio(a, b, autojunk=False) for index, (a, b) in enumerate(pairs)
    ]


def _ratio(a: str, b: str, autojunk: bool) -> float:
    ratio: float = cydifflib.SequenceMatcher(None, a, b, autojunk=autojunk).ratio()
    return ratio


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
