"""Attention of branches on their trunk without a mask and without copying the trunk's keys: pieces merged by their
log-sum-exps.

A branch's token sees the trunk up to the branch's point, the branch's stem, and its own past. Each of these is an
attention of its own that the flash kernels compute unmasked or causal; softmax over all of them is their mean weighted
by exp(lse_piece - lse). The backward of a piece, called with the merged output and log-sum-exp, gives its exact share
of the gradients (FlashAttention-2, algorithm 2: P = exp(S - lse), D = rowsum(dO * O)), as in ring attention.

transformers finds it as the attention named `NAME`; `merging` sets the plan of the row that follows. Left out: dropout,
soft-capping, sinks, sliding windows, and on CUDA precisions that its flash kernel does not have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface

NAME = "srl_agent_merge"
"""As transformers knows it."""
FLASH_HEAD = 256
"""Widest head of the CUDA kernel, which wants multiples of 8 (FlashAttention-2)."""
BEYOND = ("softcap", "sliding_window", "s_aux", "position_bias")
"""What a model may ask of its attention and would not get here."""

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive queries of a row that all see the same keys."""

    queries: slice
    keys: slice
    """Places in the row, or in the trunk."""
    on_trunk: bool


@dataclass(frozen=True, slots=True)
class Fold:
    """Sequences of like length, each causal on itself, as one padded batch."""

    places: Tensor
    """(N, L) places in the row; a sequence that is shorter repeats its last token, which no real token sees."""
    real: Tensor
    """(N, L), which of them are not padding."""

    def take(self, row: Tensor) -> Tensor:
        """(1, H, R, ...) to (N, H, L, ...)."""
        return row[0][:, self.places].transpose(0, 1)

    def put(self, row: Tensor, batch: Tensor) -> None:
        """Write (N, H, L, ...) without its padding to its places in (1, H, R, ...)."""
        row[0][:, self.places[self.real]] = batch.transpose(0, 1)[:, self.real].to(row.dtype)


@dataclass(frozen=True, slots=True)
class Plan:
    """Who sees whom in a row of branches."""

    trunk: Sequence[tuple[Tensor, Tensor]]
    """Keys and values of each layer, (1, KV, T, D)."""
    blocks: tuple[Block, ...]
    folds: tuple[Fold, ...]


def plan_row(
    trunk: Sequence[tuple[Tensor, Tensor]], branches: Sequence[tuple[int, Sequence[int]]], device: torch.device
) -> Plan:
    """The plan of a row of branches, each given as its point and the lengths of its stem and of its outputs."""
    blocks: list[Block] = []
    pieces: list[tuple[int, int]] = []  # start and length of each stem and output
    start = 0
    for point, (stem, *outputs) in branches:
        end = start + stem + sum(outputs)
        if point:
            blocks.append(Block(slice(start, end), slice(0, point), True))
        if end > start + stem:
            blocks.append(Block(slice(start + stem, end), slice(start, start + stem), False))
        for length in (stem, *outputs):
            pieces.append((start, length))
            start += length
    return Plan(trunk, tuple(blocks), tuple(_folds(pieces, device)))


def _folds(pieces: Sequence[tuple[int, int]], device: torch.device) -> Iterator[Fold]:
    """Pieces whose lengths have equally many bits share a batch: at most half of it is padding."""
    for bits in sorted({length.bit_length() for _, length in pieces if length}):
        members = [(start, length) for start, length in pieces if length.bit_length() == bits]
        starts, lengths = torch.tensor(members, device=device).unbind(1)  # (N,)
        steps = torch.arange(max(length for _, length in members), device=device)  # (L,)
        real = steps < lengths[:, None]
        yield Fold(starts[:, None] + torch.minimum(steps, lengths[:, None] - 1), real)


class _Merged(torch.autograd.Function):
    """(1, H, R, D) queries on the row's own keys and values (1, KV, R, D) and on the trunk's (1, KV, T, D)."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, tk: Tensor, tv: Tensor, plan: Plan, scale: float) -> Tensor:
        wide = torch.promote_types(q.dtype, torch.float32)
        out = _like_heads(q, wide)
        lse = torch.empty(q.shape[:3], dtype=wide, device=q.device)
        for fold in plan.folds:  # every token is in one of them
            piece, weight = _flash(fold.take(q), fold.take(k), fold.take(v), True, scale)
            fold.put(out, piece)
            fold.put(lse, weight)
        for block in plan.blocks:
            keys, values = (tk, tv) if block.on_trunk else (k, v)
            piece, weight = _flash(
                q[:, :, block.queries], keys[:, :, block.keys], values[:, :, block.keys], False, scale
            )
            _merge(out[:, :, block.queries], lse[:, :, block.queries], piece, weight)
        out = out.to(q.dtype)
        ctx.save_for_backward(q, k, v, tk, tv, out, lse)
        ctx.plan, ctx.scale = plan, scale
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, tk, tv, out, lse = ctx.saved_tensors
        grad = gradients[0]
        dq, dk, dv, dtk, dtv = (torch.zeros_like(x, dtype=lse.dtype) for x in (q, k, v, tk, tv))
        for fold in ctx.plan.folds:
            inner = fold.take(grad) * fold.real[:, None, :, None]
            parts = (fold.take(q), fold.take(k), fold.take(v), fold.take(out), fold.take(lse))
            for total, part in zip((dq, dk, dv), _flash_backward(inner, *parts, True, ctx.scale), strict=True):
                fold.put(total, part)
        for block in ctx.plan.blocks:
            rows, seen = block.queries, block.keys
            keys, values, dkeys, dvalues = (tk, tv, dtk, dtv) if block.on_trunk else (k, v, dk, dv)
            part_q, part_k, part_v = _flash_backward(
                grad[:, :, rows], q[:, :, rows], keys[:, :, seen], values[:, :, seen], out[:, :, rows], lse[:, :, rows],
                False, ctx.scale,
            )  # fmt: skip
            dq[:, :, rows] += part_q
            dkeys[:, :, seen] += part_k
            dvalues[:, :, seen] += part_v
        return *(total.to(q.dtype) for total in (dq, dk, dv, dtk, dtv)), None, None


def _merge(out: Tensor, lse: Tensor, piece: Tensor, weight: Tensor) -> None:
    """Take another piece (1, H, n, D), (1, H, n) into what was merged so far, in place."""
    total = torch.logaddexp(lse, weight)
    out.mul_((lse - total).exp_()[..., None]).add_(piece * (weight - total).exp_()[..., None])
    lse.copy_(total)


def _like_heads(q: Tensor, dtype: torch.dtype) -> Tensor:
    """An empty (1, H, R, D) that lies in memory as (1, R, H, D), in which the model reads it."""
    batch, heads, rows, width = q.shape
    return torch.empty(batch, rows, heads, width, dtype=dtype, device=q.device).transpose(1, 2)


def _flash(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> tuple[Tensor, Tensor]:
    """Output (N, H, L, D) and log-sum-exp (N, H, L); fewer heads of keys than of queries are shared by groups."""
    if q.device.type == "cpu":
        out, lse = aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal, scale=scale)
    else:
        out, lse = aten._scaled_dot_product_flash_attention(q, k, v, 0.0, causal, False, scale=scale)[:2]
    return out, lse


def _flash_backward(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, causal: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of queries, keys and values, given the output and log-sum-exp of all pieces together."""
    if q.device.type == "cpu":
        found = aten._scaled_dot_product_flash_attention_for_cpu_backward(
            grad, q, k, v, out, lse.contiguous(), 0.0, causal, scale=scale
        )
    else:
        state = torch.zeros(2, dtype=torch.int64, device=q.device).view(
            torch.uint64
        )  # of the dropout that there is not
        found = aten._scaled_dot_product_flash_attention_backward(
            grad, q, k, v, out, lse.contiguous(), None, None, q.shape[2], k.shape[2], 0.0, causal, state, state,
            scale=scale,
        )  # fmt: skip
    return found[0], found[1], found[2]


_current: ContextVar[tuple[Plan, set[int]]] = ContextVar("_current")
"""The plan of the row that is computed, and the layers that followed it. Not passed as an argument: some models drop
what they do not know on the way to their attention."""


def merge_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **asked: Any
) -> tuple[Tensor, None]:
    """transformers' interface: the row's own queries, keys and values (1, heads, R, D) to (1, R, H, D)."""
    plan, followed = _current.get()
    if unknown := [name for name in BEYOND if asked.get(name) is not None]:
        raise ValueError(f"attention by merging does not know {', '.join(unknown)}; use the masked one")
    query, key = query.to(value.dtype), key.to(value.dtype)  # autocast leaves normed keys in float32
    keys, values = plan.trunk[module.layer_idx] if plan.trunk else (key[:, :, :0], value[:, :, :0])
    scale = asked.get("scaling") or query.shape[-1] ** -0.5
    out = _Merged.apply(query, key, value, keys.to(value.dtype), values, plan, scale)  # type: ignore[no-untyped-call]
    followed.add(module.layer_idx)
    return out.transpose(1, 2), None


AttentionInterface.register(NAME, merge_attention)


@contextmanager
def merging(config: Any, plan: Plan) -> Iterator[None]:
    """Let a model of this configuration attend by merging. ValueError where not all of its layers did."""
    before, token = config._attn_implementation, _current.set((plan, set()))
    config._attn_implementation = NAME
    try:
        yield
        followed = _current.get()[1]
        if len(followed) != config.num_hidden_layers:
            raise ValueError(f"attention was merged in {len(followed)} of {config.num_hidden_layers} layers only")
    finally:
        config._attn_implementation = before
        _current.reset(token)


def why_not_merged(model: Any, device: str, dtype: str) -> str:
    """Why the kernels cannot serve the model on a device (`cpu`, `cuda`) in a precision, empty where they can."""
    config = model.config
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if not model._supports_attention_backend:
        return f"a model class ({type(model).__name__}) whose attention cannot be replaced"
    if device not in ("cpu", "cuda"):
        return f"no kernel that gives log-sum-exps on {device}"
    if device == "cuda" and dtype not in ("bfloat16", "float16"):
        return f"no flash attention in {dtype} on CUDA"
    if device == "cuda" and (width > FLASH_HEAD or width % 8):
        return f"heads of {width}, which flash attention does not have"
    return ""
