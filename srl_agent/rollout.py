"""Sample G outputs for each prompt with transformers, each prompt computed once for its G outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig

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
) -> list[list[int]]:
    """Output token ids, prompt by prompt, `rollouts` each, ending with the end-of-sequence token unless cut.

    Draws from torch's global random generator. `temperature` 0 is greedy.
    """
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    settings = GenerationConfig(
        **(sampling if temperature > 0 else {"do_sample": False}),
        max_new_tokens=max_new_tokens,
        eos_token_id=list(eos_ids),
        pad_token_id=pad_id,
        use_cache=True,  # trainers switch it off in the model's own settings, and the prompt would be read twice
    )
    at_once = max(1, MAX_SEQUENCES // rollouts)
    results: list[list[int]] = []
    with _sampling_as_told(model):
        for start in range(0, len(prompts), at_once):
            results += _sample_chunk(model, prompts[start : start + at_once], rollouts, settings)
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
    model: Any, prompts: Sequence[Sequence[int]], rollouts: int, settings: GenerationConfig
) -> list[list[int]]:
    ids, mask = _pad_left(prompts, settings.pad_token_id, model.device)  # (B, P)
    cache = DynamicCache(config=model.config)
    if ids.shape[1] > 1:
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        model.model(
            input_ids=ids[:, :-1],
            attention_mask=mask[:, :-1],
            position_ids=positions[:, :-1],
            past_key_values=cache,
            use_cache=True,
        )
        cache.batch_repeat_interleave(rollouts)
    sequences = model.generate(
        ids.repeat_interleave(rollouts, dim=0),  # (B*G, P)
        attention_mask=mask.repeat_interleave(rollouts, dim=0),
        past_key_values=cache,
        generation_config=settings,
    )
    new = sequences[:, ids.shape[1] :].tolist()  # (B*G, T)
    return [_until_end(row, settings.eos_token_id) for row in new]


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
