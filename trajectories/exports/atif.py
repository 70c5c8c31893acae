"""ATIF trajectories, one an episode: what `trajectories.formats.atif` reads back to the same turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from trajectories.exports import ExportSettings
from trajectories.exports.calls import json_arguments
from trajectories.records import Episode

VERSION = "ATIF-v1.5"


def rows(episodes: Iterable[Episode], settings: ExportSettings) -> Iterator[dict[str, Any]]:
    """One trajectory an episode: a user's step with the task, then one agent's step a turn.

    ATIF has no field for task and outcome; they stand in `extra`, which the format leaves free. Nothing of
    `settings` is used: the trajectory is the expert's own.
    """
    for episode in episodes:
        yield trajectory(episode)


def trajectory(episode: Episode) -> dict[str, Any]:
    """The trajectory of one episode; ParseError where a call cannot be said in JSON."""
    turns = [_agent_step(episode, k) for k in range(1, len(episode.turns) + 1)]
    return {
        "schema_version": VERSION,
        "session_id": episode.traj_id,
        "agent": _agent(episode),
        "steps": [{"step_id": 1, "source": "user", "message": episode.task}, *turns],
        "extra": {
            "instance_id": episode.instance_id,
            "traj_id": episode.traj_id,
            "resolved": episode.resolved,
            "source": episode.source,
            "meta": dict(episode.meta),
        },
    }


def _agent(episode: Episode) -> dict[str, str]:
    """Name and version are required by the format; the format read stands in for a name that is not known."""
    agent = {"name": episode.meta.get("agent") or episode.source, "version": episode.meta.get("version") or "unknown"}
    model = episode.meta.get("model")
    return {**agent, "model_name": model} if model else agent


def _agent_step(episode: Episode, k: int) -> dict[str, Any]:
    turn = episode.turns[k - 1]
    call_id = f"call_{k}"
    call = {
        "tool_call_id": call_id,
        "function_name": turn.action.tool,
        "arguments": json_arguments(episode, k),
    }
    step = {"step_id": k + 1, "source": "agent", "message": turn.thought, "tool_calls": [call]}
    if turn.observation:
        step["observation"] = {"results": [{"source_call_id": call_id, "content": turn.observation}]}
    return step
