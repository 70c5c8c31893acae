"""The whole path on the embedded model and the bundled set, in its shortest form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from transformers import AutoConfig

from srl_agent.models import EMBEDDED, embedded_model, load_tokenizer

SHORT = {
    "sft.max_steps": 1,
    "sft.batch_size": 2,
    "sft.micro_batch_size": 2,
    "srl.max_steps": 1,
    "srl.prompts_per_step": 2,
    "srl.rollouts": 2,
    "srl.max_completion_tokens": 8,
    "srl.dynamic_sampling.max_refills": 1,
    "data.held_out_steps": 2,
    "trainer.threads": 1,  # two threads wait for each other where another program takes a core
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The run directory and the terminal output of a short main job."""
    run = tmp_path_factory.mktemp("main") / "run"
    options = [part for key, value in SHORT.items() for part in ("--set", f"{key}={value}")]
    words = [sys.executable, "-m", "srl_agent", "train", "--domain", "swe", "--preset", "smoke", *options]
    result = subprocess.run([*words, "--output", str(run)], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return run, result.stdout


def test_it_says_what_it_chose_and_where_the_results_are(finished: tuple[Path, str]) -> None:
    run, output = finished
    for word in ("smollm2-135m", "engine", "transformers", "sandbox", "reward floors", "loss pass", "held-out"):
        assert word in output
    for place in ("srl/checkpoint-1", "metrics.jsonl", "samples", "config.yaml", "srl-agent train"):
        assert place in output.split("Done")[-1]
    assert str(run) in output


def test_no_model_card_of_a_model_without_a_name_stands_there(finished: tuple[Path, str]) -> None:
    run, _ = finished
    assert (run / "srl" / "checkpoint-1").is_dir()
    assert list(run.rglob("README.md")) == []


def test_its_last_line_goes_on_with_the_settings_of_the_run(finished: tuple[Path, str]) -> None:
    run, output = finished
    line = next(line for line in output.splitlines() if line.startswith("go on"))
    words = line.split()[2:]
    assert words[0] == "srl-agent"
    dry = [sys.executable, "-m", "srl_agent", *words[1:], "--dry-run"]
    result = subprocess.run(dry, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert f"name: {run / 'srl' / 'checkpoint-1'}" in result.stdout
    assert "max_completion_tokens: 8\n" in result.stdout


def test_outputs_that_break_the_format_are_said_loudly(finished: tuple[Path, str]) -> None:
    # Eight tokens cannot hold a thought and a call, so every output breaks the format and nothing can be learnt.
    assert "WARNING: every output breaks the format; the sft stage was too short to teach it" in finished[1]
    assert "no group had differing rewards" in finished[1]
    assert "all outputs were cut; raise srl.max_completion_tokens (8)" in finished[1]


def test_the_run_directory_holds_everything(finished: tuple[Path, str]) -> None:
    run = finished[0]
    record = json.loads((run / "run.json").read_text())
    assert record["reward"]["first"] == "policy"
    assert record["train_steps"] > 100
    assert len(record["data_sha256"]) == 64
    assert yaml.safe_load((run / "config.yaml").read_text())["srl"]["rollouts"] == 2
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [(row["stage"], row["step"], "held_out/reward" in row) for row in rows]
    assert steps == [
        ("sft", 0, True),
        ("sft", 1, True),
        ("sft", 1, False),
        ("srl", 0, True),
        ("srl", 1, True),
        ("srl", 1, False),
    ]
    assert rows[-1]["srl/format_error_rate"] == 1.0
    groups = [json.loads(line) for line in (run / "samples/srl-000001.jsonl").read_text().splitlines()]
    assert len(groups) == 4  # two groups and one refill of two
    assert all(output["reward"] == -1.0 for group in groups for output in group["outputs"])


def test_the_parts_of_a_step_are_timed(finished: tuple[Path, str]) -> None:
    run, output = finished
    row = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    copied = {"time/sync"} if "bfloat16" in output else set()  # in float32 the policy itself samples
    parts = {name: seconds for name, seconds in row.items() if name.startswith("time/")}
    assert set(parts) == {"time/rollout", "time/reward", "time/loss", "time/other"} | copied
    assert all(seconds > 0 for seconds in parts.values())


def test_the_checkpoint_is_in_hugging_face_layout(finished: tuple[Path, str]) -> None:
    folder = finished[0] / "srl" / "checkpoint-1"
    assert AutoConfig.from_pretrained(folder).model_type == "llama"
    assert load_tokenizer(str(folder)).eos_token == "<|im_end|>"
    assert (folder / "model.safetensors").stat().st_size > 500_000_000


def test_the_embedded_model_ends_a_turn_where_its_chat_template_does() -> None:
    tokenizer: Any = load_tokenizer(EMBEDDED)
    assert tokenizer.eos_token_id == AutoConfig.from_pretrained(embedded_model()).eos_token_id
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    text = tokenizer.apply_chat_template([{"role": "assistant", "content": "x"}], tokenize=False)
    assert text.rstrip().endswith(tokenizer.eos_token)
