"""Score the policy on what is held out, during a stage, and remember which checkpoint did best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from srl_agent.run_dir import best_checkpoint, marker
from srl_agent.stages import StageContext

NEVER: tuple[int, Mapping[str, float], float] = (-1, {}, 0.0)
"""A trainer's `evaluated` before an evaluation: (optimiser step, figures, the one that checkpoints compete by)."""
Figures = Callable[[], dict[str, float]]
"""Samples with the current weights and scores what is held out."""


class Evaluation:
    """The evaluations of one stage; `trainer` is any transformers Trainer of ours, with its `hooks`."""

    def __init__(self, context: StageContext, trainer: Any, figures: Figures, best_by: str = "reward") -> None:
        self.context, self.trainer, self.figures, self.best_by = context, trainer, figures, best_by
        self._at_start: float | None = None
        self._unsaid: list[Callable[[], None]] = []
        trainer.hooks.on_begin, trainer.hooks.on_step = self._find_best, self._on_step
        trainer.hooks.on_logged = self._say
        trainer.hooks.started_from = context.started_from

    def _find_best(self, state: Any) -> None:
        """What a resumed run knows as its best: by the checkpoints that are there, under their present names."""
        best = best_checkpoint(self.context.folder)
        score = marker(best).get("score") if best else None
        state.best_metric = score
        state.best_model_checkpoint = str(best) if best and score is not None else None

    def _on_step(self, step: int) -> bool:
        best = self.after(step)
        self.context.step_done()
        return best

    def begin(self) -> None:
        """Log the figures of the weights that the stage starts from, taken over from the stage before where known."""
        if self.context.steps.held_out:
            known = self.context.known
            self._log(0, known if self.best_by in known and "solved" not in known else self.figures())
            self._say()

    def after(self, step: int) -> bool:
        """Evaluate where it is due after an optimiser step; whether the weights are to be saved as the best so far.

        What there is to say stands behind the step's own line.
        """
        state, every = self.trainer.state, self.context.config.eval.every
        due = step == state.max_steps or (every and step % every == 0)
        if not due or not self.context.steps.held_out:
            return False
        figures = self.figures()
        self._log(step, figures)
        self.trainer.evaluated = (step, figures, figures[self.best_by])
        self._compare_with_start(step, max(figures[self.best_by], state.best_metric or -math.inf))
        if state.best_metric is not None and figures[self.best_by] <= state.best_metric:
            return False
        # transformers writes both into the checkpoint, and does not delete the one they name.
        state.best_metric = figures[self.best_by]
        state.best_model_checkpoint = str(self.context.folder / f"checkpoint-{step}")
        return True

    def _compare_with_start(self, step: int, best: float) -> None:
        if step == self.trainer.state.max_steps and self._at_start is not None and best < self._at_start:
            line = (
                f"no checkpoint of this stage is as good on what is held out as its start: {self.best_by} {best:.3f} "
                f"against {self._at_start:.3f}"
            )
            self._unsaid.append(partial(self.context.progress.warn, line))

    def _log(self, step: int, figures: Mapping[str, float]) -> None:
        record = {f"held_out/{name}": value for name, value in figures.items()}
        self.context.log(step, record)
        if step == 0:
            self._at_start = figures[self.best_by]
        self.trainer.hooks.track(self.trainer, record)
        solved = f"solved {figures['solved']:.3f}, " if "solved" in figures else ""
        what = "places to begin" if solved else "expert steps"
        played = f", {figures['tasks_solved']:.1%} of the held-out tasks solved" if "tasks_solved" in figures else ""
        played += f" ({failed:.1%} by no fault of theirs)" if (failed := figures.get("tasks_failed", 0.0)) else ""
        line = (
            f"held-out after {step} steps: {solved}reward {figures['reward']:.3f} +- {figures['reward_stderr']:.3f}, "
            f"exact {figures['exact_match']:.3f}, format errors {figures['format_error_rate']:.3f} "
            f"({len(self.context.steps.held_out)} {what} x {self.context.config.eval.rollouts}){played}"
        )
        self._unsaid.append(partial(self.context.progress.say, line))

    def _say(self) -> None:
        for say in self._unsaid:
            say()
        self._unsaid.clear()
