"""Reads expert episodes in any supported format; the format of each row is detected, or named by the caller.

A format is one small module with the three functions of `Reader`, and one line in `FORMATS`. Detection asks the
formats in that order, so a new one whose rows an older one would take stands before it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from trajectories.errors import ParseError
from trajectories.fields import Row, describe_keys
from trajectories.records import Episode
from trajectories.report import LossReport, Reading, Tally, Where
from trajectories.sources import Source, find_sources

FORMATS = {
    "srl-agent": "trajectories.formats.srl_agent",
    "mini-swe-agent-v2": "trajectories.formats.mini_swe_agent_v2",
    "mini-swe-agent-v1": "trajectories.formats.mini_swe_agent_v1",
    "sweagent": "trajectories.formats.sweagent",
    "nebius-sweagent": "trajectories.formats.nebius",
    "swesmith-sweagent": "trajectories.formats.swesmith_sweagent",
    "openhands-sdk": "trajectories.formats.openhands_sdk",
    "openhands-events": "trajectories.formats.openhands_events",
    "openhands-completions": "trajectories.formats.openhands_completions",
    "swegym-openhands": "trajectories.formats.swegym_openhands",
    "swegym-inline": "trajectories.formats.swegym_inline",
    "swesmith-xml": "trajectories.formats.swesmith_xml",
    "atif": "trajectories.formats.atif",
    "openai-responses": "trajectories.formats.openai_responses",
}
"""Name of a format to the import path of its reader."""


class Reader(Protocol):
    """What a format's module supplies. None of the three changes its argument."""

    def looks_like(self, row: Row) -> bool:
        """Whether the row is of this format; never raises."""
        ...

    def count_messages(self, row: Row) -> int:
        """Messages in the raw row, 0 where they cannot be told; counted apart from `read_row`, never raises."""
        ...

    def read_row(self, row: Row, where: Where) -> Reading:
        """The episode and what became of each message; ParseError, without place, where that is impossible."""
        ...


def find_reader(name: str) -> Reader:
    """The reader of that format; ParseError lists the known names."""
    if name not in FORMATS:
        raise ParseError(f"format: unknown name '{name}'; known: {', '.join(FORMATS)} (leave it out to detect it)")
    return cast(Reader, importlib.import_module(FORMATS[name]))


def read_episodes(path: Path | str | Sequence[Source], format: str = "") -> tuple[list[Episode], LossReport]:
    """All episodes of what `find_sources` takes, or of the sources it gave, and what was lost on the way.

    Raises ParseError where no episode at all could be read; a bad row among good ones is a drop in the report.
    """
    tally = Tally()
    return list(iter_episodes(path, format, tally)), tally.report()


def iter_episodes(
    path: Path | str | Sequence[Source], format: str = "", tally: Tally | None = None
) -> Iterator[Episode]:
    """Stream the episodes, counting into `tally`; raises as `read_episodes` does, at the end where nothing was kept.

    `traj_id` is unique within what is read: the second run of the same id gets the suffix `#2`.
    """
    tally = tally if tally is not None else Tally()
    readers = {name: find_reader(name) for name in ([format] if format else FORMATS)}
    seen: dict[str, int] = {}
    sources = find_sources(path) if isinstance(path, Path | str) else path
    for source in sources:
        for episode in _source_episodes(source, readers, detect=not format, tally=tally):
            yield _unique(episode, seen)
    if not seen:
        raise ParseError(_nothing_read(path, tally.report()))


def _source_episodes(source: Source, readers: dict[str, Reader], detect: bool, tally: Tally) -> Iterator[Episode]:
    try:
        for where, row in source.rows():
            episode = _row_episode(row, where, readers, detect, tally)
            if episode is not None:
                yield episode
    except ParseError as error:
        tally.drop(Where(source.name, 0), str(error).removeprefix(f"{source.name}: "))


def _row_episode(
    row: Row | ParseError, where: Where, readers: dict[str, Reader], detect: bool, tally: Tally
) -> Episode | None:
    """The row's episode, or None after counting the drop."""
    if isinstance(row, ParseError):
        tally.drop(where, str(row))
        return None
    name = next((n for n, reader in readers.items() if not detect or reader.looks_like(row)), None)
    if name is None:
        tally.drop(where, _unknown(row, readers))
        return None
    messages = readers[name].count_messages(row)
    try:
        reading = readers[name].read_row(row, where)
    except ParseError as error:
        tally.drop(where, f"{name}: {error}", messages)
        return None
    except RecursionError:
        tally.drop(where, f"{name}: JSON nested too deeply", messages)
        return None
    tally.keep(where, name, messages, reading)
    return reading.episode


def _unknown(row: Row, readers: Iterable[str]) -> str:
    if "expert_action" in row and "prompt" in row:
        return "a step row as `data steps` writes them, no episode; give the episodes that the steps were cut from"
    return f"no known format ({', '.join(readers)}) has a row with the keys {describe_keys(row)}"


def _unique(episode: Episode, seen: dict[str, int]) -> Episode:
    seen[episode.traj_id] = times = seen.get(episode.traj_id, 0) + 1
    if times == 1:
        return episode
    return _unique(replace(episode, traj_id=f"{episode.traj_id}#{times}"), seen)


def _nothing_read(path: Path | str | Sequence[Source], report: LossReport) -> str:
    named = path if isinstance(path, Path | str) else ", ".join(source.name for source in path[:3])
    most = 3
    rows = report.rows()
    causes = [f"{place}: {reason}" + (f" ({count} rows)" if count > 1 else "") for _, reason, count, _, place in rows]
    more = f"; and {len(rows) - most} more causes" if len(rows) > most else ""
    return f"{named}: no episode could be read: {'; '.join(causes[:most])}{more}"
