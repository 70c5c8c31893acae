"""Conversations of the OpenHands SDK (V1): typed events, one file each, or the `history` of an evaluation's row."""

from __future__ import annotations

from typing import Any

from trajectories.bundles import EVENTS_KEY
from trajectories.errors import ParseError
from trajectories.fields import Row, get_list, get_object, get_text, optional_text, wrong
from trajectories.formats.build import episode_of
from trajectories.formats.chat import content_text
from trajectories.formats.event_log import CONDENSATION, FOREIGN_ACTION, STATE, EventLog
from trajectories.formats.openhands_events import around
from trajectories.formats.openhands_rows import (
    INSTANCE_ID,
    find_instance_id,
    find_model,
    find_resolved,
    without_annotations,
)
from trajectories.formats.tools import json_call
from trajectories.report import Reading, Where

NAME = "openhands-sdk"

_DROPPED = {
    "Condensation": CONDENSATION,
    "CondensationRequest": CONDENSATION,
    "CondensationSummaryEvent": CONDENSATION,
    "ConversationStateUpdateEvent": STATE,
    "PauseEvent": STATE,
    "InterruptEvent": STATE,
}
_ANSWERS = ("ObservationEvent", "UserRejectObservation", "AgentErrorEvent")


def looks_like(row: Row) -> bool:
    """Whether the row is a folder of events, or its history holds events of the SDK."""
    if EVENTS_KEY in row:
        return True
    history = row.get("history")
    return isinstance(history, list) and any(isinstance(e, dict) and _kind(e).endswith("Event") for e in history)


def count_messages(row: Row) -> int:
    """How many events there are."""
    events = row.get(EVENTS_KEY, row.get("history"))
    return len(events) if isinstance(events, list) else 0


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one conversation; ParseError names the event and field that is not what it should be.

    The task is that of the row or of a workspace named like one; else it is named by its text, as the events do not
    say, and the conversation's own id names the run. Nothing tells whether a run solved its task, unless an
    evaluation's row does.
    """
    key = EVENTS_KEY if EVENTS_KEY in row else "history"
    log = EventLog()
    calls: dict[str, str] = {}
    for place, event in enumerate(get_list(row, key)):
        if not isinstance(event, dict):
            raise wrong(f"event {place}", "an object", event)
        try:
            _add(log, event, calls)
        except ParseError as error:
            raise ParseError(f"event {place}: {error}") from error
    state = get_object(row, "base_state") if row.get("base_state") is not None else {}
    return episode_of(
        log.conversation(),
        source=NAME,
        where=where,
        instance_id=_instance_id(row, state),
        run=optional_text(state, "id", "base_state.") or optional_text(row, "conversation"),
        resolved=find_resolved(row),
        meta={"model": _model(state) or find_model(row), "missing_events": str(row.get("missing_events") or "")},
    )


def _kind(event: Row) -> str:
    """The event's class; early releases wrote it with its module."""
    kind = event.get("kind")
    return kind.rpartition(".")[2] if isinstance(kind, str) else ""


def _add(log: EventLog, event: Row, calls: dict[str, str]) -> None:
    """Add one event; `calls` holds the ids of the calls and the events that made them."""
    kind = _kind(event)
    if kind == "ActionEvent":
        _add_action(log, event, calls)
    elif kind in _ANSWERS:
        log.answer(_answered(event, calls), _answer_text(event, kind))
    elif kind == "MessageEvent":
        log.say("assistant" if event.get("source") == "agent" else "user", _message_text(event))
    elif kind == "SystemPromptEvent":
        log.system()
    else:
        log.drop(_DROPPED.get(kind, f"event of the kind {kind[:60]!r}"))


def _add_action(log: EventLog, event: Row, calls: dict[str, str]) -> None:
    event_id = get_text(event, "id")
    if event.get("tool_call_id"):
        calls[get_text(event, "tool_call_id")] = event_id
    if event.get("source", "agent") != "agent":
        log.drop_action(FOREIGN_ACTION, event_id)
    elif event.get("action") is None:
        log.drop_unread(event_id)  # the SDK itself could not make an action of the call
    else:
        call = get_object(event, "tool_call")
        action = json_call(call.get("function", call), "tool_call")
        log.act(event_id, _thought(event), without_annotations(action, event.get("summary")))


def _thought(event: Row) -> str:
    parts = [content_text(event.get(key), key) for key in ("reasoning_content", "thought")]
    return "\n\n".join(part for part in parts if part.strip())


def _answered(event: Row, calls: dict[str, str]) -> str:
    """The action that an observation answers; an error of the agent names its call alone.

    The id of neither an action nor a call is given back as it is, so that the observation counts as a stray one.
    """
    if event.get("action_id"):
        return get_text(event, "action_id")
    call_id = get_text(event, "tool_call_id")
    return calls.get(call_id, f"call {call_id}")


def _answer_text(event: Row, kind: str) -> str:
    if kind == "AgentErrorEvent":
        return get_text(event, "error")
    if kind == "UserRejectObservation":
        return f"Action rejected: {optional_text(event, 'rejection_reason')}"
    seen = get_object(event, "observation")
    text = content_text(seen.get("content", seen.get("output")), "observation.content")
    terminal = seen.get("metadata")
    if isinstance(terminal, dict):
        text = around(terminal, text)
    error = seen.get("error")  # a flag for commands, the message for the editor
    parts = (text, error if isinstance(error, str) else "", content_text(event.get("extended_content"), "extended"))
    return "\n".join(part for part in parts if part)


def _message_text(event: Row) -> str:
    message = get_object(event, "llm_message")
    keys = ("reasoning_content", "content") if event.get("source") == "agent" else ("content",)
    parts = [content_text(message.get(key), f"llm_message.{key}") for key in keys]
    parts.append(content_text(event.get("extended_content"), "extended_content"))
    return "\n\n".join(part for part in parts if part.strip())


def _instance_id(row: Row, state: Row) -> str:
    workspace = state.get("workspace")
    folder = workspace.get("working_dir") if isinstance(workspace, dict) else None
    name = folder.rstrip("/").rpartition("/")[2] if isinstance(folder, str) else ""
    named = name if INSTANCE_ID.fullmatch(name) else ""
    return find_instance_id(row) or named


def _model(state: Row) -> str:
    agent: Any = state.get("agent")
    llm = agent.get("llm") if isinstance(agent, dict) else None
    name = llm.get("model") if isinstance(llm, dict) else None
    return name if isinstance(name, str) else ""
