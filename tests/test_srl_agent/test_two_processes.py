"""Two processes share one run: one directory, whole batches, metrics over both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from srl_agent.testing import save_tiny

SETTINGS = {
    "model.dtype": "float32",
    "stages": "[sft,srl]",
    "sft.max_steps": 1,
    "sft.batch_size": 4,
    "sft.micro_batch_size": 2,
    "srl.max_steps": 2,
    "srl.prompts_per_step": 4,
    "srl.rollouts": 3,
    "srl.learning_rate": 1e-2,
    "srl.max_completion_tokens": 8,
    "srl.dynamic_sampling.max_refills": 20,
    "trainer.threads": 1,
}


def test_two_processes_fill_one_batch_and_write_one_run(tmp_path: Path) -> None:
    save_tiny(tmp_path / "model")
    options = [f"{key}={value}" for key, value in {**SETTINGS, "model.name": tmp_path / "model"}.items()]
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "srl_agent", "train"]
    words += ["--domain", "srl_agent.testing:ToyDomain", "--preset", "smoke"]
    words += [part for option in options for part in ("--set", option)]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert "2 processes" in result.stdout
    assert "loss pass  plain" in result.stdout
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    updates = [row for row in rows if "srl/groups_used" in row]
    assert [row["srl/groups_used"] for row in updates] == [4.0, 4.0]
    for row in updates:
        groups = [json.loads(line) for line in (run / f"samples/srl-{row['step']:06d}.jsonl").read_text().splitlines()]
        assert row["srl/kept_ratio"] == sum(group["kept"] for group in groups) / len(groups)
        assert len(groups) % 2 == 0  # both processes sample as many
