"""SWE-agent's `.traj` files, 0.x and 1.x: one object a file with `history`, `trajectory` and `info`.

The history is what the agent saw and said; of `trajectory` only the last entry is needed, for the last turn or its
observation, which some versions leave out of the history. A file without a history is read from the messages that
entry holds: `messages` before 1.1, `query` since. Not read: turns that only `trajectory` has in between (the agent
was asked again and its history forgot them), and the YAML demonstrations that configurations are built from.
"""

from __future__ import annotations

import json
from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import Row, get_flag, get_object, optional_text
from trajectories.formats.build import episode_of
from trajectories.formats.sweagent_messages import is_exit, read_history
from trajectories.formats.task_names import name_by_file
from trajectories.report import Reading, Where

NAME = "sweagent"
_ROLES = ("system", "user", "assistant")
_BESIDE = ("trajectory", "info", "environment", "replay_config")
_MARKS = ("agent", "message_type", "is_demo")
"""What tells its history from any other list of messages: keys beside it, or of its first message."""


def looks_like(row: Row) -> bool:
    """Whether the object has a history of chat messages, or steps with a state and the messages that led to them."""
    history, steps = row.get("history"), row.get("trajectory")
    if isinstance(history, list) and history:
        first = history[0]
        chat = isinstance(first, dict) and first.get("role") in _ROLES and "content" in first
        return chat and (any(key in row for key in _BESIDE) or any(key in first for key in _MARKS))
    return isinstance(steps, list) and any(isinstance(step, dict) and "response" in step for step in steps)


def count_messages(row: Row) -> int:
    """Messages of the history, and of the last step what the history lacks."""
    return len(_messages(row))


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one file. SWE-agent does not say whether the task was solved, unless someone added `resolved`."""
    messages = _messages(row)
    if not messages:
        raise ParseError("history: expected a list of messages, or steps with 'messages' or 'query', found neither")
    info = get_object(row, "info") if row.get("info") is not None else {}
    replay = _replay(row)
    return episode_of(
        read_history(messages),
        source=NAME,
        where=where,
        instance_id=optional_text(row, "instance_id").strip()
        or _text(replay, "problem_statement", "id")
        or name_by_file(where)[0],
        resolved=get_flag(row, "resolved"),
        meta={
            "model": _text(replay, "agent", "model", "name"),
            "exit_status": optional_text(info, "exit_status", "info."),
            "version": optional_text(info, "swe_agent_version", "info."),
        },
    )


def _messages(row: Row) -> list[Any]:
    """The history and, where it ends too early, the last turn or its observation."""
    steps = row.get("trajectory")
    last = steps[-1] if isinstance(steps, list) and steps and isinstance(steps[-1], dict) else {}
    choices = (row.get("history"), last.get("messages"), last.get("query"))
    history = next((choice for choice in choices if isinstance(choice, list) and choice), [])
    return [*history, *_missing(history, steps if isinstance(steps, list) else [], last)] if history else []


def _missing(history: list[Any], steps: list[Any], step: Row) -> list[Row]:
    """What the last step has and the history does not."""
    action, thought, observation = (step.get(key) for key in ("action", "thought", "observation"))
    if not isinstance(action, str) or not action.strip() or is_exit(str(step.get("response")), action):
        return []
    output: list[Row] = (
        [{"role": "user", "content": observation}] if isinstance(observation, str) and observation else []
    )
    said = [message for message in history if isinstance(message, dict) and message.get("role") == "assistant"]
    if said and _times_at_end(said, action, thought) >= _times_at_end(steps, action, thought):
        return output if said[-1] is history[-1] else []
    return [{"role": "assistant", "content": step.get("response"), "action": action, "thought": thought}, *output]


def _times_at_end(turns: list[Any], action: str, thought: object) -> int:
    """How many turns, up to the last, are that one: an agent may say the same again."""
    times = 0
    for turn in reversed(turns):
        if not isinstance(turn, dict) or (turn.get("action"), turn.get("thought")) != (action, thought):
            break
        times += 1
    return times


def _replay(row: Row) -> Row:
    """The run's configuration, an object or its JSON text; empty where it cannot be read, as it gives only names."""
    replay = row.get("replay_config")
    if isinstance(replay, str):
        try:
            replay = json.loads(replay)
        except (ValueError, RecursionError):
            return {}
    return replay if isinstance(replay, dict) else {}


def _text(row: Row, *keys: str) -> str:
    value: Any = row
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value.strip() if isinstance(value, str) else ""
