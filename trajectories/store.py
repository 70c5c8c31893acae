"""Writes episodes and steps as JSONL, all or nothing, and reads steps back."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from trajectories.codec import episode_to_json, step_from_json, step_to_json
from trajectories.errors import ParseError
from trajectories.records import Episode, StepExample
from trajectories.rows import file_rows, parsed


def write_episodes(path: Path | str, episodes: Iterable[Episode]) -> int:
    """Write one episode a line, schema `srl-agent/episode-1`; returns how many. OSError where that is impossible."""
    return _write_lines(Path(path), (episode_to_json(episode) for episode in episodes))


def write_steps(path: Path | str, steps: Iterable[StepExample]) -> int:
    """Write one step a line with the columns that trainers read; returns how many."""
    return _write_lines(Path(path), (step_to_json(step) for step in steps))


def read_steps(path: Path | str) -> list[StepExample]:
    """Steps as `write_steps` wrote them; ParseError names file, line and field of the first that is broken."""
    steps = list(parsed(file_rows(Path(path)), step_from_json))
    if not steps:
        raise ParseError(f"{path}: no steps in it")
    return steps


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    # ASCII escapes keep lone surrogates and line separators of the sources intact.
    return write_atomically(path, (json.dumps(row) for row in rows))


def write_atomically(path: Path, lines: Iterable[str]) -> int:
    """Write lines beside the target and rename, so that a reader never meets half a file; returns how many.

    A link is followed. A pipe or a device (`>(gzip > a.gz)`, `/dev/null`) is written into: a file renamed over it
    would take its place.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("w", encoding="ascii", newline="\n") as file:
                return _write(file, lines)
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        return _write_and_rename(target, lines)
    except OSError as error:
        # The user knows the target, not the temporary name; a full disk names no file at all.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _write_and_rename(path: Path, lines: Iterable[str]) -> int:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii", newline="\n") as file:
            count = _write(file, lines)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _write(file: IO[str], lines: Iterable[str]) -> int:
    count = 0
    for line in lines:
        file.write(line + "\n")
        count += 1
    return count


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
