"""Per-token log-probabilities of G outputs that share one prompt, the prompt computed once, with exact gradients.

The prompt runs once with a key/value cache whose graph is kept, the outputs run as one batch on copies of that cache
that autograd sums back, and the language-model head sees only the rows that predict an output token. Nested prompts
of one episode are not shared here (one prompt, many outputs); TRL is not needed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache

HEAD_ROWS = 1024
"""Rows of logits alive at once: 1,024 x 152k vocabulary x 4 bytes are 0.6 GB."""


def why_not_shared(model: Any) -> str:
    """Why this pass would compute something else for the model, empty where it is exact."""
    config = model.config
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        return f"layers of kind {', '.join(sorted(kinds - {'full_attention'}))}"
    if getattr(config, "use_sliding_window", False) or (
        getattr(config, "sliding_window", None) and not hasattr(config, "use_sliding_window")
    ):
        return "sliding-window attention"
    if any(getattr(config, name, 0.0) for name in ("attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop")):
        return "dropout"
    scaled = (
        "final_logit_softcapping",
        "logit_scale",
        "logits_scaling",
        "lm_head_multiplier",
        "output_multiplier",
    )
    if any(getattr(config, name, None) is not None for name in scaled):
        return "logits that are scaled after the head"
    if getattr(model, "is_gradient_checkpointing", False):
        return "gradient checkpointing, which switches the key/value cache off"
    if not hasattr(model, "lm_head") or not hasattr(model, "model"):
        return f"a model class ({type(model).__name__}) without `model` and `lm_head`"
    return ""


def shared_prompt_logps(
    model: Any, prompt: Tensor, completions: Tensor, mask: Tensor, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies of the output tokens.

    Args:
        model: a causal language model with `model` and `lm_head`, for which `why_not_shared` is empty.
        prompt: token ids (P,), without padding, P >= 1.
        completions: token ids (G, C), padded on the right.
        mask: (G, C), 1 on output tokens and 0 on padding.
        temperature: divides the logits, as it did when the outputs were sampled.

    Returns:
        log-probabilities (G, C) and entropies in nats (G, C, without gradient), both 0 where mask is 0.
    """
    outputs, length = completions.shape
    device = prompt.device
    cache = DynamicCache(config=model.config)
    if len(prompt) > 1:
        positions = torch.arange(len(prompt) - 1, device=device)[None]  # (1, P-1)
        model.model(input_ids=prompt[None, :-1], position_ids=positions, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(outputs)
    # The last prompt token predicts the first output token, so it runs with the outputs.
    inputs = torch.cat([prompt[-1:].expand(outputs, 1), completions[:, :-1]], dim=1)  # (G, C)
    positions = torch.arange(len(prompt) - 1, len(prompt) - 1 + length, device=device).expand(outputs, -1)
    # Padding stands only to the right, where causal attention never looks: no mask is needed.
    hidden = model.model(input_ids=inputs, position_ids=positions, past_key_values=cache, use_cache=True)
    rows = mask.bool()
    logps, entropies = head_logps(model.lm_head, hidden.last_hidden_state[rows], completions[rows], temperature)
    zeros = torch.zeros(outputs, length, dtype=logps.dtype, device=device)
    return zeros.masked_scatter(rows, logps), zeros.masked_scatter(rows, entropies)


def grouped_logps(
    model: Any, ids: Tensor, mask: Tensor, completion_width: int, size: int, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """The same for whole groups in the trainer's layout: ids and mask (B*G, P+C), each `size` rows sharing a prompt.

    Prompts are padded on the left, outputs on the right. Returns log-probabilities and entropies (B*G, C).
    """
    pairs = zip(torch.split(ids, size), torch.split(mask, size), strict=True)
    parts = [_group_logps(model, *pair, completion_width, temperature) for pair in pairs]
    return torch.cat([logps for logps, _ in parts]), torch.cat([entropies for _, entropies in parts])


def _group_logps(
    model: Any, ids: Tensor, mask: Tensor, completion_width: int, temperature: float
) -> tuple[Tensor, Tensor]:
    width = ids.shape[1] - completion_width
    if not torch.equal(ids[:, :width], ids[:1, :width].expand(len(ids), -1)):
        raise ValueError("the rows of a group do not share their prompt; batches must be made of whole groups")
    prompt = ids[0, :width][mask[0, :width].bool()]
    completions, kept = ids[:, width:], mask[:, width:]
    longest = max(int(kept.sum(1).max()), 1)
    logps, entropies = shared_prompt_logps(model, prompt, completions[:, :longest], kept[:, :longest], temperature)
    missing = (0, completion_width - longest)
    return torch.nn.functional.pad(logps, missing), torch.nn.functional.pad(entropies, missing)


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
