"""Attention merged from pieces against one masked attention over all keys."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from srl_agent.merge_attention import (
    _flash,
    _flash_backward,
    _Merged,
    merge_attention,
    merging,
    plan_row,
    why_not_merged,
)
from srl_agent.testing import tiny_model

T, WIDTH = 37, 16
ALONE = plan_row([], [(0, [3])], torch.device("cpu"))
ROWS = {
    "outputs of one stem": [(37, [1, 9, 9, 9, 9])],
    "points that differ": [(12, [1, 5, 7, 0, 6]), (1, [4, 3, 3]), (37, [1, 30, 2])],
    "no trunk": [(0, [6, 5, 5]), (0, [1])],
    "long stems": [(20, [33, 4, 5]), (20, [31, 1]), (20, [2, 8, 8])],
}


def tensors(rows: int, kv_heads: int, dtype: torch.dtype) -> list[Tensor]:
    """Queries of four heads, keys and values of the row and of the trunk."""
    generator = torch.Generator().manual_seed(3)

    def draw(heads: int, length: int) -> Tensor:
        return torch.randn(1, heads, length, WIDTH, dtype=dtype, generator=generator).requires_grad_()

    return [draw(4, rows), draw(kv_heads, rows), draw(kv_heads, rows), draw(kv_heads, T), draw(kv_heads, T)]


def seen(branches: list[tuple[int, list[int]]]) -> Tensor:
    """Who sees whom, token by token, (R, T + R)."""
    owners = [
        (number, piece, step)
        for number, (_, lengths) in enumerate(branches)
        for piece, length in enumerate(lengths)
        for step in range(length)
    ]
    mask = torch.zeros(len(owners), T + len(owners), dtype=torch.bool)
    for query, (branch, piece, step) in enumerate(owners):
        mask[query, : branches[branch][0]] = True
        for key, (other, other_piece, other_step) in enumerate(owners):
            own = piece == other_piece and other_step <= step
            mask[query, T + key] = branch == other and (own or (other_piece == 0 and piece > 0))
    return mask


def merged(parts: list[Tensor], branches: list[tuple[int, list[int]]]) -> Tensor:
    plan = plan_row([], branches, torch.device("cpu"))
    return _Merged.apply(*parts, plan, 0.3)  # type: ignore[no-any-return, no-untyped-call]


def masked(parts: list[Tensor], branches: list[tuple[int, list[int]]]) -> Tensor:
    q, k, v, tk, tv = parts
    keys, values = torch.cat([tk, k], 2), torch.cat([tv, v], 2)
    return torch.nn.functional.scaled_dot_product_attention(
        q, keys, values, attn_mask=seen(branches), scale=0.3, enable_gqa=True
    )


# bfloat16: the output is rounded once a piece and once when merged, 8 bits each.
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 1e-5), (torch.bfloat16, 4e-2)], ids=str
)
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("branches", ROWS.values(), ids=ROWS)
def test_merged_pieces_are_the_masked_attention_with_its_gradients(
    branches: list[tuple[int, list[int]]], kv_heads: int, dtype: torch.dtype, tolerance: float
) -> None:
    parts = tensors(sum(sum(lengths) for _, lengths in branches), kv_heads, dtype)
    exact = [part.detach().double().requires_grad_() for part in parts]
    ours, theirs = merged(parts, branches), masked(exact, branches)
    torch.testing.assert_close(ours.double(), theirs, atol=tolerance, rtol=tolerance)
    pull = torch.linspace(-1, 1, theirs.numel(), dtype=torch.float64).view_as(theirs)
    our_gradients = torch.autograd.grad(ours, parts, pull.to(dtype))
    their_gradients = torch.autograd.grad(theirs, exact, pull.to(dtype).double())
    for mine, other in zip(our_gradients, their_gradients, strict=True):
        # An entry of a sum over many queries is as precise as the sum's terms are large.
        largest = max(float(other.abs().max()), 1.0)
        torch.testing.assert_close(mine.double(), other, atol=tolerance * largest, rtol=0)


def test_the_kernels_of_other_devices_take_the_same_arguments() -> None:
    """Shapes only: torch's meta device answers for CUDA's operators here."""
    q = torch.empty(2, 4, 6, WIDTH, dtype=torch.bfloat16, device="meta")
    k = torch.empty(2, 2, 9, WIDTH, dtype=torch.bfloat16, device="meta")
    out, lse = _flash(q, k, k, False, 0.3)
    assert (out.shape, lse.shape, lse.dtype) == (q.shape, q.shape[:3], torch.float32)
    gradients = _flash_backward(out, q, k, k, out, lse, False, 0.3)
    assert [gradient.shape for gradient in gradients] == [q.shape, k.shape, k.shape]


@pytest.mark.parametrize(
    ("device", "dtype", "width", "reason"),
    [
        ("cpu", "float64", 20, ""),
        ("cuda", "bfloat16", 128, ""),
        ("cuda", "float32", 128, "float32 on CUDA"),
        ("cuda", "bfloat16", 20, "heads of 20"),
        ("cuda", "bfloat16", 512, "heads of 512"),
        ("mps", "bfloat16", 64, "on mps"),
    ],
)
def test_kernels_that_a_machine_lacks_are_named(device: str, dtype: str, width: int, reason: str) -> None:
    model = tiny_model()
    model.config.head_dim = width
    found = why_not_merged(model, device, dtype)
    assert reason in found and bool(reason) == bool(found)


def test_what_the_pieces_do_not_know_is_refused() -> None:
    part: Any = torch.zeros(1, 2, 3, WIDTH)
    with pytest.raises(ValueError, match="softcap"), merging(tiny_model().config, ALONE):
        merge_attention(None, part, part, part, None, softcap=50.0)


def test_a_layer_that_did_not_follow_the_plan_is_noticed() -> None:
    with pytest.raises(ValueError, match="in 0 of 2 layers"), merging(tiny_model().config, ALONE):
        pass
