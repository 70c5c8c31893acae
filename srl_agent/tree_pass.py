"""Log-probabilities of sampled outputs that hang off one token tree: every shared token computed once, exact gradients.

A trunk (the longest prompt) runs once with a key/value cache whose graph is kept. Each prompt leaves the trunk at its
branch point: what is left of it (its stem) and its G outputs run as one piece of a row on views of that cache. Nested
prompts of an episode share nearly everything that way, windowed ones their beginning, and G outputs always share their
prompt. Autograd sums what the branches ask of the trunk and goes through the trunk once, last.

TRL is not needed. Left out: attention that is not full and causal (`why_not_shared` names it), recurrent layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache

from srl_agent.head import head_logps
from srl_agent.merge_attention import merging, plan_row
from srl_agent.recompute import layers_recomputed

BRANCH_TOKENS = 4096
"""Tokens of branches computed as one row, and kept for the backward pass, before the next row begins."""


WORTH_SHARING = 32
"""Prompts that begin with this many tokens in common are put on one trunk."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One prompt's outputs."""

    point: int
    """Tokens of the trunk that the prompt begins with."""
    stem: Tensor
    """The rest of the prompt (S,), at least its last token: it predicts the first token of every output."""
    outputs: tuple[Tensor, ...]
    """Token ids, (C_1,), (C_2,), ..."""

    @property
    def tokens(self) -> int:
        """Tokens that the branch adds to the tree."""
        return len(self.stem) + sum(map(len, self.outputs))


@dataclass(frozen=True, slots=True)
class Tree:
    """A trunk and what hangs off it."""

    trunk: Tensor
    """Token ids (T,), possibly none."""
    branches: tuple[Branch, ...]

    @property
    def tokens(self) -> int:
        """Distinct tokens to compute."""
        return len(self.trunk) + sum(branch.tokens for branch in self.branches)


def grow(prompts: Sequence[Tensor], outputs: Sequence[Sequence[Tensor]]) -> Tree:
    """The tree of prompts (P_k,) and their outputs: the longest prompt, up to where the last branch leaves it."""
    spine = max(prompts, key=len)
    points = [min(common_length(spine, prompt), len(prompt) - 1) for prompt in prompts]
    # With one prompt the stem is its last token alone, and the trunk all before it.
    branches = tuple(
        Branch(point, prompt[point:], tuple(rows)) for point, prompt, rows in zip(points, prompts, outputs, strict=True)
    )
    return Tree(spine[: max(points)], branches)


def clusters(prompts: Sequence[Tensor]) -> list[list[int]]:
    """Numbers of the prompts that share a trunk, each with the longest first that it has enough in common with."""
    found: list[list[int]] = []
    for number in sorted(range(len(prompts)), key=lambda number: -len(prompts[number])):
        for cluster in found:
            if common_length(prompts[cluster[0]], prompts[number]) >= WORTH_SHARING:
                cluster.append(number)
                break
        else:
            found.append([number])
    return found


def common_length(first: Tensor, second: Tensor) -> int:
    """How many tokens two sequences begin with in common."""
    size = min(len(first), len(second))
    differing = (first[:size] != second[:size]).nonzero()
    return int(differing[0, 0]) if len(differing) else size


def tree_logps(
    model: Any,
    tree: Tree,
    temperature: float = 1.0,
    *,
    row_tokens: int = BRANCH_TOKENS,
    recompute: bool = False,
    attention: str = "mask",
) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """Log-probabilities and entropies (nats, without gradient) of the outputs' tokens: for each branch, for each output
    (C,).

    `model` is a causal language model for which `why_not_shared` is empty. `temperature` divides the logits.
    `recompute` computes activations twice to hold one layer of the trunk and one row of branches at a time.
    `attention` of the branches: `mask` on copies of the trunk's keys, `merge` of unmasked pieces (`merge_attention`).
    """
    decoder, head = decoder_of(model), model.get_output_embeddings()
    cache = run_trunk(decoder, tree.trunk, recompute)
    found: dict[int, Scored] = {}
    for row in rows_of(tree, row_tokens):
        arguments = (decoder, head, cache, tree, row, temperature, attention)
        flat = checkpoint(_run_row, *arguments, use_reentrant=False) if recompute else _run_row(*arguments)
        found |= _by_branch(tree, row, *flat)
    return _in_order(found)


def tree_backward(
    model: Any,
    trunk: Tensor,
    points: Sequence[int],
    outputs: Sequence[Sequence[Tensor]],
    weights: Sequence[Sequence[Tensor]],
    temperature: float = 1.0,
    *,
    row_tokens: int = BRANCH_TOKENS,
    recompute: bool = False,
    attention: str = "mask",
) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """Add the gradients of the sum of `weights[k][g] * logps[k][g]` to the parameters' `.grad`.

    Output (C,) number g of step k follows the prompt `trunk[: points[k]]`; its weight is () or (C,). Returns the
    log-probabilities and entropies as `tree_logps` does, without graph: each row of branches goes backward at once, and
    the trunk last, so that one row is held at a time without computing it twice. `recompute` is about the trunk only.
    """
    if not all(0 < point <= len(trunk) for point in points):
        raise ValueError(f"a point is not between 1 and the {len(trunk)} tokens of the trunk: {list(points)}")
    tree = grow([trunk[:point] for point in points], outputs)
    decoder, head = decoder_of(model), model.get_output_embeddings()
    cache = run_trunk(decoder, tree.trunk, recompute)
    leaves = [(_leaf(keys), _leaf(values)) for keys, values in cache]
    found: dict[int, Scored] = {}
    for row in rows_of(tree, row_tokens):
        logps, entropies = _run_row(decoder, head, leaves, tree, row, temperature, attention)
        pairs = [pair for index in row for pair in zip(outputs[index], weights[index], strict=True)]
        (logps * torch.cat([weight.expand(len(output)) for output, weight in pairs])).sum().backward()  # type: ignore[no-untyped-call]
        found |= _by_branch(tree, row, logps.detach(), entropies)
    whole, ends = ([part for layer in half for part in layer] for half in (cache, leaves))
    asked = [(part, leaf.grad) for part, leaf in zip(whole, ends, strict=True) if leaf.grad is not None]
    torch.autograd.backward([part for part, _ in asked], [gradient for _, gradient in asked])
    return _in_order(found)


Scored = tuple[list[Tensor], list[Tensor]]
"""Log-probabilities and entropies of a branch's outputs, (C,) each."""


def _leaf(part: Tensor) -> Tensor:
    return part.detach().requires_grad_(part.requires_grad)


def _by_branch(tree: Tree, row: Sequence[int], logps: Tensor, entropies: Tensor) -> dict[int, Scored]:
    """What a row computed for its output tokens, by the number of the branch."""
    sizes = [len(output) for index in row for output in tree.branches[index].outputs]
    pieces = zip(torch.split(logps, sizes), torch.split(entropies, sizes), strict=True)
    pairs = {index: [next(pieces) for _ in tree.branches[index].outputs] for index in row}
    return {index: ([logp for logp, _ in own], [entropy for _, entropy in own]) for index, own in pairs.items()}


def _in_order(found: dict[int, Scored]) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    return [found[index][0] for index in range(len(found))], [found[index][1] for index in range(len(found))]


def decoder_of(model: Any) -> Any:
    """The stack of layers below the head, adapters of PEFT included."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return base.model


def rows_of(tree: Tree, row_tokens: int) -> list[list[int]]:
    """Branches (by number) put into rows of at most `row_tokens`, in the order of their points."""
    rows: list[list[int]] = []
    filled = 0
    for index in sorted(range(len(tree.branches)), key=lambda index: tree.branches[index].point):
        size = tree.branches[index].tokens
        if not rows or filled + size > row_tokens:
            rows.append([])
            filled = 0
        rows[-1].append(index)
        filled += size
    return rows


KeyValues = list[tuple[Tensor, Tensor]]
"""Keys and values of each layer, (1, heads, T, head size)."""


def run_trunk(decoder: Any, trunk: Tensor, recompute: bool = False) -> KeyValues:
    """Keys and values of the trunk, with their graph where gradients are on."""
    if not len(trunk):
        return []
    cache = DynamicCache(config=decoder.config)
    positions = torch.arange(len(trunk), device=trunk.device)[None]  # (1, T)
    with layers_recomputed(decoder) if recompute else nullcontext():
        decoder(input_ids=trunk[None], position_ids=positions, past_key_values=cache, use_cache=True)
    return [(layer.keys, layer.values) for layer in cache.layers]


def _run_row(
    decoder: Any, head: Any, trunk: KeyValues, tree: Tree, row: Sequence[int], temperature: float, attention: str
) -> tuple[Tensor, Tensor]:
    """One row of branches on the trunk's cache: log-probabilities and entropies of its output tokens, in order."""
    branches = [tree.branches[index] for index in row]
    hidden, _ = run_branches(decoder, trunk, branches, attention)
    _, sources, labels = _places(branches, hidden.device)
    return head_logps(head, hidden[sources], labels, temperature)


def run_branches(
    decoder: Any, trunk: KeyValues, branches: Sequence[Branch], attention: str = "mask"
) -> tuple[Tensor, KeyValues]:
    """Hidden states (R, H) and keys and values of the branches' tokens as one row, each on its part of the trunk."""
    ids = torch.cat([torch.cat([branch.stem, *branch.outputs]) for branch in branches])  # (R,)
    positions, _, _ = _places(branches, ids.device)
    cache = DynamicCache(config=decoder.config)
    named = {"input_ids": ids[None], "position_ids": positions[None], "past_key_values": cache, "use_cache": True}
    if attention == "merge":
        sizes = [(branch.point, [len(branch.stem), *map(len, branch.outputs)]) for branch in branches]
        with merging(decoder.config, plan_row(trunk, sizes, ids.device)):
            result = decoder(**named)
        reach = 0
    else:
        reach = max(branch.point for branch in branches)
        for layer, (keys, values) in enumerate(trunk):
            cache.update(keys[:, :, :reach], values[:, :, :reach], layer)
        result = decoder(**named, attention_mask=_mask_for(decoder, branches, reach, ids.device))
    own = [(layer.keys[:, :, reach:], layer.values[:, :, reach:]) for layer in cache.layers]
    return result.last_hidden_state[0], own


def _places(branches: Sequence[Branch], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Positions of a row's tokens (R,); for each output token the place of the one that predicts it, and its label."""
    positions: list[Tensor] = []
    sources: list[Tensor] = []
    labels: list[Tensor] = []
    start = 0
    for branch in branches:
        stem = len(branch.stem)
        positions.append(torch.arange(branch.point, branch.point + stem))
        place = start + stem
        for output in branch.outputs:
            positions.append(torch.arange(branch.point + stem, branch.point + stem + len(output)))
            inside = torch.arange(place - 1, place - 1 + len(output))
            inside[:1] = start + stem - 1  # the stem's last token predicts the first token of every output
            sources.append(inside)
            labels.append(output)
            place += len(output)
        start = place
    empty = torch.zeros(0, dtype=torch.long)
    return (
        torch.cat(positions).to(device),
        torch.cat([empty, *sources]).to(device),
        torch.cat([empty.to(device), *labels]),
    )


def _mask_for(decoder: Any, branches: Sequence[Branch], reach: int, device: torch.device) -> Tensor:
    """The mask (1, 1, R, reach + R) as the decoder's attention takes it."""
    mask = _mask(branches, reach, device)[None, None]
    if decoder.config._attn_implementation != "eager":
        return mask
    # Eager attention adds the mask to the scores: booleans would shift them by one.
    kind = next(decoder.parameters()).dtype
    return torch.zeros_like(mask, dtype=kind).masked_fill(~mask, torch.finfo(kind).min)


def _mask(branches: Sequence[Branch], reach: int, device: torch.device) -> Tensor:
    """Who sees whom, (R, reach + R) booleans: the trunk up to the branch's point, its stem, and its own past."""
    size = sum(branch.tokens for branch in branches)
    mask = torch.zeros(size, reach + size, dtype=torch.bool, device=device)
    start = 0
    for branch in branches:
        end, stem = start + branch.tokens, len(branch.stem)
        mask[start:end, : branch.point] = True
        mask[start + stem : end, reach + start : reach + start + stem] = True
        place = start
        for piece in (branch.stem, *branch.outputs):
            stop = place + len(piece)
            ones = torch.ones(len(piece), len(piece), dtype=torch.bool, device=device)
            mask[place:stop, reach + place : reach + stop] = ones.tril_()
            place = stop
        start = end
    return mask
