"""The shared-prompt loss pass against running every output alone, in fp64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from srl_agent.loss_pass import shared_prompt_logps, why_not_shared
from srl_agent.testing import FAMILIES, tiny_model

TEMPERATURE = 0.7


def reference(model: Any, prompt: Tensor, completions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Each output in a forward pass of its own, without padding: log-probabilities and entropies (G, C)."""
    logps, entropies = [], []
    for row, keep in zip(completions, mask, strict=True):
        output = row[: int(keep.sum())]
        logits = model(torch.cat([prompt, output])[None]).logits[0, len(prompt) - 1 : -1] / TEMPERATURE
        log_probs = torch.log_softmax(logits, -1)
        missing = (0, len(row) - len(output))
        logps.append(torch.nn.functional.pad(log_probs.gather(-1, output[:, None])[:, 0], missing))
        entropies.append(torch.nn.functional.pad(-(log_probs.exp() * log_probs).sum(-1), missing))
    return torch.stack(logps), torch.stack(entropies)


def group(prompt_length: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    prompt = torch.randint(0, 256, (prompt_length,), generator=generator)
    completions = torch.randint(0, 256, (4, 6), generator=generator)
    mask = torch.tensor([[1] * length + [0] * (6 - length) for length in (6, 1, 4, 0)])
    return prompt, completions, mask


def gradients(model: Any, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(model.parameters())))


@pytest.mark.parametrize("prompt_length", [1, 2, 17])
@pytest.mark.parametrize("family", FAMILIES)
def test_equals_one_forward_pass_an_output(family: str, prompt_length: int) -> None:
    model = tiny_model(family, torch.float64)
    prompt, completions, mask = group(prompt_length)
    weights = torch.linspace(-1, 1, mask.numel(), dtype=torch.float64).view(mask.shape)
    ours, our_entropies = shared_prompt_logps(model, prompt, completions, mask, TEMPERATURE)
    theirs, their_entropies = reference(model, prompt, completions, mask)
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=0)
    torch.testing.assert_close(our_entropies, their_entropies, atol=1e-10, rtol=0)
    pairs = zip(gradients(model, (ours * weights).sum()), gradients(model, (theirs * weights).sum()), strict=True)
    for our_gradient, their_gradient in pairs:
        torch.testing.assert_close(our_gradient, their_gradient, atol=1e-10, rtol=0)


def test_a_group_of_padding_only_has_zero_gradient() -> None:
    model = tiny_model()
    prompt, completions, mask = group(5)
    logps, _ = shared_prompt_logps(model, prompt, completions, torch.zeros_like(mask))
    gradient = torch.autograd.grad(logps.sum(), model.model.embed_tokens.weight)[0]
    assert not gradient.any()


def test_models_it_would_be_wrong_for_are_named() -> None:
    sliding = tiny_model("qwen2")
    sliding.config.layer_types = ["full_attention", "sliding_attention"]
    dropping = tiny_model()
    dropping.config.attention_dropout = 0.1
    capped = tiny_model()
    capped.config.final_logit_softcapping = 30.0
    assert "sliding_attention" in why_not_shared(sliding)
    assert "dropout" in why_not_shared(dropping)
    assert "scaled" in why_not_shared(capped)
    assert all(why_not_shared(tiny_model(family)) == "" for family in FAMILIES)
