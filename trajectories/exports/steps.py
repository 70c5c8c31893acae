"""Step rows as in a steps file: prompt, expert action and thought, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from trajectories.codec import step_to_json
from trajectories.exports import ExportSettings
from trajectories.records import Episode


def rows(episodes: Iterable[Episode], settings: ExportSettings) -> Iterator[dict[str, Any]]:
    """One row a step; `trajectories.read_steps` reads them back."""
    for episode in episodes:
        yield from map(step_to_json, settings.steps_of(episode))
