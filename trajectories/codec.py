"""Episodes and steps as plain JSON data and back; what goes to disk loads without these classes."""

from __future__ import annotations

from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import (
    Row,
    get_flag,
    get_int,
    get_list,
    get_name,
    get_object,
    get_text,
    optional_text,
    wrong,
)
from trajectories.records import EPISODE_SCHEMA, Action, Episode, Message, StepExample, Turn
from trajectories.render import is_name


def episode_to_json(episode: Episode) -> dict[str, Any]:
    """The episode as one JSON object with its schema."""
    return {
        "schema": EPISODE_SCHEMA,
        "instance_id": episode.instance_id,
        "traj_id": episode.traj_id,
        "task": episode.task,
        "turns": [_turn_to_json(turn) for turn in episode.turns],
        "resolved": episode.resolved,
        "source": episode.source,
        "meta": dict(episode.meta),
    }


def episode_from_json(row: Row) -> Episode:
    """Inverse of `episode_to_json`; ParseError names the field that is not what it should be."""
    schema = row.get("schema")
    if schema != EPISODE_SCHEMA:
        raise ParseError(f"schema: expected '{EPISODE_SCHEMA}', found {str(schema)[:60]!r}; convert the file again")
    meta = get_object(row, "meta") if "meta" in row else {}
    return Episode(
        instance_id=get_name(row, "instance_id"),
        traj_id=get_name(row, "traj_id"),
        task=get_text(row, "task"),
        turns=tuple(_turn_from_json(raw, f"turns[{place}]") for place, raw in enumerate(get_list(row, "turns"))),
        resolved=get_flag(row, "resolved"),
        source=get_text(row, "source"),
        meta={key: get_text(meta, key, "meta.") for key in meta},
    )


def step_to_json(step: StepExample) -> dict[str, Any]:
    """The step as one row with the columns of the steps file."""
    return {
        "prompt": [{"role": message.role, "content": message.content} for message in step.prompt],
        "expert_action": step.expert_action,
        "expert_thought": step.expert_thought,
        "instance_id": step.instance_id,
        "traj_id": step.traj_id,
        "step": step.step,
        "n_steps": step.n_steps,
        "source": step.source,
        "resolved": step.resolved,
    }


def step_from_json(row: Row) -> StepExample:
    """Inverse of `step_to_json`; ParseError names the field that is not what it should be."""
    return StepExample(
        prompt=tuple(_message(raw, f"prompt[{place}]") for place, raw in enumerate(get_list(row, "prompt"))),
        expert_action=get_text(row, "expert_action"),
        expert_thought=optional_text(row, "expert_thought"),
        instance_id=get_text(row, "instance_id"),
        traj_id=get_text(row, "traj_id"),
        step=get_int(row, "step"),
        n_steps=get_int(row, "n_steps"),
        source=get_text(row, "source"),
        resolved=get_flag(row, "resolved"),
    )


def _turn_to_json(turn: Turn) -> dict[str, Any]:
    action: dict[str, Any] = {
        "tool": turn.action.tool,
        "arguments": [list(argument) for argument in turn.action.arguments],
    }
    if turn.action.original:
        action["original"] = turn.action.original
    return {"thought": turn.thought, "action": action, "observation": turn.observation}


def _turn_from_json(raw: Any, path: str) -> Turn:
    if not isinstance(raw, dict):
        raise wrong(path, "an object with thought, action and observation", raw)
    action = get_object(raw, "action", f"{path}.")
    return Turn(
        thought=get_text(raw, "thought", f"{path}."),
        action=Action(
            tool=_name(get_text(action, "tool", f"{path}.action."), f"{path}.action.tool"),
            arguments=tuple(
                _argument(pair, f"{path}.action.arguments[{place}]")
                for place, pair in enumerate(get_list(action, "arguments", f"{path}.action."))
            ),
            original=optional_text(action, "original", f"{path}.action."),
        ),
        observation=get_text(raw, "observation", f"{path}."),
    )


def _argument(pair: Any, path: str) -> tuple[str, str]:
    if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
        raise wrong(path, "a list of name and value, both text", pair)
    return _name(pair[0], path), pair[1]


def _name(name: str, path: str) -> str:
    if not is_name(name):
        raise ParseError(f"{path}: expected a name of letters, digits, '_', '.', '-', found {name[:60]!r}")
    return name


def _message(raw: Any, path: str) -> Message:
    if not isinstance(raw, dict):
        raise wrong(path, "an object with role and content", raw)
    return Message(get_text(raw, "role", f"{path}."), get_text(raw, "content", f"{path}."))
