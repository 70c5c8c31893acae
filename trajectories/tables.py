"""Rows of parquet files in small batches, as plain Python: what JSON of the same rows would have given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import Row
from trajectories.report import Where
from trajectories.rows import Rows

TABLE_SUFFIXES = (".parquet",)
BATCH = 16
"""Rows held at a time; a row of a trajectory may have megabytes."""


def table_rows(path: Path) -> Rows:
    """The rows of a parquet file, from 1; ParseError where it cannot be read or is empty."""
    number = 0
    for number, row in enumerate(_parquet(path), start=1):
        yield Where(str(path), number), row
    if not number:
        raise ParseError(f"{path}: the table has no rows")


def _parquet(path: Path) -> Iterator[Row | ParseError]:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ParseError(f"{path}: reading parquet needs the package pyarrow (pip install pyarrow)") from error
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH):
                yield from _batch_rows(batch)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise ParseError(f"{path}: cannot be read as parquet: {error}") from error


def _batch_rows(batch: Any) -> list[Row | ParseError]:
    """The rows of an Arrow record batch, one by one where one of them is broken."""
    try:
        return [plain(row) for row in batch.to_pylist(maps_as_pydicts="lossy")]
    except UnicodeDecodeError as error:
        if batch.num_rows == 1:
            return [ParseError(f"not UTF-8 text ({error})")]
        return [row for place in range(batch.num_rows) for row in _batch_rows(batch.slice(place, 1))]


def plain(value: Any) -> Any:
    """The value with only JSON's types in it; keys without a value are left out.

    A column has the keys of all its rows, so that null is what a table makes of an absent key. Times and numbers that
    JSON has no type for become text.
    """
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
