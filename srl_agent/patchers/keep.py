"""What a patcher did, on disk: a record, the trajectory as an Episode and as ATIF, a file each and written whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from srl_agent.patchers import Patched
from trajectories.errors import ParseError
from trajectories.exports import atif
from trajectories.formats import read_episodes
from trajectories.records import Episode
from trajectories.store import write_atomically, write_episodes

RECORDS, EPISODES, ATIF = "records", "episodes", "atif"
"""Folders, with a file for each task."""


def keep(folder: Path, patched: Patched) -> None:
    """Write what there is of a task, over what an earlier attempt left."""
    name = file_name(patched.prediction.instance_id)
    record: dict[str, Any] = {**patched.record, "effort": dict(patched.prediction.effort)}
    episode, trajectory = folder / EPISODES / f"{name}.jsonl", folder / ATIF / f"{name}.json"
    for path in (episode, trajectory):
        path.unlink(missing_ok=True)
    if patched.episode is not None and patched.episode.turns:  # without an action there is nothing to learn
        write_episodes(episode, [patched.episode])
        record["atif_fault"] = _keep_atif(trajectory, patched.episode)
    _write_json(folder / RECORDS / f"{name}.json", record)


def gather(folder: Path, resolved: Mapping[str, bool]) -> int:
    """Write `episodes.jsonl` from all episodes kept in the folder, with whether each resolved its task, where that is
    known by now; returns how many. Further training reads it like any expert's."""
    files = sorted((folder / EPISODES).glob("*.jsonl"))
    kept = [episode for file in files for episode in read_episodes(file)[0]]
    marked = [replace(episode, resolved=resolved.get(episode.instance_id, episode.resolved)) for episode in kept]
    return write_episodes(folder / "episodes.jsonl", marked)


def file_name(instance_id: str) -> str:
    """The id as the name of a file, whatever signs it has."""
    return quote(instance_id, safe="")


def _keep_atif(path: Path, episode: Episode) -> str:
    """Write the ATIF trajectory; why there is none, where a call cannot be said in JSON."""
    try:
        _write_json(path, atif.trajectory(episode))
    except ParseError as error:
        return str(error)
    return ""


def _write_json(path: Path, record: Mapping[str, Any]) -> None:
    write_atomically(path, [json.dumps(record, indent=2)])
