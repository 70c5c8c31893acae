"""Which checkpoint of a stage is its best, also when a run goes on under another path, and where a stage began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from srl_agent.config import Config, EvalConfig
from srl_agent.errors import ConfigError
from srl_agent.hooks import Hooks
from srl_agent.run_dir import write_json
from srl_agent.stage_evaluation import Evaluation
from srl_agent.stages import _check_start


@dataclass
class Context:
    """As much of a stage's context as an evaluation reads."""

    folder: Path
    known: dict[str, float] = field(default_factory=dict)
    started_from: str = ""
    stage: str = "srl"
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.config = Config(eval=EvalConfig(every=1))
        self.steps = SimpleNamespace(held_out=[1])
        self.progress = SimpleNamespace(say=self.said.append, warn=self.said.append)

    def step_done(self) -> None:
        """Nothing to give back."""

    def log(self, step: int, record: dict[str, Any]) -> None:
        """Nothing is written here."""


def evaluation(context: Context, rewards: Sequence[float]) -> Evaluation:
    """Of a trainer that has made three steps at most, with these rewards at its evaluations."""
    hooks = SimpleNamespace(track=lambda trainer, record: None)
    state = SimpleNamespace(max_steps=3, best_metric=None, best_model_checkpoint=None)
    left = iter(rewards)

    def figures() -> dict[str, float]:
        return {"reward": next(left), "reward_stderr": 0.0, "exact_match": 0.0, "format_error_rate": 0.0}

    return Evaluation(context, SimpleNamespace(hooks=hooks, state=state), figures)  # type: ignore[arg-type]


def test_each_new_best_is_saved_and_named(tmp_path: Path) -> None:
    found = evaluation(Context(tmp_path), [0.2, 0.3, 0.1, 0.4])
    found.begin()
    assert [found.after(step) for step in (1, 2, 3)] == [True, False, True]
    assert found.trainer.state.best_model_checkpoint == str(tmp_path / "checkpoint-3")


def test_figures_are_told_behind_the_line_of_their_step(tmp_path: Path) -> None:
    context = Context(tmp_path)
    found = evaluation(context, [0.2, 0.3])
    found.begin()
    hooks = Hooks(lambda step, record: context.said.append(f"srl {step}/3"))
    hooks.on_step, hooks.on_logged = found.trainer.hooks.on_step, found.trainer.hooks.on_logged
    state, control = SimpleNamespace(global_step=1, max_steps=3), SimpleNamespace(should_save=False)
    hooks.on_step_end(None, state, control)
    hooks.on_log(None, state, control, {"loss": 0.0})
    assert [line.partition(":")[0] for line in context.said] == [
        "held-out after 0 steps",
        "srl 1/3",
        "held-out after 1 steps",
    ]


def test_a_resumed_run_finds_its_best_under_the_present_path(tmp_path: Path) -> None:
    for step, score in ((1, 0.5), (2, 0.4)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        write_json(tmp_path / f"checkpoint-{step}" / "complete.json", {"step": step, "score": score})
    found = evaluation(Context(tmp_path), [0.45])
    state = found.trainer.state
    state.best_metric, state.best_model_checkpoint = 0.5, "elsewhere/checkpoint-1"
    found.trainer.hooks.on_begin(state)
    assert state.best_model_checkpoint == str(tmp_path / "checkpoint-1")
    assert found.after(3) is False


def test_a_stage_that_only_lost_says_so(tmp_path: Path) -> None:
    context = Context(tmp_path)
    found = evaluation(context, [0.5, 0.4, 0.3, 0.2])
    found.begin()
    for step in (1, 2, 3):
        found.after(step)
    found.trainer.hooks.on_logged()
    assert (
        "no checkpoint of this stage is as good on what is held out as its start: reward 0.400 against 0.500"
        in context.said
    )


def test_a_stage_does_not_go_on_from_weights_that_began_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-1").mkdir()
    write_json(tmp_path / "checkpoint-1" / "complete.json", {"step": 1, "started_from": "sft/checkpoint-2"})
    context: Any = Context(tmp_path, started_from="sft/checkpoint-6")
    with pytest.raises(ConfigError, match="srl was trained from sft/checkpoint-2"):
        _check_start(context, tmp_path / "checkpoint-1")
    context.started_from = "sft/checkpoint-2"
    _check_start(context, tmp_path / "checkpoint-1")
