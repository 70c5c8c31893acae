"""Sample G outputs for each prompt with transformers, each prompt computed once for its G outputs.

Prompts that begin alike, as those of one episode do, share that beginning too (`srl_agent.tree_pass`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache, GenerationConfig

from srl_agent.prompt_tokens import PromptTokens
from srl_agent.tree_pass import Branch, KeyValues, clusters, decoder_of, grow, run_branches, run_trunk

MAX_SEQUENCES = 64
"""Sequences decoded at once; more are done in turns, which bounds the key/value cache."""


@torch.no_grad()
def sample_groups(
    model: Any,
    prompts: Sequence[Sequence[int]],
    rollouts: int,
    *,
    temperature: float,
    max_new_tokens: int,
    eos_ids: Sequence[int],
    pad_id: int,
    counts: PromptTokens | None = None,
    at_once: int = MAX_SEQUENCES,
) -> list[list[int]]:
    """Output token ids, prompt by prompt, `rollouts` each, ending with the end-of-sequence token unless cut.

    Draws from torch's global random generator. `temperature` 0 is greedy. `counts` learns how
    much of the prompts was computed. At most `at_once` outputs are decoded together, or those of one prompt.
    """
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    settings = GenerationConfig(
        **(sampling if temperature > 0 else {"do_sample": False}),
        max_new_tokens=max_new_tokens,
        eos_token_id=list(eos_ids),
        pad_token_id=pad_id,
        use_cache=True,  # trainers switch it off in the model's own settings, and the prompt would be read twice
    )
    counts = counts or PromptTokens()
    width = max(1, at_once // rollouts)
    results: list[list[int]] = []
    with _sampling_as_told(model):
        for start in range(0, len(prompts), width):
            results += _sample_chunk(model, prompts[start : start + width], rollouts, settings, counts)
    return results


@contextmanager
def _sampling_as_told(model: Any) -> Iterator[None]:
    """No dropout, and none of the model's own sampling defaults, with which transformers fills what we leave open.

    Qwen2.5-Instruct ships a repetition penalty: outputs would not be drawn from the distribution that the loss scores.
    """
    was_training, own = model.training, model.generation_config
    model.eval()
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own
        model.train(was_training)


def _sample_chunk(
    model: Any, prompts: Sequence[Sequence[int]], rollouts: int, settings: GenerationConfig, counts: PromptTokens
) -> list[list[int]]:
    ids, mask = _pad_left(prompts, settings.pad_token_id, model.device)  # (B, P)
    cache = _filled_cache(model, [torch.tensor(prompt, device=model.device) for prompt in prompts], counts)
    # The last token of a prompt is computed for each of its outputs.
    counts.add(rollouts * sum(map(len, prompts)), rollouts * len(prompts))
    if cache.get_seq_length():
        cache.batch_repeat_interleave(rollouts)
    sequences = model.generate(
        ids.repeat_interleave(rollouts, dim=0),  # (B*G, P)
        attention_mask=mask.repeat_interleave(rollouts, dim=0),
        past_key_values=cache,
        generation_config=settings,
        synced_gpus=False,  # under ZeRO-3, whose weights are gathered here: processes decode unequally often
    )
    new = sequences[:, ids.shape[1] :].tolist()  # (B*G, T)
    return [_until_end(row, settings.eos_token_id) for row in new]


def _filled_cache(model: Any, prompts: Sequence[Tensor], counts: PromptTokens) -> DynamicCache:
    """Keys and values of all but the last token of each prompt, (B, heads, P-1, head size), padded on the left."""
    cache, width = DynamicCache(config=model.config), max(len(prompt) for prompt in prompts) - 1
    if width == 0:
        return cache
    rows: list[KeyValues] = [[]] * len(prompts)
    for members in clusters(prompts):
        filled = prefill(model, [prompts[number] for number in members], counts)
        for number, row in zip(members, filled, strict=True):
            rows[number] = row
    for layer, of_rows in enumerate(zip(*rows, strict=True)):
        padded = [[pad(part, (0, 0, width - part.shape[2], 0)) for part in pair] for pair in of_rows]
        cache.update(torch.cat([keys for keys, _ in padded]), torch.cat([values for _, values in padded]), layer)
    return cache


def prefill(model: Any, prompts: Sequence[Tensor], counts: PromptTokens) -> list[KeyValues]:
    """Keys and values of all but the last token of each prompt, what they begin with in common computed once."""
    decoder, tree = decoder_of(model), grow(prompts, [[]] * len(prompts))
    trunk = run_trunk(decoder, tree.trunk)
    counts.add(0, tree.tokens - len(prompts))
    if not trunk:  # prompts of one token
        config = model.config
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        nothing = next(decoder.parameters()).new_zeros(1, config.num_key_value_heads, 0, size)
        return [[(nothing, nothing)] * config.num_hidden_layers] * len(prompts)
    filled = []
    for branch in tree.branches:
        own = [(keys[:, :, : branch.point], values[:, :, : branch.point]) for keys, values in trunk]
        if len(branch.stem) > 1:
            _, stem = run_branches(decoder, trunk, [Branch(branch.point, branch.stem[:-1], ())])
            pairs = zip(own, stem, strict=True)
            own = [(torch.cat([k, s], dim=2), torch.cat([v, t], dim=2)) for (k, v), (s, t) in pairs]
        filled.append(own)
    return filled


def _pad_left(rows: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    width = max(len(row) for row in rows)
    ids = [[pad_id] * (width - len(row)) + list(row) for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _until_end(row: list[int], eos_ids: Sequence[int]) -> list[int]:
    for index, token in enumerate(row):
        if token in eos_ids:
            return row[: index + 1]
    return row


def evened(prompts: Sequence[Sequence[int]], most: int, rollouts: int) -> list[list[int]]:
    """Each prompt `rollouts` times, the last one again until there are `most` prompts.

    TRL's client of a vLLM server gathers the prompts of all processes, and each takes the slice that would be its own
    if all had sent as many as it did: `most` is the greatest number that any process has.
    """
    filled = [*prompts, *[prompts[-1]] * (most - len(prompts))]
    return [list(prompt) for prompt in filled for _ in range(rollouts)]


def end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Tokens that end an output: the tokenizer's, and those of the model's own settings."""
    own = model.generation_config.eos_token_id
    listed = own if isinstance(own, list) else [own]
    return sorted({token for token in (*listed, tokenizer.eos_token_id) if token is not None})
