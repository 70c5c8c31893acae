"""mini-swe-agent 2 trajectories: one object a file, `bash` tool calls, and an `exit` record at the end."""

from __future__ import annotations

from trajectories.fields import Row, get_flag, get_object, optional_text
from trajectories.formats.build import episode_of
from trajectories.formats.chat import Conversation, assemble, count_messages, read_messages
from trajectories.formats.task_names import name_by_file
from trajectories.report import Reading, Where

__all__ = ["count_messages", "looks_like", "read_row"]

NAME = "mini-swe-agent-v2"
_VERSION_1 = "mini-swe-agent-1"


def looks_like(row: Row) -> bool:
    """Whether the file names a mini-swe-agent format later than the first, which wrote fenced text commands."""
    format = row.get("trajectory_format")
    return isinstance(format, str) and format.startswith("mini-swe-agent-") and format != _VERSION_1


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one file. The files do not say whether the task was solved, unless someone added `resolved`."""
    return file_reading(assemble(read_messages(row)), row, where, NAME)


def file_reading(conversation: Conversation, row: Row, where: Where, source: str) -> Reading:
    """The reading of a file of either version, whose messages are those of the conversation."""
    info = get_object(row, "info") if row.get("info") is not None else {}
    return episode_of(
        conversation,
        source=source,
        where=where,
        instance_id=optional_text(row, "instance_id").strip() or name_by_file(where)[0],
        resolved=get_flag(row, "resolved"),
        meta={
            "model": _model(info),
            "exit_status": optional_text(info, "exit_status", "info."),
            "version": optional_text(info, "mini_version", "info."),
        },
    )


def _model(info: Row) -> str:
    config = info.get("config")
    model = config.get("model") if isinstance(config, dict) else None
    name = model.get("model_name") if isinstance(model, dict) else None
    return name if isinstance(name, str) else ""
