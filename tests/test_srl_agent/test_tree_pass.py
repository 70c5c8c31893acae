"""The token tree against running every prompt with every output alone, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from srl_agent.loss_pass import LossTokens, grouped_logps
from srl_agent.testing import FAMILIES, tiny_model
from srl_agent.tree_pass import grow, rows_of, tree_backward, tree_logps

TEMPERATURE = 0.7
LENGTHS = (6, 1, 0, 3)


def draw(*lengths: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(sum(lengths))
    return [torch.randint(0, 256, (length,), generator=generator) for length in lengths]


def nested() -> list[Tensor]:
    """Prompts of one episode under full context, out of order, one of them a single token."""
    trunk = draw(90)[0]
    return [trunk[:42], trunk[:1], trunk, trunk[:60], trunk[:60]]


def windowed() -> list[Tensor]:
    """Prompts that share their beginning only, one that shares nothing, one that is another's beginning."""
    start, a, b, stranger = draw(40, 30, 25, 33)
    return [torch.cat([start, a]), torch.cat([start, b]), stranger, start]


def reference(model: Any, prompts: list[Tensor], outputs: list[list[Tensor]]) -> tuple[Tensor, Tensor]:
    logps, entropies = [], []
    for prompt, group in zip(prompts, outputs, strict=True):
        for output in group:
            places = slice(len(prompt) - 1, len(prompt) - 1 + len(output))
            logits = model(torch.cat([prompt, output])[None]).logits[0, places] / TEMPERATURE
            log_probs = torch.log_softmax(logits, -1)
            logps.append(log_probs.gather(-1, output[:, None])[:, 0])
            entropies.append(-(log_probs.exp() * log_probs).sum(-1))
    return torch.cat(logps), torch.cat(entropies)


def flat(groups: list[list[Tensor]]) -> Tensor:
    return torch.cat([output for group in groups for output in group])


def gradients(model: Any, values: Tensor) -> list[Tensor]:
    weights = torch.linspace(-1, 1, len(values), dtype=values.dtype)
    return list(torch.autograd.grad((values * weights).sum(), list(model.parameters())))


@pytest.mark.parametrize("attention", ["mask", "merge"])
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("row_tokens", [1, 40, 10_000])
@pytest.mark.parametrize("prompts", [nested(), windowed(), [draw(1)[0]]], ids=["nested", "windowed", "one token"])
@pytest.mark.parametrize("family", FAMILIES)
def test_equals_one_forward_pass_an_output(
    family: str, prompts: list[Tensor], row_tokens: int, recompute: bool, attention: str
) -> None:
    model = tiny_model(family, torch.float64).train()
    outputs = [draw(*LENGTHS) for _ in prompts]
    ours, our_entropies = tree_logps(
        model, grow(prompts, outputs), TEMPERATURE, row_tokens=row_tokens, recompute=recompute, attention=attention
    )
    theirs, their_entropies = reference(model, prompts, outputs)
    torch.testing.assert_close(flat(ours), theirs, atol=1e-10, rtol=0)
    torch.testing.assert_close(flat(our_entropies), their_entropies, atol=1e-10, rtol=0)
    for mine, other in zip(gradients(model, flat(ours)), gradients(model, theirs), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-10, rtol=0)


@pytest.mark.parametrize("attention", ["mask", "merge"])
@pytest.mark.parametrize("recompute", [False, True])
def test_going_backward_row_by_row_gives_the_same_gradients(recompute: bool, attention: str) -> None:
    model, trunk, points = tiny_model("qwen3", torch.float64), draw(90)[0], [42, 1, 90, 60, 60]
    outputs = [draw(*LENGTHS) for _ in points]
    weights = [[torch.tensor(0.5 - k + g, dtype=torch.float64) for g in range(len(LENGTHS))] for k in range(5)]
    logps, entropies = tree_backward(
        model, trunk, points, outputs, weights, TEMPERATURE, row_tokens=40, recompute=recompute, attention=attention
    )
    theirs, their_entropies = reference(model, [trunk[:point] for point in points], outputs)
    torch.testing.assert_close(flat(logps), theirs, atol=1e-10, rtol=0)
    torch.testing.assert_close(flat(entropies), their_entropies, atol=1e-10, rtol=0)
    spread = [[weight.expand(length) for weight, length in zip(row, LENGTHS, strict=True)] for row in weights]
    expected = torch.autograd.grad((theirs * flat(spread)).sum(), list(model.parameters()))
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-10, rtol=0)


def test_points_outside_the_trunk_are_refused() -> None:
    with pytest.raises(ValueError, match=r"between 1 and the 9 tokens.*\[10\]"):
        tree_backward(tiny_model(), draw(9)[0], [10], [[]], [[]])


def test_eager_attention_gives_the_same_in_its_precision() -> None:
    model, prompts = tiny_model(), nested()
    outputs = [draw(*LENGTHS) for _ in prompts]
    expected = flat(tree_logps(model, grow(prompts, outputs))[0])
    model.set_attn_implementation("eager")
    torch.testing.assert_close(flat(tree_logps(model, grow(prompts, outputs))[0]), expected, atol=1e-4, rtol=0)


def test_a_tree_counts_each_shared_token_once() -> None:
    tree = grow(nested(), [[] for _ in nested()])
    assert len(tree.trunk) == 89  # the last token of the longest prompt predicts, so it stands on a branch
    assert tree.tokens == 89 + 5


def test_rows_hold_no_more_than_their_budget_and_every_branch_once() -> None:
    prompts = nested()
    tree = grow(prompts, [draw(10, 10) for _ in prompts])
    rows = rows_of(tree, 45)
    assert sorted(number for row in rows for number in row) == list(range(len(prompts)))
    assert all(sum(tree.branches[number].tokens for number in row) <= 45 for row in rows)
    points = [tree.branches[number].point for row in rows for number in row]
    assert points == sorted(points)


def padded(prompts: list[Tensor], outputs: list[list[Tensor]]) -> tuple[Tensor, Tensor, int]:
    """Groups in the trainer's layout."""
    width, length = max(map(len, prompts)), max(len(output) for group in outputs for output in group)
    ids, mask = [], []
    for prompt, group in zip(prompts, outputs, strict=True):
        for output in group:
            left, right = width - len(prompt), length - len(output)
            ids.append(torch.nn.functional.pad(torch.cat([prompt, output]), (left, right), value=257))
            mask.append(torch.nn.functional.pad(torch.ones(len(prompt) + len(output)).long(), (left, right)))
    return torch.stack(ids), torch.stack(mask), length


@pytest.mark.parametrize("prompts", [nested(), windowed()], ids=["nested", "windowed"])
def test_padded_groups_come_back_in_their_places(prompts: list[Tensor]) -> None:
    model = tiny_model(dtype=torch.float64)
    outputs = [draw(*LENGTHS) for _ in prompts]
    ids, mask, width = padded(prompts, outputs)
    logps, entropies = grouped_logps(model, ids, mask, width, len(LENGTHS), TEMPERATURE)
    theirs, their_entropies = reference(model, prompts, outputs)
    kept = mask[:, -width:].bool()
    torch.testing.assert_close(logps[kept], theirs, atol=1e-10, rtol=0)
    torch.testing.assert_close(entropies[kept], their_entropies, atol=1e-10, rtol=0)
    assert not logps[~kept].any()


@pytest.mark.parametrize("row_tokens", [1, 9, 1000])
def test_a_group_longer_than_a_row_is_taken_apart_and_comes_back_whole(row_tokens: int) -> None:
    model, prompts = tiny_model(dtype=torch.float64), windowed()
    outputs = [draw(*LENGTHS) for _ in prompts]
    ids, mask, width = padded(prompts, outputs)
    logps, _ = grouped_logps(model, ids, mask, width, len(LENGTHS), TEMPERATURE, row_tokens=row_tokens)
    theirs, _ = reference(model, prompts, outputs)
    torch.testing.assert_close(logps[mask[:, -width:].bool()], theirs, atol=1e-10, rtol=0)


def test_the_tokens_of_a_batch_are_counted_as_computed_and_as_padded_rows() -> None:
    long = torch.arange(40)
    prompts, outputs = [long, torch.cat([long[:38], draw(1)[0]])], [draw(3, 5), draw(2, 4)]
    counts = LossTokens()
    for _ in range(2):
        grouped_logps(tiny_model(), *padded(prompts, outputs), 2, counts=counts)
    # A trunk of 38; stems of 2 and 1; 14 of outputs. Plain: four rows of 40 + 5.
    assert counts.take() == {"tokens_computed": 2 * (38 + 3 + 14), "tokens_plain": 2 * 4 * 45}
    assert counts.take() == {"tokens_computed": 0, "tokens_plain": 0}


def test_rows_of_different_prompts_in_one_group_are_refused() -> None:
    prompts = nested()[:2]
    ids, mask, width = padded(prompts, [draw(3) for _ in prompts])
    with pytest.raises(ValueError, match="do not share their prompt"):
        grouped_logps(tiny_model(), ids, mask, width, 2)


def test_a_group_of_padding_only_has_zero_gradient() -> None:
    model = tiny_model()
    ids, mask, width = padded(nested()[:1], [draw(4, 4)])
    mask[:, -width:] = 0
    logps, _ = grouped_logps(model, ids, mask, width, 2)
    gradient = torch.autograd.grad(logps.sum(), model.model.embed_tokens.weight)[0]
    assert not gradient.any()
