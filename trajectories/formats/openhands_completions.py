"""OpenHands' `llm_completions`: every call of the model logged with its messages and response, a folder for a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from trajectories.bundles import COMPLETIONS_KEY
from trajectories.errors import ParseError
from trajectories.fields import Row, get_list, optional_text
from trajectories.formats.build import episode_of
from trajectories.formats.chat import ChatMessage, assemble, read_messages
from trajectories.formats.observations import strip_label
from trajectories.formats.openhands_calls import call_answer, tell_story
from trajectories.formats.openhands_rows import find_instance_id, find_resolved, without_annotations
from trajectories.formats.xml_calls import find_calls
from trajectories.report import Reading, Where

NAME = "openhands-completions"

_GENERIC = ("", "llm_completions", "completions", "logs")
"""Names of folders that tell no task."""


def looks_like(row: Row) -> bool:
    """Whether the row is a folder of calls, or one call: messages and the response to them."""
    if COMPLETIONS_KEY in row:
        return True
    response = row.get("response")
    return isinstance(row.get("messages"), list) and isinstance(response, dict) and "choices" in response


def count_messages(row: Row) -> int:
    """All messages of all calls with their responses: in a folder most are counted once for every later call."""
    calls = row.get(COMPLETIONS_KEY, [row])
    return sum(_count(call) for call in calls if isinstance(call, dict)) if isinstance(calls, list) else 0


def _count(call: Row) -> int:
    messages = call.get("fncall_messages")
    if not isinstance(messages, list):
        messages = call.get("messages")
    return (len(messages) if isinstance(messages, list) else 0) + (call_answer(call) is not None)


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one run, named by its folder; ParseError names the file that is not what it should be."""
    calls = get_list(row, COMPLETIONS_KEY) if COMPLETIONS_KEY in row else [row]
    story = tell_story(calls)
    conversation = assemble(_read_message(raw) for raw in story.messages)
    dropped = Counter(conversation.dropped) + Counter(story.dropped)
    return episode_of(
        replace(conversation, dropped=dropped),
        source=NAME,
        where=where,
        instance_id=find_instance_id(row) or _folder(row, where),
        resolved=find_resolved(row),
        meta={"model": _model(calls[-1])},
    )


def _read_message(raw: Row) -> ChatMessage:
    """One message; the log has the model's own words, so a call in them may be broken: that turn is then dropped."""
    try:
        [read] = read_messages({"messages": [raw]}, strip_label)
        message = find_calls(read)
    except ParseError:
        if raw.get("role") == "assistant" and (raw.get("tool_calls") or raw.get("function_call")):
            return ChatMessage("assistant", "", unread=True)
        raise
    return replace(message, calls=tuple((call_id, without_annotations(action)) for call_id, action in message.calls))


def _folder(row: Row, where: Where) -> str:
    name = optional_text(row, "folder") if COMPLETIONS_KEY in row else PurePath(where.file).parent.name
    return "" if name in _GENERIC else name


def _model(call: Any) -> str:
    response = call.get("response") if isinstance(call, dict) else None
    model = response.get("model") if isinstance(response, dict) else None
    return model if isinstance(model, str) else ""
