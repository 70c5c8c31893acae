"""Model families of transformers: the tree pass is exact for each, or refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from transformers import AutoConfig, AutoModelForCausalLM

from srl_agent.loss_pass import why_not_shared
from srl_agent.merge_attention import why_not_merged
from srl_agent.tree_pass import grow, tree_logps

SHAPE = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
WINDOW = {"sliding_window": 8, "use_sliding_window": True}
NO_ROUTER_LOSS = {"router_aux_loss_coef": 0.0}
EXACT: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": None},
    "qwen2": {},
    "qwen3": {},
    "phi": {},
    "phi3": {"sliding_window": None},
    "gemma": {},
    "olmo": {},
    "olmo2": {},
    "smollm3": {},  # layers without positions among others
    "starcoder2": {"residual_dropout": 0.0, "embedding_dropout": 0.0},
    "glm": {"attention_dropout": 0.0},
    "glm4": {},
    "ernie4_5": {},
    "apertus": {},
    "hunyuan_v1_dense": {},
    "stablelm": {},
    "nemotron": {},
    "seed_oss": {"residual_dropout": 0.0, "attention_dropout": 0.0},
    "mixtral": NO_ROUTER_LOSS,
    "qwen2_moe": NO_ROUTER_LOSS,
    "qwen3_moe": NO_ROUTER_LOSS,
    "olmoe": NO_ROUTER_LOSS,
}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}, "type dynamic"),
    ("mistral", WINDOW, "sliding-window"),
    ("phi3", WINDOW, "sliding-window"),
    ("starcoder2", WINDOW | {"residual_dropout": 0.0, "embedding_dropout": 0.0}, "sliding-window"),
    ("qwen2", WINDOW, "sliding"),
    ("qwen3", WINDOW, "sliding"),
    ("smollm3", WINDOW, "sliding_attention"),
    ("gemma2", {}, "sliding_attention"),
    ("gemma3_text", {}, "sliding_attention"),
    ("gpt_oss", {}, "sliding_attention"),
    ("ministral", {}, "sliding_attention"),
    ("olmo3", {}, "sliding_attention"),
    ("exaone4", {}, "sliding_attention"),
    ("cohere2", {}, "sliding_attention"),
    ("llama4_text", {}, "chunked_attention"),
    ("qwen3_next", {}, "linear_attention"),
    ("qwen3_5_text", {}, "linear_attention"),
    ("cohere", {}, "scaled after the head"),
    ("granite", {}, "scaled after the head"),
    ("seed_oss", {}, "dropout"),
    ("mixtral", {"router_aux_loss_coef": 0.01}, "auxiliary loss"),
    ("gpt2", {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "summary_first_dropout": 0.0}, "model class"),
    ("gpt_neox", {}, "model class"),
    ("opt", {"dropout": 0.0}, "model class"),
]


class InDouble(TorchFunctionMode):
    """Computes in float64 what models compute in float32 whatever their weights: norms, positions, routers."""

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        wider = {torch.float32: torch.float64}
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        arguments = [wider.get(value, value) if isinstance(value, torch.dtype) else value for value in arguments]
        named = {
            key: wider.get(value, value) if isinstance(value, torch.dtype) else value
            for key, value in (named or {}).items()
        }
        return function(*arguments, **named)


def build(kind: str, settings: dict[str, Any]) -> Any:
    """A tiny random model whose logits differ enough from token to token to tell."""
    known = AutoConfig.for_model(kind)
    given = {name: value for name, value in {**SHAPE, **settings}.items() if hasattr(known, name)}
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **given)
    model = AutoModelForCausalLM.from_config(config, experts_implementation="eager").double().train()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


def draw(length: int, seed: int) -> Tensor:
    return torch.randint(5, 90, (length,), generator=torch.Generator().manual_seed(seed))


TRUNK = draw(40, 1)
PROMPTS = [TRUNK[:12], TRUNK, torch.cat([TRUNK[:30], draw(9, 7)])]
OUTPUTS = [[draw(5, 10 * number), draw(2, number)] for number in range(3)]


def alone(model: Any) -> Tensor:
    """One pass a prompt and output."""
    found = []
    for prompt, group in zip(PROMPTS, OUTPUTS, strict=True):
        for output in group:
            ids = torch.cat([prompt, output])
            logps = torch.log_softmax(model(ids[None], use_cache=False).logits[0].double(), -1)
            found.append(logps[len(prompt) - 1 : -1].gather(-1, output[:, None])[:, 0])
    return torch.cat(found)


@pytest.mark.parametrize("kind", EXACT)
def test_the_tree_pass_is_exact(kind: str) -> None:
    model = build(kind, EXACT[kind])
    assert why_not_shared(model) == ""
    with InDouble(), torch.no_grad():
        expected = alone(model)
        for attention in ["mask"] if why_not_merged(model, "cpu", "float64") else ["mask", "merge"]:
            groups, _ = tree_logps(model, grow(PROMPTS, OUTPUTS), attention=attention)
            found = torch.cat([output for group in groups for output in group])
            torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize(("kind", "settings", "reason"), REFUSED, ids=[f"{row[0]}-{row[2]}" for row in REFUSED])
def test_a_model_it_would_be_wrong_for_is_refused(kind: str, settings: dict[str, Any], reason: str) -> None:
    assert reason in why_not_shared(build(kind, settings))
