"""Rows of Nebius' SWE-agent trajectories: `trajectory` is a list of role, text and, once, system prompt."""

from __future__ import annotations

import re
from typing import Any

from trajectories.fields import Row, get_flag, get_list, get_name, get_text, optional_text, wrong
from trajectories.formats.build import episode_of
from trajectories.formats.chat import ChatMessage
from trajectories.formats.observations import strip_label
from trajectories.formats.sweagent_messages import assemble_without, fenced_turn, is_demonstration
from trajectories.report import Reading, Where

NAME = "nebius-sweagent"
_RUN_SUFFIX = re.compile(r"(.+-\d+)_(\d+)")


def looks_like(row: Row) -> bool:
    """Whether the row has a trajectory of roles and texts, and a `target`."""
    turns = row.get("trajectory")
    if not isinstance(turns, list) or not turns:
        return False
    return all(
        isinstance(turn, dict) and "role" in turn and ("text" in turn or "system_prompt" in turn) for turn in turns
    )


def count_messages(row: Row) -> int:
    """How many messages the row holds, 0 where they are no list."""
    turns = row.get("trajectory")
    return len(turns) if isinstance(turns, list) else 0


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one row; `target` says whether the patch solved the task.

    Some ids end in the number of the run (`plumbum-366_17`), which is no part of the task's.
    """
    turns = [_read(turn, f"trajectory[{place}]") for place, turn in enumerate(get_list(row, "trajectory"))]
    name = get_name(row, "instance_id").strip()
    run = _RUN_SUFFIX.fullmatch(name)
    return episode_of(
        assemble_without(turns),
        source=NAME,
        where=where,
        instance_id=run[1] if run else name,
        run=run[2] if run else "",
        resolved=get_flag(row, "target"),
        meta={"model": optional_text(row, "model_name"), "exit_status": optional_text(row, "exit_status")},
    )


def _read(turn: Any, path: str) -> tuple[ChatMessage, bool]:
    """The message, and whether it is a demonstration."""
    if not isinstance(turn, dict):
        raise wrong(path, "an object", turn)
    role = get_text(turn, "role", f"{path}.")
    text = optional_text(turn, "text", f"{path}.") or optional_text(turn, "system_prompt", f"{path}.")
    message = fenced_turn(text) if role == "ai" else ChatMessage(role, strip_label(text))
    return message, is_demonstration(turn, text)
