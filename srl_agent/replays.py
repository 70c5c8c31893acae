"""What a replay said of the episodes: steps that did not reproduce are no targets, poor episodes are left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srl_agent.config import DataConfig
from srl_agent.errors import ConfigError
from srl_agent.wording import plural
from trajectories.records import Episode

SCHEMA = "srl-agent/replay-1"
NO_RECORD = "without a record"


@dataclass(frozen=True)
class Record:
    """What a replay said of one episode."""

    share: float
    """Of the steps that could be carried out, those that came again."""
    statuses: Mapping[int, str]
    """Step, from 1, to `same` or what else it was."""


@dataclass(frozen=True)
class Replayed:
    """Episodes and steps that the replay let through."""

    kept: list[Episode]
    dropped_steps: dict[str, frozenset[int]]
    """traj_id to the steps, from 1, that are no targets: those given, and those that did not reproduce."""
    line: str = ""
    """What was left out, for the terminal; empty where no replay was asked."""


def apply_replay(data: DataConfig, episodes: Sequence[Episode], dropped: Mapping[str, frozenset[int]]) -> Replayed:
    """Leave out what `data.replayed` does not say came again. ConfigError where the file is no replay of ours.

    Targets are the steps with status `same` alone; an episode without a record is left out, as is one whose share is
    below `data.replay_share`.
    """
    if not data.replayed:
        return Replayed(list(episodes), dict(dropped))
    records = read_replays(Path(data.replayed))
    kept, steps = [], dict(dropped)
    unknown, poor, lost = 0, 0, Counter[str]()
    for episode in episodes:
        record = records.get(episode.traj_id)
        if record is None:
            unknown += 1
        elif record.share < data.replay_share:
            poor += 1
        else:
            statuses = {step: record.statuses.get(step, NO_RECORD) for step in range(1, len(episode.turns) + 1)}
            before = dropped.get(episode.traj_id, frozenset())
            bad = frozenset(step for step, status in statuses.items() if status != "same")
            lost.update(statuses[step] for step in bad - before)
            steps[episode.traj_id] = before | bad
            kept.append(episode)
    return Replayed(kept, steps, _line(data, unknown, poor, lost))


def _line(data: DataConfig, unknown: int, poor: int, lost: Counter[str]) -> str:
    parts = [f"{plural(unknown, 'episode')} without a record"]
    if data.replay_share:
        parts.append(f"{poor} of which less than {data.replay_share:g} came again (data.replay_share)")
    why = ", ".join(f"{count} {status}" for status, count in lost.most_common())
    single = plural(lost.total(), "single step") + (f" that did not come again ({why})" if why else "")
    return f"replay: left out {', '.join(parts)}, and {single} (data.replayed)"


def read_replays(path: Path) -> dict[str, Record]:
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
            statuses = {int(step["step"]): str(step["status"]) for step in record["steps"]}
            records[str(record["traj_id"])] = Record(float(record["share"]), statuses)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"data.replayed: {path}:{number}: expected a record of `srl-agent replay --json` ({SCHEMA}): {error!r}"
            ) from error
    return records
