"""Hands the events of a transformers Trainer to plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback


class Hooks(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Calls one function for each log record and one after each optimiser step."""

    def __init__(
        self, on_log: Callable[[int, dict[str, Any]], None], on_step: Callable[[int], None] | None = None
    ) -> None:
        self.on_log_record, self.on_step = on_log, on_step

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """A record of one optimiser step; the summary at the end of training is left out."""
        if logs and "train_runtime" not in logs:
            self.on_log_record(state.global_step, dict(logs))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """After each optimiser step, before a checkpoint is written."""
        if state.global_step >= state.max_steps:
            control.should_save = True  # the last step is always saved
        if self.on_step is not None:
            self.on_step(state.global_step)
