"""The reward function that the trainer calls: token ids to text to scores, the last scores kept for the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from srl_agent.domain import Score, Scorer

DEPTH_BUCKETS = ((1, 3, "1-3"), (4, 7, "4-7"), (8, 15, "8-15"), (16, 10**9, "16+"))
"""Steps are reported by depth k in these ranges: first, last, name."""


class StepReward:
    """Scores outputs against expert actions; `scores` and `texts` hold what the last call saw, in its order."""

    __name__ = "step"

    def __init__(self, scorer: Scorer, tokenizer: Any) -> None:
        self.scorer, self.tokenizer = scorer, tokenizer
        self.scores: list[Score] = []
        self.texts: list[str] = []
        self._ends = {tokenizer.eos_token_id, tokenizer.pad_token_id}

    def decode(self, ids: Sequence[int]) -> str:
        """The text with special tokens kept, so that one amid the output breaks the format; the end is cut off."""
        stop = len(ids)
        while stop and ids[stop - 1] in self._ends:
            stop -= 1
        text: str = self.tokenizer.decode(ids[:stop], skip_special_tokens=False)
        return text

    def __call__(
        self, *, completion_ids: Sequence[Sequence[int]], expert_action: Sequence[str], **_: Any
    ) -> list[float]:
        """One reward an output, -1.0 where the format is broken and never None (which TRL drops from the baseline)."""
        self.texts = [self.decode(ids) for ids in completion_ids]
        self.scores = self.scorer(self.texts, list(expert_action))
        return [score.reward for score in self.scores]


def score_metrics(scores: Sequence[Score], depths: Sequence[int]) -> dict[str, float]:
    """Means over a batch: reward, format errors, exact matches, capped texts, and the reward by step depth."""
    metrics = {
        "reward": fmean(score.reward for score in scores),
        "format_error_rate": fmean(score.violation is not None for score in scores),
        "exact_match": fmean(score.exact for score in scores),
        "capped": fmean(score.capped for score in scores),
    }
    for first, last, name in DEPTH_BUCKETS:
        inside = [s.reward for s, depth in zip(scores, depths, strict=True) if first <= depth <= last]
        if inside:
            metrics[f"reward_depth/{name}"] = fmean(inside)
    return metrics
