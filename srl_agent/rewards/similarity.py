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

AUTOJUNK_CHARS = 5_000
"""Most characters compared with autojunk on, where no near-linear implementation exists: on texts made for it (many
letters just below the 1 % that autojunk drops) time grows with the cube, 2 s a pair here, 19 s at 10,000 (LOG.md)."""


class Similarity:
    """The ratio under the settings `reward.autojunk`, `reward.first` and `reward.max_chars`."""

    def __init__(self, config: RewardConfig) -> None:
        self._autojunk = config.autojunk
        self._policy_first = config.first == "policy"
        self._max_chars = min(config.max_chars, AUTOJUNK_CHARS) if config.autojunk else config.max_chars

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """See `Reward`; between 0.0 and 1.0, and 1.0 for two empty texts, as difflib has it."""
        cut = [(self.cut(policy), self.cut(expert)) for policy, expert in pairs]
        ordered = cut if self._policy_first else [(expert, policy) for policy, expert in cut]
        distinct = list(dict.fromkeys(ordered))  # the outputs of a group are often equal
        known = dict(zip(distinct, ratios(distinct, self._autojunk), strict=True))
        return [known[pair] for pair in ordered]

    def cut(self, text: str) -> str:
        """The first `reward.max_chars` characters, with autojunk no more than AUTOJUNK_CHARS."""
        return text[: self._max_chars]


def ratios(pairs: Sequence[tuple[str, str]], autojunk: bool) -> list[float]:
    """`[difflib.SequenceMatcher(None, a, b, autojunk).ratio() for a, b in pairs]`, faster."""
    if autojunk:
        return [cydifflib.SequenceMatcher(None, a, b, autojunk=True).ratio() for a, b in pairs]
    values: list[float] = difflib_fast.ratio([_encodable(a, b) for a, b in pairs])
    return values


def _encodable(a: str, b: str) -> tuple[str, str]:
    """Both texts with lone surrogates (JSON can hold them) replaced by characters that neither text has.

    difflib_fast takes UTF-8, which knows no surrogates; the ratio depends only on which characters are equal.
    """
    try:
        (a + b).encode("utf-8")
    except UnicodeEncodeError:
        used = set(a) | set(b)
        unused = (chr(code) for code in range(0xE000, 0x110000) if chr(code) not in used)
        table = {ord(character): next(unused) for character in used if "\ud800" <= character <= "\udfff"}
        return a.translate(table), b.translate(table)
    return a, b
