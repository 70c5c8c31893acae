"""SWE-Gym's training rows, calls written into the text: `conversations` of from and value, or bare `messages`."""

from __future__ import annotations

import re
from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import Row, get_flag, get_list, get_text, optional_text, wrong
from trajectories.formats import chat
from trajectories.formats.build import episode_of
from trajectories.formats.chat import ChatMessage, assemble, content_text
from trajectories.formats.observations import strip_label
from trajectories.formats.xml_calls import find_calls
from trajectories.report import Reading, Where

NAME = "swegym-inline"
ROLES = {"human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "tool"}
"""`from` of a conversation to the role it stands for; others are kept, so that they are dropped by their name."""

_RUN_SUFFIX = re.compile(r"(.+)_(\d+)")


def looks_like(row: Row) -> bool:
    """Whether the row holds conversations, or messages with a call in their text and no field that names the task."""
    turns = row.get("conversations")
    if isinstance(turns, list):
        return any(isinstance(turn, dict) and "from" in turn and "value" in turn for turn in turns)
    messages = row.get("messages")
    if "instance_id" in row or not isinstance(messages, list):
        return False
    return any(_says_call(message) for message in messages)


def count_messages(row: Row) -> int:
    """The conversation's messages and the system prompt that stands beside them."""
    turns = row.get("conversations")
    if not isinstance(turns, list):
        return chat.count_messages(row)
    return len(turns) + bool(row.get("system"))


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one row; ParseError names the field that is not what it should be.

    The id of a conversation is the task's with the number of the run (`python__mypy-15976_0`). Bare messages name
    no task, so it gets the digest of its text: runs of one task still share an id.
    """
    messages = _conversation(row) if isinstance(row.get("conversations"), list) else _messages(row)
    conversation = assemble(messages)
    instance_id, run = _names(row)
    return episode_of(
        conversation,
        source=NAME,
        where=where,
        instance_id=instance_id,
        run=run,
        resolved=get_flag(row, "resolved"),
        meta={"run_id": run},
    )


def _conversation(row: Row) -> list[ChatMessage]:
    system = [ChatMessage("system", get_text(row, "system"))] if row.get("system") else []
    turns = get_list(row, "conversations")
    return [*system, *(_turn(turn, f"conversations[{place}]") for place, turn in enumerate(turns))]


def _turn(raw: Any, path: str) -> ChatMessage:
    if not isinstance(raw, dict):
        raise wrong(path, "an object", raw)
    speaker = get_text(raw, "from", f"{path}.")
    return _message(ROLES.get(speaker, speaker), get_text(raw, "value", f"{path}."))


def _messages(row: Row) -> list[ChatMessage]:
    return [_message(message.role, message.text) for message in chat.read_messages(row)]


def _message(role: str, text: str) -> ChatMessage:
    return find_calls(ChatMessage(role, text)) if role == "assistant" else ChatMessage(role, strip_label(text))


def _names(row: Row) -> tuple[str, str]:
    """(task, run), empty where the row names none"""
    name = optional_text(row, "id").strip()
    if not name:
        return "", ""
    found = _RUN_SUFFIX.fullmatch(name)
    return (found[1], found[2]) if found else (name, "")


def _says_call(message: Any) -> bool:
    if not isinstance(message, dict) or message.get("role") != "assistant" or message.get("tool_calls"):
        return False
    try:
        return "<function=" in content_text(message.get("content"), "content")
    except ParseError:
        return False
