"""The language-model head on the rows that are scored, a chunk of logits alive at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

HEAD_ROWS = 1024
"""Rows of logits alive at once: 1,024 x 152k vocabulary x 4 bytes are 0.6 GB."""


def head_logps(head: Any, hidden: Tensor, labels: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probability of each label (N,) under the head of its hidden row (N, H), and the entropies (N,), by chunks."""

    def chunk(rows: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = head(rows)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature
        normaliser = logits.logsumexp(-1)
        with torch.no_grad():
            entropy = normaliser - (torch.softmax(logits, -1) * logits).sum(-1)
        return logits.gather(-1, targets[:, None])[:, 0] - normaliser, entropy

    if len(hidden) == 0:
        # Keeps the graph connected, so that a batch of padding has a zero gradient rather than none.
        nothing = hidden.sum(-1).float()
        return nothing, nothing.detach()
    pairs = zip(torch.split(hidden, HEAD_ROWS), torch.split(labels, HEAD_ROWS), strict=True)
    parts = [checkpoint(chunk, rows, targets, use_reentrant=False) for rows, targets in pairs]
    return torch.cat([logp for logp, _ in parts]), torch.cat([entropy for _, entropy in parts])
