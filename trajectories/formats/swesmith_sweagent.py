"""SWE-smith's `tool` and `ticks` rows: SWE-agent's messages, as a list or its JSON text, with the outcome beside them.

`tool` rows have function calls; in `ticks` rows the same calls are fenced shell commands, for models without them.
"""

from __future__ import annotations

from trajectories.errors import ParseError
from trajectories.fields import Row, get_flag, get_name, optional_text
from trajectories.formats.build import episode_of
from trajectories.formats.chat import raw_messages
from trajectories.formats.fences import last_block
from trajectories.formats.sweagent_messages import read_history
from trajectories.formats.swesmith_xml import count_messages, with_list
from trajectories.report import Reading, Where

__all__ = ["count_messages", "looks_like", "read_row"]

NAME = "swesmith-sweagent"
_TAG = "<function="
_MARKS = ("tool_call_ids", "message_type", "agent")
"""Keys that SWE-agent gives its messages and OpenAI's chat does not know."""


def looks_like(row: Row) -> bool:
    """Whether the row names a task and holds messages of SWE-agent, or turns whose call is a fenced block."""
    if "instance_id" not in row or "info" in row:
        return False
    try:
        messages = with_list(row).get("messages")
    except ParseError:
        # Read further only to say what is broken; rows of the XML form have a reader of their own for that.
        return _TAG not in row["messages"] and "```" in row["messages"]
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return False
    if any(mark in message for message in messages for mark in _MARKS):
        return True
    if any(message.get("tool_calls") or message.get("role") == "tool" for message in messages):
        return isinstance(row["messages"], str)
    # Either form's texts may quote the other's: what most turns hold is the form.
    forms = [_form(message) for message in messages]
    return forms.count("ticks") > forms.count("xml")


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one row; ParseError names the field that is not what it should be."""
    return episode_of(
        read_history(raw_messages(with_list(row))),
        source=NAME,
        where=where,
        instance_id=get_name(row, "instance_id"),
        traj_id=optional_text(row, "traj_id"),
        resolved=get_flag(row, "resolved"),
        meta={"model": optional_text(row, "model")},
    )


def _form(message: Row) -> str:
    """`ticks`, `xml` or nothing: whether the turn's call is a block, maybe with a tag in it, or a tag."""
    text = message.get("content")
    if message.get("role") != "assistant" or not isinstance(text, str):
        return ""
    block = last_block(text) if "```\n" in text else None
    if block is not None and _TAG not in block[0]:
        return "ticks"
    return "xml" if _TAG in text else ""
