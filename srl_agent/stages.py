"""Run the stages of a configuration one after the other in one run directory, each from the weights of the last."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srl_agent.choices import Machine
from srl_agent.config import Config
from srl_agent.cpu import give_back_memory
from srl_agent.domain import Domain, StepSets
from srl_agent.progress import Progress
from srl_agent.run_dir import append_jsonl, check_space, complete_checkpoints, forget_after, marker, remove_remains

STAGES = {"sft": "srl_agent.stage_sft:run_sft", "srl": "srl_agent.stage_srl:run_srl"}
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

    @property
    def folder(self) -> Path:
        """Where the stage keeps its checkpoints."""
        return self.run / self.stage

    def latest(self) -> Path | None:
        """The last complete checkpoint of this stage, to go on from."""
        found = complete_checkpoints(self.folder)
        return found[-1] if found else None

    @property
    def optimiser_steps(self) -> int:
        """As configured, or enough for the epochs, at one prompt a group."""
        section = self.config.sft if self.stage == "sft" else self.config.srl
        batch = self.config.sft.batch_size if self.stage == "sft" else self.config.srl.prompts_per_step
        examples = len(self.steps.train if self.stage != "sft" else self.steps.supervised or self.steps.train)
        return section.max_steps or math.ceil(section.epochs * examples / batch)

    def check_space(self, model: Any) -> None:
        """Refuse to begin where the stage's checkpoints would not fit on the disk."""
        trainer, steps = self.config.trainer, self.optimiser_steps
        kept = min(trainer.keep_checkpoints, -(-steps // trainer.save_every))
        # While one is written, the oldest is still there.
        check_space(self.folder, model.num_parameters(), kept + (steps > trainer.save_every))

    def step_done(self) -> None:
        """Called after each optimiser step."""
        if not self.machine.accelerator:
            give_back_memory()

    def log(self, step: int, record: dict[str, Any]) -> None:
        """Add a record to the run's metrics, on the main process."""
        if self.machine.main:
            append_jsonl(self.run / "metrics.jsonl", [{"stage": self.stage, "step": step, **record}])


def run_stages(make_context: Callable[[str], StageContext], stages: tuple[str, ...], model: str) -> Path:
    """Run each stage that is not finished yet; returns the last checkpoint. Killed runs go on where they were saved."""
    weights = model
    for stage in stages:
        context = make_context(stage)
        checkpoint = context.latest()
        if checkpoint is None or marker(checkpoint)["step"] < context.optimiser_steps:
            if context.machine.main:
                _clear(context, checkpoint)
            module, _, function = STAGES[stage].partition(":")
            getattr(importlib.import_module(module), function)(context, weights)
            checkpoint = context.latest()
        else:
            context.progress.say(f"{stage}: finished before, {checkpoint}")
        if checkpoint is None:
            raise RuntimeError(f"stage {stage} ended without a checkpoint in {context.folder}")
        weights = str(checkpoint)
    return Path(weights)


def _clear(context: StageContext, checkpoint: Path | None) -> None:
    """Take away what a killed run left behind its last complete checkpoint."""
    forget_after(context.run, context.stage, marker(checkpoint)["step"] if checkpoint else -1)
    for name in remove_remains(context.folder):
        context.progress.say(f"{context.stage}: {name} was not written to the end, removed")
