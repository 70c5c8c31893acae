"""Which models the shared loss pass is refused for."""

from __future__ import annotations

from srl_agent.loss_pass import why_not_shared
from srl_agent.testing import FAMILIES, tiny_model


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
