"""How many processes share a run, and by which pass the loss is computed, changes nothing but its speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from srl_agent.testing import save_tiny

SETTINGS = {
    "model.dtype": "float32",
    "stages": "[rlvr]",
    "rlvr.max_steps": 3,
    "rlvr.prompts_per_step": 4,
    "rlvr.rollouts": 3,
    "rlvr.learning_rate": 1e-3,
    "trainer.threads": 1,
}


def train(model: Path, run: Path, processes: int = 1, loss_pass: str = "auto") -> list[dict[str, float]]:
    """The records of the optimiser steps of a run on rollouts that do not depend on random numbers."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    words = [sys.executable, *(launch if processes > 1 else []), "-m", "srl_agent", "train", "--output", str(run)]
    words += ["--domain", "srl_agent.testing:FixedDomain", "--preset", "smoke"]
    settings = {**SETTINGS, "model.name": model, "trainer.loss_pass": loss_pass}
    words += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if "rlvr/reward" in row]


def test_one_and_two_processes_give_the_same_weights(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "model")
    curves = [train(model, tmp_path / str(count), count) for count in (1, 2)]
    assert [row["rlvr/reward"] for row in curves[0]] == [row["rlvr/reward"] for row in curves[1]]
    one, two = (load_file(tmp_path / count / "rlvr/checkpoint-3/model.safetensors") for count in ("1", "2"))
    start = load_file(model / "model.safetensors")
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=1e-5, rtol=0)  # sums in another order, then AdamW
    assert max(float((weight - start[name]).abs().max()) for name, weight in one.items()) > 1e-3


def test_both_passes_give_the_same_training_curve(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "model")
    shared, plain = (train(model, tmp_path / name, loss_pass=name) for name in ("shared", "plain"))
    for name in ("grad_norm", "entropy", "rlvr/reward"):  # the loss itself is 0 where ratios are 1
        assert [row[name] for row in shared] == pytest.approx([row[name] for row in plain], abs=2e-5), name
    assert len({row["grad_norm"] for row in shared}) == SETTINGS["rlvr.max_steps"], "a curve that moves"
