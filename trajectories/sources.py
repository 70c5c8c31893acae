"""What a data name stands for: a file, a folder, a glob, a folder bundle, standard input or a Hugging Face data set."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from trajectories.bundles import bundle_name, read_bundle
from trajectories.errors import ParseError
from trajectories.fields import Row
from trajectories.hub import find_hub_source
from trajectories.report import Where
from trajectories.rows import LINE_SUFFIXES, Rows, document_rows, file_rows
from trajectories.streams import BUFFER, PACKED_SUFFIXES, file_digest, folder_digest, inner_suffix, unpacked
from trajectories.tables import TABLE_SUFFIXES, table_rows

STANDARD_INPUT = "-"
FOLDER_SUFFIXES = (*LINE_SUFFIXES, ".json", ".traj", *TABLE_SUFFIXES)
"""What is read of a folder, the first ones also packed as PACKED_SUFFIXES."""


class Source(Protocol):
    """Somewhere that rows come from."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def rows(self) -> Rows:
        """Each row with its place, or what is wrong with it; ParseError, with the name, where there are none."""
        ...

    def digest(self) -> str:
        """Name and SHA-256 of the content, the same for the same data; a pipe knows it after `rows` has ended.

        OSError or ParseError where it cannot be read (again).
        """
        ...


@dataclass(frozen=True)
class FileSource:
    """A file of rows: JSONL or JSON, packed or not, or parquet."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def rows(self) -> Rows:
        return table_rows(self.path) if self.path.suffix in TABLE_SUFFIXES else file_rows(self.path)

    def digest(self) -> str:
        return f"{self.path.name} {file_digest(self.path)}"


@dataclass(frozen=True)
class BundleSource:
    """A folder whose files are one row, see `trajectories.bundles`."""

    folder: Path

    @property
    def name(self) -> str:
        return str(self.folder)

    def rows(self) -> Rows:
        row: Row | ParseError
        try:
            row = read_bundle(self.folder)
        except ParseError as error:
            row = error
        yield Where(self.name, 1), row

    def digest(self) -> str:
        return f"{self.folder.name} {folder_digest(self.folder)}"


class PipeSource:
    """A stream that can be read once; its digest is taken on the way."""

    def __init__(self, name: str, open_pipe: Callable[[], AbstractContextManager[BinaryIO]]) -> None:
        self._name = name
        self._open = open_pipe
        self._stream: _Hashing | None = None

    @property
    def name(self) -> str:
        return self._name

    def rows(self) -> Rows:
        if self._stream is not None:
            raise ParseError(f"{self._name}: can be read only once; save it to a file and give that")
        try:
            with self._open() as pipe:
                self._stream = _Hashing(pipe)
                yield from document_rows(unpacked(io.BufferedReader(self._stream, BUFFER)), self._name)
        except OSError as error:
            raise ParseError(f"{self._name}: cannot be read: {error.strerror or error}") from error

    def digest(self) -> str:
        if self._stream is None:
            raise ParseError(f"{self._name}: has no digest before it was read")
        return f"{STANDARD_INPUT} {self._stream.sha256.hexdigest()}"


class _Hashing(io.RawIOBase):
    """Passes a stream through and hashes what passes."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count: int = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        self.sha256.update(buffer[:count])
        return count


def find_sources(name: Path | str) -> list[Source]:
    """What a file, folder, glob, `-` or Hugging Face data set name stands for, in the order of the names.

    A path that exists wins over a data set of the same name. ParseError where there is nothing, with what was expected.
    """
    if str(name) == STANDARD_INPUT:
        return [PipeSource("standard input", lambda: nullcontext(sys.stdin.buffer))]
    path = Path(name)
    try:
        if path.exists():
            return _existing(path)
        found = {file for match in _glob(path) for file in _files(match)}
        hub = find_hub_source(str(name)) if not found else None
    except OSError as error:
        raise ParseError(f"{str(name)[:200]}: cannot be read: {error.strerror or error}") from error
    if found:
        return [_source(file) for file in sorted(found) if not found.intersection(file.parents)]
    if hub is None:
        raise ParseError(f"{name}: expected an existing file, folder or glob, or owner/name:split, found none")
    return [hub]


def sources_digest(sources: Sequence[Source]) -> str:
    """SHA-256 over the digests of all sources; OSError or ParseError where one cannot be read (again)."""
    text = "".join(f"{source.digest()}\n" for source in sources)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _existing(path: Path) -> list[Source]:
    files = sorted(_files(path))
    if not files:
        raise ParseError(
            f"{path}: expected a folder with files ending in {', '.join(FOLDER_SUFFIXES)} "
            f"(also {', '.join(PACKED_SUFFIXES)}), found none"
        )
    return [_source(file) for file in files]


def _source(path: Path) -> Source:
    if path.is_dir():
        return BundleSource(path)
    if path.is_file():
        return FileSource(path)
    return PipeSource(str(path), lambda: path.open("rb"))


def _files(path: Path) -> Iterator[Path]:
    """The path where it is no folder, else the files and bundles below it, without hidden ones and links to folders."""
    if not path.is_dir():
        yield path
        return
    for folder, names, files in os.walk(path, onerror=_raise):
        if bundle_name(Path(folder)):
            yield Path(folder)
            names.clear()
            continue
        names[:] = [name for name in names if not name.startswith(".")]
        for file in map(Path(folder).joinpath, files):
            if not file.name.startswith(".") and inner_suffix(file) in FOLDER_SUFFIXES and file.is_file():
                yield file


def _raise(error: OSError) -> None:
    raise error


def _glob(pattern: Path) -> list[Path]:
    """What matches; without a wildcard there is nothing, as the path itself does not exist."""
    parts = pattern.parts
    first = next((place for place, part in enumerate(parts) if any(sign in part for sign in "*?[")), len(parts))
    if first == len(parts):
        return []
    try:
        return list(Path(*parts[:first]).glob(str(Path(*parts[first:]))))
    except ValueError as error:
        raise ParseError(f"{pattern}: not a glob: {error}") from error
