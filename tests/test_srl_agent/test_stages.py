"""What one stage leaves to the next."""

from __future__ import annotations

import gc
from pathlib import Path

import torch

from srl_agent.cli import main
from srl_agent.testing import save_tiny

SETTINGS = {
    "model.dtype": "float32",
    "sft.max_steps": 1,
    "srl.max_steps": 1,
    "srl.prompts_per_step": 2,
    "srl.rollouts": 2,
    "srl.max_completion_tokens": 8,
    "data.held_out_steps": 1,
}


def live_weights() -> int:
    """Numbers in the tensors that need a gradient, all over this process."""
    return sum(found.numel() for found in gc.get_objects() if type(found) is torch.nn.Parameter)


def test_the_weights_of_a_finished_stage_are_let_go(tmp_path: Path) -> None:
    model = str(save_tiny(tmp_path / "model"))
    before = live_weights()
    words = ["train", "--domain", "srl_agent.testing:ToyDomain", "--preset", "smoke", "--model.name", model]
    words += ["--stages", "sft,srl", "--output", str(tmp_path / "run")]
    assert main([*words, *[part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]]) == 0
    assert live_weights() <= before
