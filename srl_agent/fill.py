"""One batch while it is being filled: which sampled groups it keeps, and what the metrics and samples say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from srl_agent.config import DynamicSamplingConfig
from srl_agent.domain import Score
from srl_agent.dynamic_sampling import Batch, is_informative, take_group

RECORDED = ("instance_id", "traj_id", "step", "n_steps", "prompt", "expert_action")
"""Columns of a row that the run's samples repeat."""


@dataclass
class Fill:
    """What one process sampled for one optimiser step."""

    kept: list[Batch] = field(default_factory=list)
    spare: Batch = field(default_factory=dict)
    """The last group sampled: it fills the batch up, without weight, when too few groups were kept."""
    scores: list[Score] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    """For each score, which step of its episode it belongs to."""
    groups: list[dict[str, Any]] = field(default_factory=list)
    """A record a sampled group, for the run's samples."""
    rounds: int = 0

    def add(
        self,
        rows: Sequence[dict[str, Any]],
        out: Batch,
        scores: Sequence[Score],
        texts: Sequence[str],
        size: int,
        sampling: DynamicSamplingConfig,
    ) -> None:
        """Take in one round: `size` outputs for each of `rows`, in order, as TRL's generation step returned them."""
        for index, row in enumerate(rows):
            span = slice(index * size, (index + 1) * size)
            keep = not sampling.enabled or is_informative([score.reward for score in scores[span]], sampling.eps)
            self.spare = take_group(out, index, size)
            if keep:
                self.kept.append(self.spare)
            self.scores += scores[span]
            self.depths += [row["step"]] * size
            self.groups.append(_record(row, keep, texts[span], scores[span]))
        self.rounds += 1


def _record(row: dict[str, Any], kept: bool, texts: Sequence[str], scores: Sequence[Score]) -> dict[str, Any]:
    outputs = [
        {"text": text, "reward": score.reward, "violation": score.violation, "exact": score.exact}
        for text, score in zip(texts, scores, strict=True)
    ]
    return {**{name: row[name] for name in RECORDED}, "kept": kept, "outputs": outputs}
