"""How outputs reason: length in words, numbered steps, and where their think blocks stand.

The paper plots the words of each solution (arXiv 2510.25992, Figure 5) and describes three modes of interleaved
thinking by examples (section 5.2 and appendix C of version 3); it counts none of them. The counts here are ours: plain
marks of the same modes, which a reader can check by eye, not a judgement of what an output means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from math_track.splitter import NotSplit, split_solution
from srl_agent.output_format import CLOSE, OPEN

_LISTED = re.compile(r"^\s*(?:\d+[.)]|[-*])\s+\S", re.MULTILINE)
_CHECKING = re.compile(r"\b(?:verif(?:y|ies|ied|ication)|(?:double-?|re-?)?check(?:s|ed|ing)?|wait)\b", re.IGNORECASE)
PLANNED = 2
"""Lines of a list that make a plan."""


@dataclass(frozen=True)
class Reasoning:
    """What one output shows."""

    words: int
    """Of the whole output, its think blocks included."""
    steps: int
    """Numbered, titled steps outside the think blocks; 0 where it is not written in such."""
    blocks: int
    """Think blocks; one that never closes counts."""
    plans: bool
    """Structured planning: a block before any other text has a list of at least two lines."""
    adjusts: bool
    """Dynamic adjustment: a block stands between two pieces of other text."""
    verifies: bool
    """Reflective verification: a block behind other text says verify, check or wait."""

    @property
    def interleaved(self) -> bool:
        """Whether it thinks again after it has begun to answer."""
        return self.adjusts or self.verifies


def reasoning(text: str) -> Reasoning:
    """The counts of one output."""
    pieces = list(_pieces(text))
    spoken = [place for place, (thought, _) in enumerate(pieces) if not thought]
    first, last = (spoken[0], spoken[-1]) if spoken else (len(pieces), -1)
    blocks = [(place, piece) for place, (thought, piece) in enumerate(pieces) if thought]
    return Reasoning(
        words=len(text.split()),
        steps=_steps("".join(piece for thought, piece in pieces if not thought)),
        blocks=len(blocks),
        plans=any(place < first and len(_LISTED.findall(piece)) >= PLANNED for place, piece in blocks),
        adjusts=any(first < place < last for place, _ in blocks),
        verifies=any(place > first and _CHECKING.search(piece) for place, piece in blocks),
    )


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """The think blocks (True) and what is not blank between them (False), in order."""
    while text:
        spoken, opened, rest = text.partition(OPEN)
        if spoken.strip():
            yield False, spoken
        if not opened:
            return
        thought, _, text = rest.partition(CLOSE)
        yield True, thought


def _steps(text: str) -> int:
    try:
        return len(split_solution(text).steps)
    except NotSplit:
        return 0
