"""mini-swe-agent 1 trajectories: one fenced bash block a turn, in an object with `messages` or a bare list of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trajectories.fields import Row
from trajectories.formats.chat import ChatMessage, assemble, count_messages, read_messages
from trajectories.formats.fences import bash_blocks, first_tag
from trajectories.formats.mini_swe_agent_v2 import file_reading
from trajectories.formats.tools import canonical_action
from trajectories.report import Reading, Where

__all__ = ["count_messages", "looks_like", "read_row"]

NAME = "mini-swe-agent-v1"
_FORMAT = "mini-swe-agent-1"
_TAGS = ("bash", "mswea_bash_command")
_FOREIGN = ("instance_id", "traj_id", "run_id", "conversations")
"""Keys of data sets' rows, which this agent's files without a declared format do not have."""
_REPLIES = ("<returncode>", "Observation:")


def looks_like(row: Row) -> bool:
    """Whether the file says so, or says nothing and holds what only this agent writes.

    A bash block alone proves nothing, any assistant may write one: a reply must be the agent's too.
    """
    messages = row.get("messages")
    if "trajectory_format" in row or not isinstance(messages, list):
        return row.get("trajectory_format") == _FORMAT
    if any(key in row for key in _FOREIGN) or not all(map(_plain, messages)):
        return False
    tags = (first_tag(text) for text in map(_said, messages) if text)
    if next((tag for tag in tags if tag is not None), None) not in _TAGS:
        return False
    info = row.get("info")
    return (isinstance(info, dict) and "mini_version" in info) or any(map(_is_reply, messages))


def _plain(message: Any) -> bool:
    """Whether the message has neither calls, in any form, nor a tool's answer."""
    if not isinstance(message, dict):
        return True
    return not message.get("tool_calls") and message.get("role") != "tool" and "<function=" not in _said(message)


def _is_reply(message: Any) -> bool:
    """Whether it is how the agent shows a command's result: in tags, or after a heading in its first releases."""
    if not isinstance(message, dict) or message.get("role") != "user":
        return False
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return any(isinstance(text, str) and text.lstrip().startswith(_REPLIES) for text in texts)


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one file; the file's name tells the task where nothing in it does."""
    return file_reading(assemble(_read_turn(message) for message in read_messages(row)), row, where, NAME)


def _read_turn(message: ChatMessage) -> ChatMessage:
    """The agent ran a turn only where it held exactly one block; to any other it answered with a reminder."""
    if message.role != "assistant":
        return message
    thought, commands = bash_blocks(message.text)
    if len(commands) != 1:
        return replace(message, unread=bool(commands))
    return ChatMessage("assistant", thought, (("", canonical_action("bash", [("command", commands[0].strip())])),))


def _said(message: Any) -> str:
    """The text of an assistant's message without calls."""
    if not isinstance(message, dict) or message.get("role") != "assistant" or message.get("tool_calls"):
        return ""
    text = message.get("content")
    return text if isinstance(text, str) else ""
