"""The last step that all readers share: from a conversation to an Episode with an id and its bookkeeping."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from trajectories.formats.chat import Conversation
from trajectories.formats.task_names import name_by_text
from trajectories.records import Episode
from trajectories.render import render_action
from trajectories.report import Reading, Where


def episode_of(
    conversation: Conversation,
    *,
    source: str,
    where: Where,
    instance_id: str,
    traj_id: str = "",
    run: str = "",
    resolved: bool | None = None,
    meta: Mapping[str, str],
) -> Reading:
    """The reading of one row; without `traj_id` the run is named by `run`, else by a digest of its content.

    A blank `instance_id`, of a source that names no task, becomes one of the task's text.
    """
    instance_id = instance_id if instance_id.strip() else name_by_text(conversation.task)
    facts = {key: value for key, value in meta.items() if value}
    episode = Episode(
        instance_id=instance_id,
        traj_id=traj_id if traj_id.strip() else f"{instance_id}@{run or _digest(conversation)}",
        task=conversation.task,
        turns=conversation.turns,
        resolved=resolved,
        source=source,
        meta={"file": where.file, "index": str(where.index), **facts},
    )
    return Reading(episode, conversation.kept, conversation.merged, conversation.dropped, conversation.source_turns)


def _digest(conversation: Conversation) -> str:
    """Independent of file names and order, so that a data set read from elsewhere keeps its ids."""
    digest = hashlib.sha256()
    for turn in conversation.turns:
        for text in (turn.thought, render_action(turn.action), turn.observation):
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:12]
