"""Rows of SWE-smith's `xml` split: plain chat messages with the calls written into the assistant's text."""

from __future__ import annotations

import json
from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import Row, get_flag, get_name, optional_text
from trajectories.formats import chat
from trajectories.formats.build import episode_of
from trajectories.formats.chat import assemble, read_messages
from trajectories.formats.observations import strip_label
from trajectories.formats.xml_calls import find_calls
from trajectories.report import Reading, Where

NAME = "swesmith-xml"


def looks_like(row: Row) -> bool:
    """Whether an assistant's text holds a call in the XML function form."""
    messages = row.get("messages")
    if isinstance(messages, str) and "<function=" not in messages:
        return False
    try:
        messages = with_list(row).get("messages")
    except ParseError:
        return True  # so that reading says what is broken
    if not isinstance(messages, list):
        return False
    return any(isinstance(m, dict) and m.get("role") == "assistant" and "<function=" in _text(m) for m in messages)


def count_messages(row: Row) -> int:
    """How many messages the row holds, 0 where they cannot be told."""
    try:
        return chat.count_messages(with_list(row))
    except ParseError:
        return 0


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one row; ParseError names the field that is not what it should be."""
    conversation = assemble(find_calls(message) for message in read_messages(with_list(row), strip_label))
    return episode_of(
        conversation,
        source=NAME,
        where=where,
        instance_id=get_name(row, "instance_id"),
        traj_id=optional_text(row, "traj_id"),
        resolved=get_flag(row, "resolved"),
        meta={"model": optional_text(row, "model")},
    )


def with_list(row: Row) -> Row:
    """The row with its messages as a list: some releases hold them as JSON text."""
    messages = row.get("messages")
    if not isinstance(messages, str):
        return row
    try:
        return {**row, "messages": json.loads(messages)}
    except (ValueError, RecursionError) as error:
        raise ParseError(f"messages: expected a list or its JSON text, found broken JSON ({error})") from error


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    return content if isinstance(content, str) else ""
