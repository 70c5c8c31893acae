"""Trackers: what `trainer.report_to` names gets the metrics of every stage, without a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from srl_agent.cli import main
from srl_agent.testing import save_tiny

SETTINGS = {
    "model.dtype": "float32",
    "stages": "[sft,srl]",
    "sft.max_steps": 1,
    "sft.batch_size": 2,
    "sft.micro_batch_size": 2,
    "srl.max_steps": 2,
    "srl.prompts_per_step": 2,
    "srl.rollouts": 2,
    "srl.max_completion_tokens": 6,
    "trainer.threads": 1,
}


def train(tmp_path: Path, tracker: str) -> int:
    settings = {**SETTINGS, "model.name": save_tiny(tmp_path / "model"), "trainer.report_to": tracker}
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    domain = ["--domain", "srl_agent.testing:ToyDomain", "--preset", "smoke"]
    return main(["train", *domain, *options, "--output", str(tmp_path / "run")])


def test_tensorboard_shows_what_the_run_s_metrics_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert train(tmp_path, "tensorboard") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "run"], "a log outside the run directory"
    shown: dict[str, dict[tuple[str, int], float]] = {"sft": {}, "srl": {}}
    for stage, found in shown.items():
        for file in (tmp_path / "run" / stage).glob("runs/*/events*"):
            log = EventAccumulator(str(file)).Reload()
            for tag in log.Tags()["scalars"]:
                found |= {(tag, event.step): event.value for event in log.Scalars(tag)}
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    wanted = (
        "loss",
        "srl/reward",
        "srl/kept_ratio",
        "srl/reward_kind/early",
        "held_out/reward",
        "held_out/exact_match",
    )
    held = {(row["stage"], name, row["step"]): row[name] for row in rows for name in wanted if name in row}
    assert {name for _, name, _ in held} == set(wanted)
    assert {step for stage, name, step in held if (stage, name) == ("srl", "held_out/reward")} == {0, 2}
    for (stage, name, step), value in held.items():
        assert shown[stage][f"train/{name}", step] == pytest.approx(value, rel=1e-5), (stage, name, step)


def test_a_tracker_that_is_not_there_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, "abacus") == 2
    assert "trainer.report_to: 'abacus' is unknown or not installed" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
