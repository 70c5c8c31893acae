"""Log-probabilities of sampled outputs that hang off one token tree: every shared token computed once, exact gradients.

A trunk (the longest prompt) runs once with a key/value cache whose graph is kept. Each prompt leaves the trunk at its
branch point: what is left of it (its stem) and its G outputs run as one piece of a row on views of that cache. Nested
prompts of an episode share nearly everything that way, windowed ones their beginning, and G outputs always share their
prompt. Autograd sums what the branches ask of the trunk and goes through the trunk once, last.

TRL is not needed. Left out: attention that is not full and causal (`why_not_shared` names it), recurrent layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache

HEAD_ROWS = 1024
"""Rows of logits alive at once: 1,024 x 152k vocabulary x 4 bytes are 0.6 GB."""
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
    model: Any, tree: Tree, temperature: float = 1.0, *, row_tokens: int = BRANCH_TOKENS, recompute: bool = False
) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """Log-probabilities and entropies (nats, without gradient) of the outputs' tokens: for each branch, for each output
    (C,).

    `model` is a causal language model for which `why_not_shared` is empty. `temperature` divides the logits.
    `recompute` computes activations twice to hold one layer of the trunk and one row of branches at a time.
    """
    decoder, head = decoder_of(model), model.get_output_embeddings()
    cache = run_trunk(decoder, tree.trunk, recompute)
    logps: list[list[Tensor]] = [[] for _ in tree.branches]
    entropies: list[list[Tensor]] = [[] for _ in tree.branches]
    for row in rows_of(tree, row_tokens):
        arguments = (decoder, head, cache, tree, row, temperature)
        found = checkpoint(_run_row, *arguments, use_reentrant=False) if recompute else _run_row(*arguments)
        sizes = [len(output) for index in row for output in tree.branches[index].outputs]
        pieces = zip(found[0].split(sizes), found[1].split(sizes), strict=True)
        for index in row:
            for _ in tree.branches[index].outputs:
                logp, entropy = next(pieces)
                logps[index].append(logp)
                entropies[index].append(entropy)
    return logps, entropies


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
    with _layers_recomputed(decoder) if recompute else _as_it_is():
        decoder(input_ids=trunk[None], position_ids=positions, past_key_values=cache, use_cache=True)
    return [(layer.keys, layer.values) for layer in cache.layers]


def _run_row(
    decoder: Any, head: Any, trunk: KeyValues, tree: Tree, row: Sequence[int], temperature: float
) -> tuple[Tensor, Tensor]:
    """One row of branches on the trunk's cache: log-probabilities and entropies of its output tokens, in order."""
    branches = [tree.branches[index] for index in row]
    hidden, _ = run_branches(decoder, trunk, branches)
    _, sources, labels = _places(branches, hidden.device)
    return head_logps(head, hidden[sources], labels, temperature)


def run_branches(decoder: Any, trunk: KeyValues, branches: Sequence[Branch]) -> tuple[Tensor, KeyValues]:
    """Hidden states (R, H) and keys and values of the branches' tokens as one row, each on its part of the trunk."""
    reach = max(branch.point for branch in branches)
    ids = torch.cat([torch.cat([branch.stem, *branch.outputs]) for branch in branches])  # (R,)
    positions, _, _ = _places(branches, ids.device)
    cache = DynamicCache(config=decoder.config)
    for layer, (keys, values) in enumerate(trunk):
        cache.update(keys[:, :, :reach], values[:, :, :reach], layer)
    mask = _mask(branches, reach, ids.device)[None, None]  # (1, 1, R, reach + R)
    if decoder.config._attn_implementation == "eager":
        # Eager attention adds the mask to the scores: booleans would shift them by one.
        kind = next(decoder.parameters()).dtype
        mask = torch.zeros_like(mask, dtype=kind).masked_fill(~mask, torch.finfo(kind).min)
    hidden = decoder(
        input_ids=ids[None],
        position_ids=positions[None],
        attention_mask=mask,
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state[0]
    return hidden, [(layer.keys[:, :, reach:], layer.values[:, :, reach:]) for layer in cache.layers]


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


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


@contextmanager
def _layers_recomputed(decoder: Any) -> Iterator[None]:
    """Checkpoint each layer of the trunk and still get its keys and values: transformers' own gradient checkpointing
    switches the cache off."""
    originals = [layer.forward for layer in decoder.layers]
    for number, layer in enumerate(decoder.layers):
        layer.forward = _recomputed(layer.forward, number, decoder.config)
    try:
        yield
    finally:
        for layer, original in zip(decoder.layers, originals, strict=True):
            layer.forward = original


def _recomputed(forward: Any, number: int, config: Any) -> Any:
    def run(hidden: Tensor, named: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        own = DynamicCache(config=config)  # a fresh one, so that the second computation appends nothing twice
        result = forward(hidden, **{**named, "past_key_values": own})
        result = result[0] if isinstance(result, tuple) else result
        return result, own.layers[number].keys, own.layers[number].values

    def layer_forward(hidden: Tensor, *, past_key_values: Any, **named: Any) -> Tensor:
        found: tuple[Tensor, Tensor, Tensor] = checkpoint(run, hidden, named, use_reentrant=False)
        past_key_values.update(found[1], found[2], number)
        return found[0]

    return layer_forward


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
