"""Files as streams of bytes, `.gz` and `.zst` unpacked while reading, and the errors that broken ones raise."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zlib
from pathlib import Path
from typing import BinaryIO, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_MAGIC = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
"""First bytes of gzip (RFC 1952, section 2.3.1) and of Zstandard frames (RFC 8878, section 3.1.1)."""
PACKED_SUFFIXES = tuple(_MAGIC)
BUFFER = 1 << 20
"""Bytes read at a time: rows of trajectories have some hundred kB."""
UNPACKING_ERRORS = (gzip.BadGzipFile, zlib.error, zstd.ZstdError, EOFError)
"""What reading a stream of `open_stream` raises, besides OSError, where a packed file is cut off or damaged."""

# Frames packed with `zstd --long` need windows above the default of 128 MiB.
_ZSTD_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 31}


def inner_suffix(path: Path) -> str:
    """The suffix that tells the kind of content: `.jsonl` for `a.jsonl` and for `a.jsonl.zst`."""
    return Path(path.stem).suffix if path.suffix in PACKED_SUFFIXES else path.suffix


def open_stream(path: Path) -> BinaryIO:
    """The content of a file, unpacked by its suffix, else by its first bytes; OSError where it cannot be opened.

    Packed ones keep their own small buffers: one more around them would lose what it holds at the place of damage.
    """
    packing = path.suffix if path.suffix in PACKED_SUFFIXES else _packing_of_file(path)
    if packing == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if packing == ".zst":
        return cast(BinaryIO, zstd.open(path, "rb", options=_ZSTD_OPTIONS))
    return path.open("rb", buffering=BUFFER)


def _packing_of_file(path: Path) -> str:
    """Browsers and proxies drop the suffix of what they fetch."""
    with path.open("rb") as stream:
        return _packing(stream.read(4))


def _packing(head: bytes) -> str:
    """The suffix that packed content with these first bytes should have, else empty."""
    return next((suffix for suffix, magic in _MAGIC.items() if head.startswith(magic)), "")


def unpacked(stream: io.BufferedReader) -> BinaryIO:
    """The stream, unpacked where its first bytes are those of gzip or zstd: a pipe has no name that tells."""
    packing = _packing(stream.peek(4))
    if packing == ".gz":
        return cast(BinaryIO, gzip.open(stream, "rb"))
    if packing == ".zst":
        return cast(BinaryIO, zstd.open(stream, "rb", options=_ZSTD_OPTIONS))
    return cast(BinaryIO, stream)


def file_digest(path: Path) -> str:
    """SHA-256 of the file as it lies there; OSError where it cannot be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names below the folder and the digests of all files in it; OSError as `file_digest`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = "".join(f"{file.relative_to(folder)} {file_digest(file)}\n" for file in files)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def unpacking_problem(error: Exception) -> str:
    """One of UNPACKING_ERRORS in words for a message."""
    what = "cut off" if isinstance(error, EOFError) else "damaged or not packed as its suffix says"
    return f"the packed file is {what} from here on ({error}); fetch or pack it again"
