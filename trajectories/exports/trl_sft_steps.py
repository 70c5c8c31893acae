"""TRL's conversational prompt and completion, one row a step: supervised training on single steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from trajectories.exports import ExportSettings
from trajectories.records import Episode


def rows(episodes: Iterable[Episode], settings: ExportSettings) -> Iterator[dict[str, Any]]:
    """One row a step; TRL's SFTTrainer takes the loss over the completion alone."""
    for episode in episodes:
        for step in settings.steps_of(episode):
            yield {
                "prompt": [{"role": message.role, "content": message.content} for message in step.prompt],
                "completion": [{"role": "assistant", "content": settings.supervised_target(step)}],
                "instance_id": step.instance_id,
                "traj_id": step.traj_id,
                "step": step.step,
                "n_steps": step.n_steps,
                "source": step.source,
                "resolved": step.resolved,
            }
