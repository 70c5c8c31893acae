"""A run that is killed goes on to exactly what an unbroken run gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from srl_agent.testing import save_tiny

TIMES = ("step_time", "runtime", "per_second", "time/")
STEPS = 9


def command(model: Path, run: Path) -> list[str]:
    settings = {
        "model.name": model,
        "model.dtype": "float32",
        "sft.max_steps": 4,
        "sft.batch_size": 4,
        "sft.micro_batch_size": 2,
        "sft.learning_rate": 1e-3,
        "srl.max_steps": STEPS,
        "srl.prompts_per_step": 4,
        "srl.rollouts": 3,
        "srl.micro_batch_prompts": 2,
        "srl.learning_rate": 1e-2,
        "srl.max_completion_tokens": 8,
        "rlvr.max_steps": 3,
        "rlvr.prompts_per_step": 2,
        "rlvr.rollouts": 3,
        "rlvr.learning_rate": 1e-2,
        "rlvr.max_completion_tokens": 8,
        "eval.every": 2,
        "srl.dynamic_sampling.eps": 0.03,  # some groups are dropped, some rest, some are carried over
        "srl.dynamic_sampling.max_oversampling": 3,
        "srl.dynamic_sampling.rest_epochs": 1,
        "trainer.save_every": 3,
        "trainer.threads": 1,
        "stages": "[sft,srl,rlvr]",
    }
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    domain = ["--domain", "srl_agent.testing:ToyDomain"]
    return [sys.executable, "-m", "srl_agent", "train", *domain, "--preset", "smoke", *options, "--output", str(run)]


def metrics(run: Path) -> list[dict[str, Any]]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if not any(t in k for t in TIMES)} for line in lines]


def before_rlvr(run: Path) -> list[dict[str, Any]]:
    return [row for row in metrics(run) if row["stage"] != "rlvr"]


def kill_at(words: list[str], run: Path, stage: str, step: int) -> None:
    """Start the run and kill it, without a chance to clean up, once the stage has logged that step."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        path = run / "metrics.jsonl"
        if path.exists() and f'"stage": "{stage}", "step": {step},' in path.read_text():
            break
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def unbroken(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("unbroken") / "run"
    subprocess.run(command(model, run), check=True, stdout=subprocess.DEVNULL)
    return run


@pytest.mark.parametrize(
    ("stage", "step"),
    [
        ("sft", 2),
        pytest.param("srl", 1, marks=pytest.mark.slow),
        ("srl", 5),
        pytest.param("srl", 7, marks=pytest.mark.slow),
        ("rlvr", 2),
    ],
)
def test_a_killed_run_resumes_to_the_metrics_and_weights_of_an_unbroken_one(
    model: Path, unbroken: Path, tmp_path: Path, stage: str, step: int
) -> None:
    run = tmp_path / "run"
    kill_at(command(model, run), run, stage, step)
    subprocess.run(
        [sys.executable, "-m", "srl_agent", "train", "--resume", str(run)], check=True, stdout=subprocess.DEVNULL
    )
    assert metrics(run) == metrics(unbroken)
    weights = [load_file(folder / "rlvr/checkpoint-3/model.safetensors") for folder in (run, unbroken)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])
    samples = [sorted(path.name for path in (folder / "samples").iterdir()) for folder in (run, unbroken)]
    assert samples[0] == samples[1]


def test_a_finished_run_goes_on_to_more_steps_as_if_it_had_never_ended(
    model: Path, unbroken: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = [*command(model, run), "--stages", "sft,srl", "--srl.max_steps", "6"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    words = [sys.executable, "-m", "srl_agent", "train", "--resume", str(run), "--srl.max_steps", str(STEPS)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    assert metrics(run) == before_rlvr(unbroken)


def test_a_killed_save_costs_no_complete_checkpoint(model: Path, unbroken: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = [*command(model, run), "--stages", "sft,srl", "--srl.max_steps", "6", "--trainer.save_every", "1"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    (run / "srl" / "checkpoint-6" / "complete.json").unlink()  # as a kill between weights and marker leaves it
    resume = [sys.executable, "-m", "srl_agent", "train", "--resume", str(run), "--srl.max_steps", str(STEPS)]
    output = subprocess.run(resume, check=True, capture_output=True, text=True).stdout
    assert "checkpoint-6 was not written to the end, removed" in output
    assert metrics(run) == before_rlvr(unbroken)


def test_a_finished_run_is_left_as_it_is(unbroken: Path) -> None:
    before = (unbroken / "metrics.jsonl").read_bytes()
    words = [sys.executable, "-m", "srl_agent", "train", "--resume", str(unbroken)]
    output = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert "finished before" in output
    assert (unbroken / "metrics.jsonl").read_bytes() == before


def test_a_run_cannot_be_made_shorter_than_it_is(unbroken: Path) -> None:
    before = (unbroken / "config.yaml").read_bytes()
    words = [sys.executable, "-m", "srl_agent", "train", "--resume", str(unbroken), "--srl.max_steps", "2"]
    result = subprocess.run(words, capture_output=True, text=True)
    assert result.returncode != 0
    assert "srl.max_steps: 2 optimiser steps, but" in result.stderr.replace("\n", " ")
    assert (unbroken / "config.yaml").read_bytes() == before
