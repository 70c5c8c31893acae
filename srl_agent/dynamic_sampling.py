"""Which groups of outputs are kept, how many prompts to sample for them, and how groups become a batch; free of TRL.

Dynamic sampling (SRL paper, section 3; DAPO, arXiv 2503.14476): a group whose rewards barely differ has no gradient
worth its cost, so it is dropped and other prompts are sampled until the batch is full or a bound is reached.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def is_informative(rewards: Sequence[float], eps: float) -> bool:
    """Whether the population standard deviation of a group's rewards exceeds eps (equal rewards give exactly 0)."""
    return statistics.pstdev(rewards) > eps


class Oversampling:
    """How many prompts to draw for the groups that are missing, learnt from how many were kept lately."""

    def __init__(self, most: float, kept_ratio: float = 1.0) -> None:
        self.most, self.kept_ratio = most, kept_ratio

    def prompts(self, missing: int) -> int:
        """At least `missing`, at most `most` times as many."""
        return math.ceil(missing * min(self.most, 1 / max(self.kept_ratio, 1e-9)))

    def learn(self, kept_ratio: float) -> None:
        """Take in the share of kept groups of a batch; half of what is known is from the last one."""
        self.kept_ratio = (self.kept_ratio + kept_ratio) / 2


Batch = dict[str, Any]
"""What TRL's generation step returns: tensors with one row an output, and scalars."""


def take_group(batch: Mapping[str, Any], group: int, size: int) -> Batch:
    """The rows of one group of `size` outputs; scalars are carried as they are."""
    rows = slice(group * size, (group + 1) * size)
    return {key: value[rows] if _has_rows(value) else value for key, value in batch.items()}


def silence(group: Mapping[str, Any]) -> Batch:
    """The group without weight: it fills a batch that found too few informative groups, and moves nothing."""
    quiet = dict(group)
    for key in ("advantages", "completion_mask"):
        quiet[key] = torch.zeros_like(group[key])
    return quiet


OLD_LOGPS = "old_per_token_logps"
"""TRL's name for the log-probabilities under the policy that sampled the outputs, (G, C)."""


def mark_fresh(groups: Sequence[Batch]) -> list[Batch]:
    """The groups with NaN for old log-probabilities where only others have them: the loss fills in the present ones."""
    if not any(OLD_LOGPS in group for group in groups):
        return list(groups)
    fresh = [torch.full(group["completion_ids"].shape, math.nan) for group in groups]
    return [
        {OLD_LOGPS: nan.to(group["completion_ids"].device), **group} for nan, group in zip(fresh, groups, strict=True)
    ]


def whole_rows(batch: Batch) -> tuple[Tensor, Tensor, int]:
    """Token ids and mask of prompts and outputs together, (B*G, P+C) each, and C."""
    ids, mask = (torch.cat([batch[f"prompt_{part}"], batch[f"completion_{part}"]], 1) for part in ("ids", "mask"))
    return ids, mask, batch["completion_ids"].shape[1]


def merge_groups(groups: Sequence[Batch], pad_id: int) -> Batch:
    """One batch of all groups' rows, in order; prompts are padded on the left, everything else on the right."""
    merged: Batch = {}
    groups = mark_fresh(groups)
    for key, first in groups[0].items():
        if not _has_rows(first):
            merged[key] = first
            continue
        width = max(group[key].shape[-1] for group in groups) if first.dim() > 1 else 0
        fill = pad_id if key.endswith("_ids") else 0
        rows = [_widen(group[key], width, left=key.startswith("prompt"), fill=fill) for group in groups]
        merged[key] = torch.cat(rows)
    return merged


def _has_rows(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() > 0


def _widen(rows: Tensor, width: int, *, left: bool, fill: int) -> Tensor:
    if rows.dim() < 2 or rows.shape[1] == width:
        return rows
    missing = width - rows.shape[1]
    return torch.nn.functional.pad(rows, (missing, 0) if left else (0, missing), value=fill)
