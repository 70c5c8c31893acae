"""Rows of SWE-Gym's raw OpenHands samples: `messages` with `tool_calls`, observations as `role: tool`."""

from __future__ import annotations

from trajectories.fields import Row, get_flag, get_name, optional_text
from trajectories.formats.build import episode_of
from trajectories.formats.chat import assemble, count_messages, read_messages
from trajectories.formats.observations import strip_label
from trajectories.report import Reading, Where

__all__ = ["count_messages", "looks_like", "read_row"]

NAME = "swegym-openhands"


def looks_like(row: Row) -> bool:
    """Whether the row has an instance and messages with function calls."""
    messages = row.get("messages")
    if "instance_id" not in row or "info" in row or not isinstance(messages, list):
        return False
    return any(isinstance(m, dict) and (m.get("tool_calls") or m.get("role") == "tool") for m in messages)


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one row; ParseError names the field that is not what it should be."""
    conversation = assemble(read_messages(row, strip_label))
    run = optional_text(row, "run_id")
    return episode_of(
        conversation,
        source=NAME,
        where=where,
        instance_id=get_name(row, "instance_id"),
        run=run,
        resolved=get_flag(row, "resolved"),
        meta={"run_id": run},
    )
