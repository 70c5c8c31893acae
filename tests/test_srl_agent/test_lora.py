"""Training adapters instead of all weights: both stages, the checkpoint, and going on from it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from srl_agent.cli import main
from srl_agent.models import load_policy
from srl_agent.testing import save_tiny

SETTINGS = {
    "model.dtype": "float32",
    "lora.rank": 4,
    "sft.max_steps": 2,
    "sft.batch_size": 4,
    "sft.learning_rate": 1e-2,
    "srl.max_steps": 2,
    "srl.prompts_per_step": 2,
    "srl.rollouts": 3,
    "srl.learning_rate": 1e-2,
    "srl.max_completion_tokens": 6,
    "trainer.threads": 1,
}


def train(run: Path, model: Path, **more: object) -> None:
    settings = {**SETTINGS, "model.name": model, **more}
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    domain = ["--domain", "srl_agent.testing:ToyDomain", "--preset", "smoke"]
    assert main(["train", *domain, *options, "--output", str(run)]) == 0


@pytest.mark.parametrize("loss_pass", ["shared", "plain"])
def test_both_stages_train_adapters_and_the_next_run_starts_from_them(tmp_path: Path, loss_pass: str) -> None:
    base = save_tiny(tmp_path / "model")
    train(tmp_path / "run", base, **{"trainer.loss_pass": loss_pass})
    checkpoint = tmp_path / "run" / "srl" / "checkpoint-2"
    assert (checkpoint / "adapter_model.safetensors").stat().st_size < 100_000
    start, trained = load_policy(str(base)).state_dict(), load_policy(str(checkpoint)).state_dict()
    changed = {name for name, weight in trained.items() if not torch.equal(weight, start[name])}
    assert changed and all("proj" in name for name in changed)
    train(tmp_path / "on", checkpoint, **{"stages": "[srl]", "trainer.loss_pass": loss_pass})
    assert (tmp_path / "on" / "srl" / "checkpoint-2" / "complete.json").is_file()
