"""Files to JSON objects, row by row: JSONL, a JSON object or list, folders and globs; a bad row does not end a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import Row, kind_of
from trajectories.report import Where

LINE_SUFFIXES = (".jsonl", ".ndjson")
FOLDER_SUFFIXES = (*LINE_SUFFIXES, ".json", ".traj")
"""What is read of a folder."""

_BOM = b"\xef\xbb\xbf"


def find_files(path: Path | str) -> list[Path]:
    """The files that a file, folder or glob names, sorted; ParseError where there are none."""
    try:
        files, expected = _named_files(Path(path))
    except OSError as error:
        raise ParseError(f"{str(path)[:200]}: cannot be read: {error.strerror or error}") from error
    if not files:
        raise ParseError(f"{path}: expected {expected}, found none")
    return sorted(files)


def _named_files(path: Path) -> tuple[list[Path], str]:
    """The files, and what would have been one."""
    if path.is_dir():
        files = [p for p in path.rglob("*") if p.suffix in FOLDER_SUFFIXES and not _hidden(p, path) and p.is_file()]
        return files, f"a folder with files ending in {', '.join(FOLDER_SUFFIXES)}"
    if path.exists():
        return [path], "a file"
    return [p for p in _glob(path) if p.is_file()], "an existing file, folder or glob"


def file_rows(path: Path) -> Iterator[tuple[Where, Row | ParseError]]:
    """Each row with its place, or what is wrong with it; ParseError where the file cannot be read or is empty."""
    try:
        if path.suffix in LINE_SUFFIXES:
            yield from _line_rows(path)
        else:
            yield from _document_rows(path)
    except OSError as error:
        raise ParseError(f"{path}: cannot be read: {error.strerror or error}") from error


def _line_rows(path: Path) -> Iterator[tuple[Where, Row | ParseError]]:
    empty = True
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            content = line.removeprefix(_BOM) if number == 1 else line
            if content.strip():
                empty = False
                yield Where(str(path), number), _as_row(_load(content))
    if empty:
        raise ParseError(f"{path}: the file is empty; expected one JSON object a line")


def _document_rows(path: Path) -> Iterator[tuple[Where, Row | ParseError]]:
    content = path.read_bytes().removeprefix(_BOM)
    if not content.strip():
        raise ParseError(f"{path}: the file is empty; expected a JSON object or list")
    document = _load(content)
    if isinstance(document, ParseError) and not isinstance(_as_row(_load(content.split(b"\n", 1)[0])), ParseError):
        yield from _line_rows(path)  # JSONL under another name
        return
    rows = document if isinstance(document, list) else [document]
    if not rows:
        raise ParseError(f"{path}: the list in it is empty")
    for number, row in enumerate(rows, start=1):
        yield Where(str(path), number), _as_row(row)


def _load(content: bytes) -> Any:
    """The JSON value, or what is wrong with it as a ParseError that is returned, not raised."""
    try:
        return json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        return ParseError(f"not UTF-8 text (byte {error.start} is 0x{content[error.start]:02x})")
    except RecursionError:
        return ParseError("JSON nested too deeply")
    except ValueError as error:
        return ParseError(f"broken JSON: {error}")


def _as_row(value: Any) -> Row | ParseError:
    if isinstance(value, dict | ParseError):
        return value
    return ParseError(f"expected a JSON object, found {kind_of(value)}")


def _glob(pattern: Path) -> list[Path]:
    """Files that match; without a wildcard there are none, as the path itself does not exist."""
    parts = pattern.parts
    first = next((place for place, part in enumerate(parts) if any(sign in part for sign in "*?[")), len(parts))
    if first == len(parts):
        return []
    try:
        return list(Path(*parts[:first]).glob(str(Path(*parts[first:]))))
    except ValueError as error:
        raise ParseError(f"{pattern}: not a glob: {error}") from error


def _hidden(path: Path, start: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(start).parts)
