"""How many processes share a run changes nothing but its speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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


def train(model: Path, run: Path, processes: int) -> list[float]:
    """The training rewards of a run on rollouts that do not depend on random numbers."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    words = [sys.executable, *(launch if processes > 1 else []), "-m", "srl_agent", "train", "--output", str(run)]
    words += ["--domain", "srl_agent.testing:FixedDomain", "--preset", "smoke"]
    settings = {**SETTINGS, "model.name": model}
    words += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row["rlvr/reward"] for row in rows if "rlvr/reward" in row]


def test_one_and_two_processes_give_the_same_weights(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "model")
    rewards = [train(model, tmp_path / str(count), count) for count in (1, 2)]
    assert rewards[0] == rewards[1]
    one, two = (load_file(tmp_path / count / "rlvr/checkpoint-3/model.safetensors") for count in ("1", "2"))
    start = load_file(model / "model.safetensors")
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=1e-5, rtol=0)  # sums in another order, then AdamW
    assert max(float((weight - start[name]).abs().max()) for name, weight in one.items()) > 1e-3
