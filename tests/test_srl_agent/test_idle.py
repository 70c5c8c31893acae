"""Settings that do nothing are said, and none of the shipped ones is."""

from __future__ import annotations

from typing import Any

import pytest

from srl_agent.config_load import load_config, validate
from srl_agent.idle import idle_settings
from srl_agent.presets import preset_names


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"lora": {"targets": "q_proj"}}, "lora.rank"),
        ({"stages": ["rlvr", "sft"]}, "sft behind rlvr"),
        ({"srl": {"target": "episode", "batching": "steps:2"}}, "srl.batching does nothing"),
        ({"reward": {"name": "gated", "text": "wrapped"}}, "reward.text does nothing"),
    ],
)
def test_a_setting_that_does_nothing_beside_others_is_said(tree: dict[str, Any], words: str) -> None:
    (line,) = idle_settings(validate(tree))
    assert words in line


@pytest.mark.parametrize("name", preset_names())
def test_no_shipped_preset_has_one(name: str) -> None:
    assert idle_settings(load_config(preset=name)) == []
