"""Count how much of the prompts an engine had to compute, and how much it took from what it had computed before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class PromptTokens:
    """Tokens of prompts since the counts were last taken; each of G outputs asks for its whole prompt."""

    asked: int = 0
    computed: int = 0

    def add(self, asked: int, computed: int) -> None:
        """Count one request."""
        self.asked += asked
        self.computed += computed

    def take(self) -> tuple[int, int]:
        """(asked, computed), and begin again at zero."""
        counts = self.asked, self.computed
        self.asked = self.computed = 0
        return counts

    def metrics(self, summed: Callable[[float], float]) -> dict[str, float]:
        """The hit rate since the counts were last taken, `summed` over all processes; nothing where none was counted,
        as with a server."""
        asked, computed = map(summed, self.take())
        return {"prefix_cache_hit_rate": hit_rate(asked, computed)} if asked else {}


def hit_rate(asked: float, computed: float) -> float:
    """The share of the prompts' tokens that was not computed anew; 0 where none was asked for."""
    return 1 - computed / asked if asked else 0.0
