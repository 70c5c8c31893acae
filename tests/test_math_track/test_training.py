"""`srl-agent train --domain math` on the bundled problems: every stage and target, and a killed run that goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from srl_agent.cli import main
from srl_agent.config_load import load_config
from srl_agent.domain import find_domain
from srl_agent.presets import preset_names
from srl_agent.testing import save_tiny

SETTINGS = {
    "model.dtype": "float32",
    "data.max_prompt_tokens": 2048,  # the tiny model's tokens are bytes
    "data.held_out_steps": 2,
    "sft.max_steps": 2,
    "sft.batch_size": 2,
    "sft.micro_batch_size": 2,
    "srl.max_steps": 2,
    "srl.prompts_per_step": 2,
    "srl.rollouts": 2,
    "srl.max_completion_tokens": 6,
    "rlvr.max_steps": 2,
    "rlvr.prompts_per_step": 2,
    "rlvr.rollouts": 2,
    "rlvr.max_completion_tokens": 6,
    "rlvr.max_rollout_tokens": 6,
    "trainer.threads": 1,
}
TIMES = ("step_time", "runtime", "per_second", "time/")


def words(run: Path, model: Path, **more: object) -> list[str]:
    settings = {**SETTINGS, "model.name": model, **more}
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return ["train", "--domain", "math", "--preset", "smoke-math", *options, "--output", str(run)]


def metrics(run: Path) -> list[dict[str, Any]]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if not any(t in k for t in TIMES)} for line in lines]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(
    ("stage", "settings"),
    [
        ("sft", {"sft.target": "step"}),
        ("sft", {"sft.target": "trace"}),
        ("sft", {"sft.target": "outline"}),
        ("srl", {"srl.target": "step"}),
        ("srl", {"srl.target": "step", "options.solution_tag": True, "options.next_title": False}),
        ("srl", {"srl.target": "episode"}),
        ("rlvr", {}),
    ],
)
def test_every_stage_and_target_trains(tmp_path: Path, model: Path, stage: str, settings: dict[str, object]) -> None:
    assert main(words(tmp_path / "run", model, stages=f"[{stage}]", **settings)) == 0
    assert (tmp_path / "run" / stage / "checkpoint-2" / "complete.json").is_file()
    found = [row for row in metrics(tmp_path / "run") if "held_out/reward" in row]
    assert [row["step"] for row in found] == [0, 2]


def test_the_terminal_says_what_was_read_and_what_grades(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words(tmp_path / "run", model, stages="[srl,rlvr]"), "--dry-run"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "666 of 252 problems to train on, 164 of 60 problems held out" in shown
    assert "rlvr: problems with an answer: 252 of 252 to train on, 60 of 60 held out" in shown
    assert "grader math-verify" in shown
    assert "sandbox" not in shown.partition("preset:")[0]
    assert "the title alone" in shown


def test_a_dry_run_shows_a_step_as_the_stages_see_it(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words(tmp_path / "run", model, stages="[sft,srl]"), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    example = shown.partition("example: ")[2].partition("settings =")[0]
    assert ", step 2 of " in example.partition("\n")[0]
    for part in ("[user]\nProblem: ", "Steps so far:\n1. **", "Next step: 2. "):
        assert part in example
    action = example.partition("compares with]\n")[2].partition("[supervised")[0]
    assert action.startswith("2. **") and example.rstrip().endswith(action.rstrip())
    assert "stage teaches]\n<think>The next step is: " in example


def test_without_an_sft_stage_no_supervised_target_is_shown(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words(tmp_path / "run", model, stages="[rlvr]"), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "expert action: what the reward compares with" in shown and "supervised target" not in shown


def test_a_killed_run_resumes_to_the_metrics_and_weights_of_an_unbroken_one(tmp_path: Path, model: Path) -> None:
    settings = {
        "stages": "[srl,rlvr]",
        "srl.learning_rate": 1e-2,
        "rlvr.learning_rate": 1e-2,
        "srl.max_completion_tokens": 24,
        "trainer.save_every": 1,
    }
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main(words(whole, model, **settings)) == 0
    code = (
        "import os, signal, sys\n"
        "from srl_agent.cli import main\n"
        "from srl_agent.stages import StageContext\n"
        "log = StageContext.log\n"
        "def killed(self, step, record):\n"
        "    log(self, step, record)\n"
        "    if (self.stage, step) == ('rlvr', 2): os.kill(os.getpid(), signal.SIGKILL)\n"
        "StageContext.log = killed\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *words(broken, model, **settings)], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert main(["train", "--resume", str(broken)]) == 0
    assert metrics(broken) == metrics(whole)
    weights = [load_file(run / "rlvr/checkpoint-2/model.safetensors") for run in (whole, broken)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("name", [name for name in preset_names() if name.endswith("-math")])
def test_the_presets_for_mathematics_are_taken_by_the_domain(name: str) -> None:
    config = load_config(preset=name, domain="math")
    assert find_domain("math").load_steps(config, len).train
    assert config.data.held_out_episodes == 60


def test_the_preset_of_another_domain_is_refused_with_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--domain", "math", "--preset", "smoke", "--dry-run"]) == 2
    assert "smoke-math" in capsys.readouterr().err


def test_a_model_is_scored_on_the_held_out_steps_without_training(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    start = ["eval", "steps", "--domain", "math", "--preset", "smoke-math", "--model.name", str(model)]
    assert main([*start, *settings, "--output", str(tmp_path / "scores")]) == 0
    assert "the title alone" in capsys.readouterr().out
    assert len((tmp_path / "scores" / "outputs.jsonl").read_text().splitlines()) == 2
