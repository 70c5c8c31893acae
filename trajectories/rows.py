"""Streams of bytes to JSON objects, row by row: JSONL, a JSON object or list; a bad row does not end a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from trajectories.errors import ParseError
from trajectories.fields import Row, kind_of
from trajectories.json_text import load_json
from trajectories.report import Where
from trajectories.streams import UNPACKING_ERRORS, inner_suffix, open_stream, unpacking_problem

LINE_SUFFIXES = (".jsonl", ".ndjson")
MAX_LINE = 1 << 28
"""Bytes of the longest line that is read (256 MiB); beyond it lies a file that is no JSONL, or a packing bomb."""

Rows = Iterator[tuple[Where, Row | ParseError]]
T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"
_BLANK = object()
_END = object()


def parsed(rows: Rows, read: Callable[[Row], T], before: str = "", hint: str = "") -> Iterator[T]:
    """What `read` makes of each row. ParseError names the first broken one, its place between `before` and `hint`."""
    for where, row in rows:
        try:
            if isinstance(row, ParseError):
                raise row
            found = read(row)
        except ParseError as error:
            raise ParseError(f"{before}{where.file}:{where.index}: {error}{hint}") from error
        yield found


def file_rows(path: Path) -> Rows:
    """Each row with its place, or what is wrong with it; ParseError where the file cannot be read or is empty."""
    try:
        with closing(open_stream(path)) as stream:
            lines = inner_suffix(path) in LINE_SUFFIXES
            yield from line_rows(stream, str(path)) if lines else document_rows(stream, str(path))
    except OSError as error:
        raise ParseError(f"{path}: cannot be read: {error.strerror or error}") from error


def line_rows(stream: BinaryIO, name: str, most: int = MAX_LINE) -> Rows:
    """The rows of a JSONL stream. A packed one that is cut off or damaged ends with a row that says so."""
    empty = True
    for where, row in _lines_from(stream, name, 1, most):
        empty = False
        yield where, row
    if empty:
        raise ParseError(f"{name}: the file is empty; expected one JSON object a line")


def document_rows(stream: BinaryIO, name: str) -> Rows:
    """The rows of a stream that is one JSON object, a list of them, or, where its first line is one, JSONL."""
    try:
        document, next_line = _read_document(stream)
    except UNPACKING_ERRORS as error:
        raise ParseError(f"{name}: {unpacking_problem(error)}") from error
    if document is _END:
        raise ParseError(f"{name}: the file is empty; expected a JSON object or list")
    if next_line:
        first = (Where(name, next_line - 1), as_row(document))
        yield from chain([first], _lines_from(stream, name, next_line, MAX_LINE))
        return
    rows = document if isinstance(document, list) and not _is_chat(document) else [_one_row(document)]
    if not rows:
        raise ParseError(f"{name}: the list in it is empty")
    for number, row in enumerate(rows, start=1):
        yield Where(name, number), as_row(row)


def _is_chat(values: list[Any]) -> bool:
    """Whether a list is one conversation, as mini-swe-agent 1 wrote them, and not a list of rows."""
    return bool(values) and all(isinstance(value, dict) and value.keys() >= {"role", "content"} for value in values)


def _one_row(document: Any) -> Any:
    return {"messages": document} if isinstance(document, list) else document


def as_row(value: Any) -> Row | ParseError:
    """The value where it is an object or an error already, else the error for what it is."""
    if isinstance(value, dict | ParseError):
        return value
    return ParseError(f"expected a JSON object, found {kind_of(value)}")


def _lines_from(stream: BinaryIO, name: str, start: int, most: int) -> Rows:
    for number in count(start):
        try:
            value = _next_value(stream, number == 1, most)
        except UNPACKING_ERRORS as error:
            yield Where(name, number), ParseError(unpacking_problem(error))
            return
        if value is _END:
            return
        if value is not _BLANK:
            yield Where(name, number), as_row(value)


def _next_value(stream: BinaryIO, first: bool, most: int) -> Any:
    """The value of the next line; a function of its own so that the text is gone before the value is used."""
    line = stream.readline(most + 1)
    if not line:
        return _END
    if len(line) > most:
        while line and not line.endswith(b"\n"):
            line = stream.readline(most)
        return ParseError(f"the line has more than {most} bytes; expected one JSON object a line")
    if first:
        line = line.removeprefix(_BOM)
    return load_json(line) if line and not line.isspace() else _BLANK


def _read_document(stream: BinaryIO) -> tuple[Any, int]:
    """The value of the whole stream and 0; or, where its first line is an object, that and the next line's number."""
    for number, line in enumerate(iter(stream.readline, b""), start=1):
        text = line.removeprefix(_BOM) if number == 1 else line
        if text.strip():
            value = load_json(text)
            if isinstance(value, dict):
                return value, number + 1
            rest = stream.read()
            return (load_json(text + rest) if rest.strip() else value), 0
    return _END, 0
