"""What `srl-agent train` says of data, model and settings before it trains."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from srl_agent.cli import main
from srl_agent.config import Config
from srl_agent.config_load import dump_config, load_config
from srl_agent.domain import Scorer
from srl_agent.run_dir import read_jsonl, write_json, write_text
from srl_agent.testing import ToyDomain, save_tiny
from trajectories.records import Action, Episode, Turn
from trajectories.store import write_episodes


def one_task(path: Path) -> Path:
    """Four runs of one task."""

    def run(number: int) -> Episode:
        turns = tuple(Turn("why", Action("bash", (("command", f"ls {number} {k}"),)), "ok") for k in range(3))
        return Episode("o__a-1", f"o__a-1@{number}", "mend it", turns, True, "srl-agent")

    write_episodes(path, [run(number) for number in range(4)])
    return path


def train(tmp_path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """The lines of a dry run of the smoke preset with a tiny model."""
    model = str(save_tiny(tmp_path / "model"))
    assert main(["train", "--preset", "smoke", "--dry-run", "--model.name", model, *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_stages_that_are_never_evaluated_are_named_with_what_follows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = train(tmp_path, capsys, "--data", str(one_task(tmp_path / "mine.jsonl")))
    warning = next(line for line in lines if line.startswith("WARNING: no evaluation in"))
    assert "sft, srl" in warning and "their last checkpoint is taken" in warning


def test_nothing_held_out_on_purpose_is_said_without_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = train(tmp_path, capsys, "--data", str(one_task(tmp_path / "mine.jsonl")), "--data.held_out_episodes", "0")
    assert any(line.startswith("no evaluation in sft, srl") for line in lines)


def test_rows_that_could_not_be_read_are_named_with_line_and_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = one_task(tmp_path / "mine.jsonl")
    path.write_text('{"broken": \n' + path.read_text(encoding="utf-8") + '{"foo": 1}\n', encoding="utf-8")
    lines = train(tmp_path, capsys, "--data", str(path))
    warning = next(line for line in lines if line.startswith("WARNING: 2 of 6 rows could not be read"))
    assert "mine.jsonl:1: " in warning and "mine.jsonl:6: " in warning
    assert f"srl-agent data stats {path}" in warning


def test_the_settings_of_a_preset_are_shown_where_its_model_is_out_of_reach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--preset", "paper-swe", "--dry-run", "--model.name", str(tmp_path / "none")]) == 2
    said = capsys.readouterr()
    assert "max_prompt_tokens: 10240" in said.out
    assert "memory: unknown, as the model is out of reach" in said.out
    assert "model.name" in said.err


def test_a_folder_that_is_no_model_says_what_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--preset", "smoke", "--dry-run", "--model.name", str(tmp_path)]) == 2
    assert f"the folder '{tmp_path}' holds no model: it has neither config.json" in capsys.readouterr().err


def test_the_seed_is_an_option_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "seed: 3" in train(tmp_path, capsys, "--domain", f"{__name__}:Interrupted", "--seed", "3")


class Interrupted(ToyDomain):
    """Ctrl-C when a stage begins."""

    def scorer(self, config: Config) -> Scorer:
        """Where the run directory stands already."""
        raise KeyboardInterrupt


def test_an_interrupted_run_is_named_with_how_it_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, model = tmp_path / "run", str(save_tiny(tmp_path / "model"))
    words = ["--domain", f"{__name__}:Interrupted", "--preset", "smoke", "--model.name", model, "--output", str(run)]
    assert main(["train", *words, "--stages", "srl"]) == 130
    said = capsys.readouterr()
    assert f"srl-agent train --resume {run}" in said.out
    assert said.err.endswith("srl-agent: interrupted\n")
    assert (run / "config.yaml").is_file()


def test_a_run_without_samples_announces_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, model = tmp_path / "run", str(save_tiny(tmp_path / "model"))
    settings = [("stages", "[sft]"), ("sft.max_steps", "2"), ("model.name", model)]
    config = load_config(preset="smoke", domain="srl_agent.testing:ToyDomain", overrides=settings)
    write_text(run / "config.yaml", dump_config(config))
    write_json(run / "run.json", {"data_sha256": "toy"})
    write_json(run / "sft" / "checkpoint-2" / "complete.json", {"stage": "sft", "step": 2})
    assert main(["train", "--resume", str(run)]) == 0
    said = capsys.readouterr().out
    assert str(run / "metrics.jsonl") in said
    assert str(run / "samples") not in said


def test_steps_in_which_nothing_differs_leave_the_weights_and_compute_no_loss(tmp_path: Path) -> None:
    run, model = tmp_path / "run", save_tiny(tmp_path / "model")
    settings = {
        "stages": "[srl]",
        "srl.max_steps": 2,
        "srl.max_completion_tokens": 8,
        "srl.dynamic_sampling.eps": 10,
        "srl.dynamic_sampling.max_refills": 0,
        "data.held_out_episodes": 0,
        "model.dtype": "float32",
    }
    words = ["--domain", "srl_agent.testing:ToyDomain", "--preset", "smoke", "--model.name", str(model)]
    words += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    assert main(["train", *words, "--output", str(run)]) == 0
    rows = [row for row in read_jsonl(run / "metrics.jsonl") if "srl/groups_used" in row]
    assert [(row["srl/groups_used"], row["srl/tokens_computed"]) for row in rows] == [(0.0, 0.0)] * 2
    before, after = (load_file(folder / "model.safetensors") for folder in (model, run / "srl" / "checkpoint-2"))
    assert all(torch.equal(before[name], after[name]) for name in before)
