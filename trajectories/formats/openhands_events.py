"""Rows of OpenHands 0.x `output.jsonl`: a `history` of action and observation events, older ones in pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import Row, get_list, optional_text, wrong
from trajectories.formats.build import episode_of
from trajectories.formats.chat import content_text
from trajectories.formats.event_log import CONDENSATION, FOREIGN_ACTION, STATE, EventLog
from trajectories.formats.openhands_actions import event_action, event_arguments
from trajectories.formats.openhands_rows import find_instance_id, find_model, find_resolved
from trajectories.formats.tools import value_text
from trajectories.records import Action
from trajectories.report import Reading, Where

NAME = "openhands-events"

_NULL = "null event (a placeholder)"
_RECALL = "recall of knowledge about the workspace"
_UNRECORDED = "error whose call is not in the log"
_DROPPED = {
    "null": _NULL,
    "recall": _RECALL,
    "microagent": _RECALL,
    "workspace_context": _RECALL,
    "condensation": CONDENSATION,
    "condensation_request": CONDENSATION,
    "condense": CONDENSATION,
    "summarize": CONDENSATION,
    **dict.fromkeys(
        ("change_agent_state", "agent_state_changed", "start", "pause", "resume", "stop", "loop_recovery"), STATE
    ),
}
"""Kind of an action or observation that is no part of the conversation, and why (openhands/core/schema)."""


def looks_like(row: Row) -> bool:
    """Whether the history holds events; an empty one counts where the row is an evaluation's."""
    history = row.get("history")
    if not history:
        return "history" in row and "test_result" in row and "instruction" in row
    return isinstance(history, list) and any(_is_event(event) for event in _flat(history))


def _is_event(event: Any) -> bool:
    if not isinstance(event, dict) or "role" in event:
        return False
    return isinstance(event.get("action"), str) or isinstance(event.get("observation"), str)


def count_messages(row: Row) -> int:
    """How many events the history holds; a pair holds two."""
    history = row.get("history")
    return sum(len(entry) if isinstance(entry, list) else 1 for entry in history) if isinstance(history, list) else 0


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one row; ParseError names the field that is not what it should be.

    An action is the model's own call as the event's `tool_call_metadata` keeps it. Observations name the event they
    answer in `cause`; logs without ids (the earliest, and pairs) have each behind its action.
    """
    if not row.get("history"):
        raise ParseError(f"history: no event in it; the run's error is {optional_text(row, 'error')[:200]!r}")
    log = EventLog()
    first_message = True
    for place, event in enumerate(_flat(get_list(row, "history"))):
        if not isinstance(event, dict):
            raise wrong(f"history event {place}", "an object", event)
        try:
            first_message = _add(log, event, first_message)
        except ParseError as error:
            raise ParseError(f"history event {place}: {error}") from error
    return episode_of(
        log.conversation(),
        source=NAME,
        where=where,
        instance_id=find_instance_id(row),
        resolved=find_resolved(row),
        meta={"model": find_model(row), "error": optional_text(row, "error")},
    )


def _flat(history: list[Any]) -> Iterator[Any]:
    for entry in history:
        yield from entry if isinstance(entry, list) else (entry,)


def _add(log: EventLog, event: Row, first_message: bool) -> bool:
    """Add one event; says whether the first message is still to come."""
    action, observation = event.get("action"), event.get("observation")
    if isinstance(action, str):
        return _add_action(log, event, action, first_message)
    if not isinstance(observation, str):
        raise ParseError("expected the kind of an action or an observation under 'action' or 'observation'")
    _add_observation(log, event, observation)
    return first_message


def _add_action(log: EventLog, event: Row, kind: str, first_message: bool) -> bool:
    event_id = _id(event.get("id"))
    if kind in _DROPPED:
        log.drop_action(_DROPPED[kind], event_id)
    elif kind == "system":
        log.system()
    elif kind == "message":
        log.say(_speaker(event, first_message), content_text(event_arguments(event).get("content"), "content"))
        return False
    elif event.get("source") not in (None, "agent"):
        log.drop_action(FOREIGN_ACTION, event_id)
    else:
        performed = event_action(event, kind)
        log.act(event_id, _thought(event, kind, performed), performed)
    return first_message


def _speaker(event: Row, first_message: bool) -> str:
    """Who sent a message; the earliest logs do not say, but only the agent waits for a response."""
    source = event.get("source")
    if source is None:
        waits = bool(event_arguments(event).get("wait_for_response"))
        return "assistant" if waits and not first_message else "user"
    return "assistant" if source == "agent" else "user"


def _thought(event: Row, kind: str, action: Action) -> str:
    """The text before the call; later logs keep the provider's reasoning beside it.

    That of a think event ends with the argument of the tool (openhands/agenthub/codeact_agent/function_calling.py).
    """
    thought = event_arguments(event).get("thought")
    if isinstance(thought, dict):
        parts = [content_text(thought.get(key), f"args.thought.{key}") for key in ("reasoning_content", "text")]
        return "\n\n".join(part for part in parts if part.strip())
    text = content_text(thought, "args.thought")
    return text.removesuffix(dict(action.arguments).get("thought", "")).rstrip() if kind == "think" else text


def _add_observation(log: EventLog, event: Row, kind: str) -> None:
    cause = _id(event.get("cause"))
    if kind in _DROPPED:
        log.drop(_DROPPED[kind])
    elif kind == "error" and not cause and "id" in event:
        log.drop(_UNRECORDED)
    else:
        log.answer(cause, _observation_text(event, kind))


def _id(value: Any) -> str:
    """An event's number as text; none, and the number below 0 that stands for none, are empty."""
    known = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return str(value) if known else value if isinstance(value, str) else ""


def _observation_text(event: Row, kind: str) -> str:
    """The content between the terminal's prefix and suffix, as the agent saw it."""
    text = content_text(event.get("content"), "content")
    extras = event.get("extras")
    if not isinstance(extras, dict):
        return text
    if kind == "delegate" and not text.strip() and extras.get("outputs"):
        return value_text(extras["outputs"])
    terminal = extras.get("metadata")
    return around(terminal, text) if isinstance(terminal, dict) else text


def around(terminal: Row, text: str) -> str:
    """A command's output with what the terminal recorded before and after it (openhands/events/observation)."""
    return optional_text(terminal, "prefix", "metadata.") + text + optional_text(terminal, "suffix", "metadata.")
