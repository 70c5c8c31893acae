"""Run the stages of a configuration one after the other in one run directory, each from the weights of the last."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from accelerate.utils.memory import clear_device_cache

from srl_agent.choices import Machine
from srl_agent.config import Config
from srl_agent.cpu import give_back_memory
from srl_agent.domain import Domain, StepSets
from srl_agent.errors import ConfigError
from srl_agent.frozen import engine_of, settle_adapters, stands_on, starts_alike
from srl_agent.hooks import Hooks
from srl_agent.progress import Progress
from srl_agent.run_dir import (
    append_jsonl,
    best_checkpoint,
    check_space,
    complete_checkpoints,
    forget_after,
    marker,
    remove_remains,
)

STAGES = {
    "sft": "srl_agent.stage_sft:run_sft",
    "srl": "srl_agent.stage_srl:run_srl",
    "rlvr": "srl_agent.stage_rlvr:run_rlvr",
}
"""Names of training methods to import paths of functions (StageContext, weights to start from) -> None."""


@dataclass(frozen=True)
class StageContext:
    """What a stage works with."""

    config: Config
    run: Path
    stage: str
    machine: Machine
    domain: Domain
    steps: StepSets
    tokenizer: Any
    floors: Mapping[str, float]
    """Mean rewards of outputs that need no skill, to read the training reward against."""
    progress: Progress
    known: Mapping[str, float] = field(default_factory=dict)
    """Held-out figures of the weights that the stage starts from, where the stage before it has them."""
    started_from: str = ""
    """The checkpoint of the stage before, as `<stage>/<name>`; empty for the first stage."""

    @property
    def folder(self) -> Path:
        """Where the stage keeps its checkpoints."""
        return self.run / self.stage

    def check_length(self) -> None:
        """ConfigError where this stage has already taken more steps than it is to take."""
        done = self.latest()
        if done and marker(done)["step"] > self.optimiser_steps:
            raise ConfigError(
                f"{self.stage}.max_steps: {self.optimiser_steps} optimiser steps, but {done} has taken more; a run can "
                "be made longer, and what it has done stays: leave the setting out"
            )

    def latest(self) -> Path | None:
        """The last complete checkpoint of this stage, to go on from."""
        found = complete_checkpoints(self.folder)
        return found[-1] if found else None

    @property
    def optimiser_steps(self) -> int:
        """As configured, or enough for the epochs, at one prompt a group."""
        if self.stage == "sft":
            section, batch = self.config.sft, self.config.sft.batch_size
            examples = len(self.steps.supervised or self.steps.train)
            return section.max_steps or math.ceil(section.epochs * examples / batch)
        grpo = self.config.grpo(self.stage)
        return grpo.max_steps or math.ceil(grpo.epochs * len(self.steps.train) / grpo.prompts_per_step)

    @property
    def checkpoints(self) -> int:
        """How many of the stage's checkpoints stand on the disk at once, at the most."""
        trainer, steps = self.config.trainer, self.optimiser_steps
        every = min(filter(None, (trainer.save_every, self.config.eval.every)))
        kept = min(trainer.keep_checkpoints + 1, -(-steps // every))  # those to go on from, and the best
        return kept + (steps > every)  # while one is written, the oldest is still there

    def check_space(self, model: Any) -> None:
        """Refuse to begin where the stage's checkpoints would not fit on the disk."""
        saved = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        check_space(self.folder, saved, self.checkpoints, self.machine.sharding)

    def step_done(self) -> None:
        """Called after each optimiser step."""
        if not self.machine.accelerator:
            give_back_memory()

    def log(self, step: int, record: dict[str, Any]) -> None:
        """Add a record to the run's metrics, on the main process."""
        if self.machine.main:
            append_jsonl(self.run / "metrics.jsonl", [{"stage": self.stage, "step": step, **record}])


def run_stages(make_context: Callable[[str], StageContext], stages: tuple[str, ...], model: str) -> Path:
    """Run each stage that is not finished yet, from the best checkpoint of the one before; returns the last one's best.

    Killed runs go on where they were saved.
    """
    weights, known, started_from = model, dict[str, float](), ""
    for stage in stages:
        context = replace(make_context(stage), started_from=started_from)
        if started_from and _starts_alike(context):
            context = replace(context, known=known)
        checkpoint = context.latest()
        _check_start(context, checkpoint)
        if checkpoint is None or marker(checkpoint)["step"] < context.optimiser_steps:
            if context.machine.main:
                _clear(context, checkpoint)
            module, _, function = STAGES[stage].partition(":")
            getattr(importlib.import_module(module), function)(context, weights)
            clear_device_cache(garbage_collection=True)  # a trainer is a ring of references: the next needs its room
        else:
            context.progress.say(f"{stage}: finished before, {checkpoint}")
        best = best_checkpoint(context.folder)
        if best is None:
            raise RuntimeError(f"stage {stage} ended without a checkpoint in {context.folder}")
        weights, known, started_from = str(best), marker(best).get("held_out", {}), f"{stage}/{best.name}"
        if best != context.latest():
            context.progress.say(f"{stage}: the best of its checkpoints is {best}, not the last")
    return Path(weights)


def make_ready(context: StageContext, trainer: Any, hooks: Hooks, weights: str) -> None:
    """What a trainer of ours lacks once TRL has put adapters on its policy. ConfigError where its checkpoints would not
    fit on the disk."""
    trainer.hooks = hooks
    settle_adapters(context.config, trainer.model, weights)
    trainer.stands_on = stands_on(context.config, weights)
    context.check_space(trainer.model)


def _check_start(context: StageContext, checkpoint: Path | None) -> None:
    """Refuse to go on with a stage whose weights began elsewhere: one before it has other checkpoints now."""
    before = marker(checkpoint).get("started_from", context.started_from) if checkpoint else context.started_from
    if before != context.started_from:
        raise ConfigError(
            f"stages: {context.stage} was trained from {before}, and the best of the stage before it is now "
            f"{context.started_from}; leave {context.stage} out, or begin a new run with --output"
        )


def _starts_alike(context: StageContext) -> bool:
    """Whether the stage holds the weights it starts from as the stage before it did, so that its figures are known."""
    settled, before = (context.config, context.machine), context.started_from.partition("/")[0]
    return starts_alike(*settled, (engine_of(*settled, stage) for stage in (before, context.stage)))


def _clear(context: StageContext, checkpoint: Path | None) -> None:
    """Take away what a killed run left behind its last complete checkpoint."""
    forget_after(context.run, context.stage, marker(checkpoint)["step"] if checkpoint else -1)
    for name in remove_remains(context.folder):
        context.progress.say(f"{context.stage}: {name} was not written to the end, removed")
