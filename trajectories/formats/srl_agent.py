"""Our own Episode rows; each turn counts as one message in the loss report."""

from __future__ import annotations

from trajectories.codec import episode_from_json
from trajectories.errors import ParseError
from trajectories.fields import Row
from trajectories.report import Reading, Where


def looks_like(row: Row) -> bool:
    """Whether the row names one of our schemas."""
    schema = row.get("schema")
    return isinstance(schema, str) and schema.startswith("srl-agent/")


def count_messages(row: Row) -> int:
    """How many turns the row holds, 0 where they are no list."""
    turns = row.get("turns")
    return len(turns) if isinstance(turns, list) else 0


def read_row(row: Row, where: Where) -> Reading:
    """The episode as it was written; `where` is not noted, so that reading changes nothing."""
    episode = episode_from_json(row)
    if not episode.turns:
        raise ParseError("turns: expected at least one")
    return Reading(episode, kept=len(episode.turns))
