"""Which prompts are sampled next, which groups are kept, and how kept groups become one batch; free of TRL.

Dynamic sampling (SRL paper, section 3; DAPO, arXiv 2503.14476): a group whose rewards barely differ has no gradient
worth its cost, so it is dropped and other prompts are sampled until the batch is full or a bound is reached.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def make_blocks(steps: Sequence[tuple[str, int]], batching: str) -> list[list[int]]:
    """Row numbers that stay together, in order, when the stream is shuffled, from each row's (traj_id, k).

    `shuffle`: each row alone. `episode`: all rows of an episode. `steps:M`: at most M consecutive rows of one. Rows of
    one episode that stand in one micro-batch share what their prompts begin with.
    """
    most = {"shuffle": 1, "episode": len(steps)}.get(batching) or int(batching.removeprefix("steps:"))
    episodes: dict[str, list[int]] = {}
    for number, (traj_id, _) in enumerate(steps):
        episodes.setdefault(traj_id, []).append(number)
    ordered = [sorted(rows, key=lambda number: steps[number][1]) for rows in episodes.values()]
    return [rows[start : start + most] for rows in ordered for start in range(0, len(rows), most)]


class StepStream:
    """An endless sequence of row numbers, each epoch in an order of its own; `position` alone restores it."""

    def __init__(self, blocks: Sequence[Sequence[int]], seed: int, position: int = 0) -> None:
        if not any(blocks):
            raise ValueError("a stream needs at least one row")
        self.blocks, self.rows = blocks, sum(map(len, blocks))
        self.seed, self.position = seed, position
        self._epoch, self._order = -1, list[int]()

    def take(self, count: int) -> list[int]:
        """The next `count` row numbers; a refill goes on where the batch before it ended."""
        taken = [self._at(self.position + offset) for offset in range(count)]
        self.position += count
        return taken

    def _at(self, position: int) -> int:
        epoch, index = divmod(position, self.rows)
        if epoch != self._epoch:
            blocks = list(self.blocks)
            random.Random(f"{self.seed}/{epoch}").shuffle(blocks)
            self._order = [row for block in blocks for row in block]
            self._epoch = epoch
        return self._order[index]


def is_informative(rewards: Sequence[float], eps: float) -> bool:
    """Whether the population standard deviation of a group's rewards exceeds eps (equal rewards give exactly 0)."""
    return statistics.pstdev(rewards) > eps


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


def merge_groups(groups: Sequence[Mapping[str, Any]], pad_id: int) -> Batch:
    """One batch of all groups' rows, in order; prompts are padded on the left, everything else on the right."""
    merged: Batch = {}
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
