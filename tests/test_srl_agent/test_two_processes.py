"""Two processes share one run: one directory, whole batches, metrics over both, one result by either loss pass."""

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
    "stages": "[sft,srl]",
    "sft.max_steps": 1,
    "sft.batch_size": 4,
    "sft.micro_batch_size": 2,
    "srl.max_steps": 4,
    "srl.prompts_per_step": 4,
    "srl.rollouts": 3,
    "srl.learning_rate": 1e-3,
    "srl.max_completion_tokens": 8,
    "srl.dynamic_sampling.max_refills": 20,
    "srl.dynamic_sampling.eps": 0.03,  # the processes keep unlike numbers of groups, and carry some over
    "srl.dynamic_sampling.max_oversampling": 3,
    "eval.tasks": 3,
    "trainer.threads": 1,
}


def train(folder: Path, loss_pass: str) -> tuple[Path, str]:
    """The run directory and the terminal output of a run of two processes."""
    settings = {**SETTINGS, "model.name": folder / "model", "trainer.loss_pass": loss_pass}
    words = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        "-m",
        "srl_agent",
        "train",
    ]
    words += ["--domain", "srl_agent.testing:ToyDomain", "--preset", "smoke"]
    words += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    place = folder / loss_pass
    place.mkdir()
    result = subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    (run,) = (place / "runs").iterdir()
    return run, result.stdout


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("two")
    save_tiny(folder / "model")
    return train(folder, "shared")


def test_two_processes_fill_one_batch_and_write_one_run(shared: tuple[Path, str]) -> None:
    run, output = shared
    assert "2 processes" in output
    assert "loss pass  shared" in output
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    updates = [row for row in rows if "srl/groups_used" in row]
    assert [row["srl/groups_used"] for row in updates] == [4.0] * 4
    for row in updates:
        groups = [json.loads(line) for line in (run / f"samples/srl-{row['step']:06d}.jsonl").read_text().splitlines()]
        assert row["srl/kept_ratio"] == sum(group["kept"] for group in groups) / len(groups)
        assert len(groups) % 2 == 0  # both processes sample as many


def test_both_stages_play_the_held_out_tasks_at_each_evaluation(shared: tuple[Path, str]) -> None:
    rows = [json.loads(line) for line in (shared[0] / "metrics.jsonl").read_text().splitlines()]
    solved = [(row["stage"], row["step"], row["held_out/tasks_solved"]) for row in rows if "held_out/reward" in row]
    assert [place for *place, _ in solved] == [["sft", 0], ["sft", 1], ["srl", 0], ["srl", 4]]
    assert all(3 * share == round(3 * share) for _, _, share in solved)  # of three, whatever the processes
    assert "of the held-out tasks solved" in shared[1]


def test_the_shared_pass_reduces_gradients_over_processes_as_the_plain_one_does(shared: tuple[Path, str]) -> None:
    plain = train(shared[0].parents[2], "plain")[0]
    ours, theirs = (load_file(run / "srl" / "checkpoint-4" / "model.safetensors") for run in (shared[0], plain))
    start = load_file(shared[0].parents[2] / "model" / "model.safetensors")
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, atol=1e-5, rtol=0)
    assert any((weight - start[name]).abs().max() > 1e-3 for name, weight in theirs.items())
