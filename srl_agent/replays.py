"""What a replay said of the episodes: steps that did not reproduce are no targets, poor episodes are left out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srl_agent.config import DataConfig
from srl_agent.errors import ConfigError
from srl_agent.wording import plural
from trajectories.records import Episode

SCHEMA = "srl-agent/replay-1"
BAD = ("different", "failed")


@dataclass(frozen=True)
class Replayed:
    """Episodes and steps that the replay let through."""

    kept: list[Episode]
    dropped_steps: dict[str, frozenset[int]]
    """traj_id to the steps, from 1, that are no targets: those given, and those that did not reproduce."""
    line: str = ""
    """What was left out, for the terminal; empty where no replay was asked."""


def apply_replay(data: DataConfig, episodes: Sequence[Episode], dropped: Mapping[str, frozenset[int]]) -> Replayed:
    """Leave out what `data.replayed` says did not reproduce. ConfigError where the file is no replay of ours.

    An episode that was not replayed stays as it is, and is counted.
    """
    if not data.replayed:
        return Replayed(list(episodes), dict(dropped))
    records = read_replays(Path(data.replayed))
    kept, steps, unknown, lost = [], dict(dropped), 0, 0
    for episode in episodes:
        record = records.get(episode.traj_id)
        if record is None:
            unknown += 1
        elif record["share"] < data.replay_share:
            continue
        else:
            bad = frozenset(step["step"] for step in record["steps"] if step["status"] in BAD)
            lost += len(bad - dropped.get(episode.traj_id, frozenset()))
            steps[episode.traj_id] = dropped.get(episode.traj_id, frozenset()) | bad
        kept.append(episode)
    line = (
        f"replay: {plural(len(episodes) - len(kept), 'episode')} below a share of {data.replay_share:g} and "
        f"{plural(lost, 'single step')} that did not reproduce left out, {plural(unknown, 'episode')} not replayed "
        "(data.replayed)"
    )
    return Replayed(kept, steps, line)


def read_replays(path: Path) -> dict[str, dict[str, Any]]:
    """traj_id to the record of `srl-agent replay --json`; ConfigError names the line that is none."""
    records = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"data.replayed: {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            if record["schema"] != SCHEMA:
                raise ValueError(record["schema"])
            records[str(record["traj_id"])] = {"share": float(record["share"]), "steps": list(record["steps"])}
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"data.replayed: {path}:{number}: expected a record of `srl-agent replay --json` ({SCHEMA}): {error!r}"
            ) from error
    return records
