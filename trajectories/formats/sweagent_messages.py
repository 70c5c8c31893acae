"""What all data of SWE-agent shares: its history's messages, the demonstrations among them, and its exit records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from trajectories.fields import Row
from trajectories.formats.chat import ChatMessage, Conversation, assemble, read_messages
from trajectories.formats.fences import last_block, last_command_tag
from trajectories.formats.observations import strip_label
from trajectories.formats.text_commands import text_action

DEMONSTRATION = "demonstration (not the expert's)"
# SWE-agent writes these where the harness, not the agent, ended the run (sweagent/agent/agents.py).
_EXIT_WORDS = "Exit due to "
_EXIT_ACTIONS = ("exit_cost", "exit_context", "exit_error", "exit_format", "exit_api", "exit_environment_error")
# The first words of SWE-agent's `demonstration_template`, the same in all its configurations.
_DEMONSTRATION_WORDS = "Here is a demonstration of how to correctly accomplish this task"


def is_demonstration(raw: Row, text: str) -> bool:
    """Whether the message was put there to show the agent the interface."""
    return raw.get("is_demo") is True or (raw.get("role") == "user" and text.lstrip().startswith(_DEMONSTRATION_WORDS))


def is_exit(text: str, action: object) -> bool:
    """Whether the turn is the harness's record that it ended the run."""
    return text.startswith(_EXIT_WORDS) or (isinstance(action, str) and action.strip() in _EXIT_ACTIONS)


def read_history(raw: list[Any], then: Callable[[ChatMessage, Row], ChatMessage] | None = None) -> Conversation:
    """The conversation of a history; `then` has the last word on each of the expert's messages."""
    messages = read_messages({"messages": raw}, strip_label)
    read = then or read_turn
    pairs = [(read(_answering(message, source), source), source) for message, source in zip(messages, raw, strict=True)]
    return assemble_without([(message, is_demonstration(source, message.text)) for message, source in pairs])


def assemble_without(messages: Sequence[tuple[ChatMessage, bool]]) -> Conversation:
    """The conversation of the messages that are no demonstrations, with those counted as dropped."""
    conversation = assemble(message for message, demonstration in messages if not demonstration)
    shown = sum(demonstration for _, demonstration in messages)
    if not shown:
        return conversation
    return replace(conversation, dropped={DEMONSTRATION: shown, **conversation.dropped})


def read_turn(message: ChatMessage, source: Row) -> ChatMessage:
    """The message with the call that its `tool_calls`, its `action` or, where neither stands, its text has."""
    if message.role != "assistant":
        return message
    action = source.get("action")
    if message.calls:
        return replace(message, text=_join(*_thinking(source), message.text))
    if is_exit(message.text, action):
        return ChatMessage("exit", message.text)
    if isinstance(action, str) and action.strip():
        thought = source.get("thought")
        return _turn(_join(*_thinking(source), thought if isinstance(thought, str) else ""), action)
    return fenced_turn(message.text)


def fenced_turn(text: str) -> ChatMessage:
    """The turn of a text command: what stands in the last block is the action, all else the thought."""
    if is_exit(text, None):
        return ChatMessage("exit", text)
    split = last_command_tag(text) or last_block(text)
    if split is None or not split[1].strip():
        return ChatMessage("assistant", text)
    return _turn(*split)


def _thinking(source: Row) -> list[str]:
    """The thoughts that Anthropic's models give apart from their text; signatures and redacted ones are no thoughts."""
    blocks = source.get("thinking_blocks")
    found = [block.get("thinking") for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    return [text for text in found if isinstance(text, str)]


def _join(*texts: str) -> str:
    return "\n\n".join(text.strip() for text in texts if text.strip())


def _turn(thought: str, command: str) -> ChatMessage:
    return ChatMessage("assistant", thought.strip(), (("", text_action(command)),))


def _answering(message: ChatMessage, source: Row) -> ChatMessage:
    """The message with the call id of its `tool_call_ids`, which SWE-agent writes in place of `tool_call_id`."""
    ids = source.get("tool_call_ids")
    if message.answers or not isinstance(ids, list) or not ids or not isinstance(ids[0], str):
        return message
    return replace(message, answers=ids[0])
