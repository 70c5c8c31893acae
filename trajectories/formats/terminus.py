"""The JSON answers of Harbor's Terminus agent as actions, for trajectories that keep its raw text."""

from __future__ import annotations

import json
from typing import Any

from trajectories.formats.tools import canonical_action, value_text
from trajectories.records import Action


def split_commands(text: str) -> tuple[str, list[Action]] | None:
    """(thought, actions) of `{"analysis": .., "plan": .., "commands": [..], "task_complete": ..}`, None for all else.

    The actions are named as Terminus names them where it writes calls: `bash_command` with its keystrokes as they
    were, and for the task's end `mark_task_complete`, our `submit`.
    """
    if not text.lstrip().startswith("{"):
        return None
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None  # the agent's harness refused it too: a turn without a call, which the caller accounts for
    commands = answer.get("commands")
    if not isinstance(commands, list) or not all(_is_command(command) for command in commands):
        return None
    actions = [_command(command) for command in commands]
    if answer.get("task_complete") is True:
        actions.append(canonical_action("mark_task_complete", []))
    words = [
        f"{label}: {answer[key]}" for label, key in (("Analysis", "analysis"), ("Plan", "plan")) if answer.get(key)
    ]
    return "\n".join(words), actions


def _is_command(command: Any) -> bool:
    return isinstance(command, dict) and isinstance(command.get("keystrokes"), str)


def _command(command: dict[str, Any]) -> Action:
    named = [(key, value_text(command[key])) for key in ("keystrokes", "duration") if command.get(key) is not None]
    return canonical_action("bash_command", named)
