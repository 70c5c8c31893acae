"""What any transformers Trainer of ours does besides training: hand its events on, mark its checkpoints complete."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from srl_agent.models import rebase
from srl_agent.run_dir import MARKER, write_json


class Hooks(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Calls one function for each log record and one after each optimiser step."""

    def __init__(self, on_log: Callable[[int, dict[str, Any]], None]) -> None:
        self.on_log_record = on_log
        self.on_step: Callable[[int], bool] = lambda step: False
        """Called after each optimiser step; whether to save now."""
        self.on_logged: Callable[[], None] = lambda: None
        """Called behind the log record of an optimiser step, which comes after `on_step`."""
        self.on_begin: Callable[[Any], None] = lambda state: None
        """Called when training begins, with the trainer's state as it was loaded."""
        self.started_from = ""
        """What the markers say of the weights that the stage began with."""
        self._begun = False
        self._waiting: list[Callable[[], None]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ours is called after the trackers', which are now open."""
        self.on_begin(state)
        self._begun = True
        for tell in self._waiting:
            tell()
        self._waiting.clear()

    def track(self, trainer: Any, record: dict[str, float]) -> None:
        """Hand figures that no step logs to the trackers of `trainer.report_to`, at the current step.

        Before training begins they wait: a tracker that is told too early opens a log of its own in another place.
        """

        def tell() -> None:
            others = [callback for callback in trainer.callback_handler.callbacks if callback is not self]
            for callback in others:
                callback.on_log(trainer.args, trainer.state, trainer.control, logs=dict(record), model=trainer.model)

        if self._begun:
            tell()
        else:
            self._waiting.append(tell)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """A record of one optimiser step; the summary at the end of training is left out."""
        if logs and "train_runtime" not in logs:
            self.on_log_record(state.global_step, dict(logs))
            self.on_logged()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """After each optimiser step, before a checkpoint is written."""
        if state.global_step >= state.max_steps:
            control.should_save = True  # the last step is always saved
        if self.on_step(state.global_step):
            control.should_save = True


def mark_complete(trainer: Any, stage: str, state: dict[str, Any]) -> None:
    """Write the marker into the checkpoint that was just saved; every process leaves when it stands there."""
    trainer.accelerator.wait_for_everyone()
    folder = Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.global_step}"
    if trainer.accelerator.is_main_process:
        # TRL's copy of the adapters that the stage began with, for the KL term, is made anew at a resumption; where it
        # stands in a checkpoint, transformers reads it and not the adapters that are trained.
        shutil.rmtree(folder / "ref", ignore_errors=True)
        if trainer.stands_on:
            rebase(folder, trainer.stands_on)
        evaluated, figures, score = trainer.evaluated
        record = {
            "stage": stage,
            "step": trainer.state.global_step,
            "max_steps": trainer.state.max_steps,
            **({"held_out": figures, "score": score} if evaluated == trainer.state.global_step else {}),
            "started_from": trainer.hooks.started_from,
            "files": sorted(path.name for path in folder.iterdir()),
            **state,
        }
        write_json(folder / MARKER, record)
    trainer.accelerator.wait_for_everyone()  # the next stage looks for the marker on every process
