"""Episodes in the forms that other trainers and tools read; an export is one small module with `rows`.

What a prompt shows, what a supervised target looks like and which steps there are is the caller's to say, so that an
export shows the policy exactly what training does. Left out: token budgets, which `steps_of` may hold.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from trajectories.errors import ParseError
from trajectories.records import Episode, StepExample

EXPORTS = {
    "steps": "trajectories.exports.steps",
    "trl-sft": "trajectories.exports.trl_sft",
    "trl-sft-steps": "trajectories.exports.trl_sft_steps",
    "atif": "trajectories.exports.atif",
    "pivot": "trajectories.exports.pivot",
}
"""Name of an export to the import path of its module."""


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What the exports need to be told; each uses what it needs."""

    system_prompt: str
    """Opens each full trace; empty for none."""
    steps_of: Callable[[Episode], Sequence[StepExample]]
    """The steps of an episode, with their prompts."""
    supervised_target: Callable[[StepExample], str]
    """What the policy should write at a step: the expert's thought and action in the output format."""
    max_observation_chars: int = 8000
    """Longer observations of a full trace keep their head and tail."""


class Export(Protocol):
    """What an export's module supplies."""

    def rows(self, episodes: Iterable[Episode], settings: ExportSettings) -> Iterator[dict[str, Any]]:
        """JSON objects, in the order of the episodes; ParseError names the episode that cannot be written."""
        ...


def find_export(name: str) -> Export:
    """The export of that name; ParseError lists the known names."""
    if name not in EXPORTS:
        raise ParseError(f"export: unknown name '{name}'; known: {', '.join(EXPORTS)}")
    return cast(Export, importlib.import_module(EXPORTS[name]))
