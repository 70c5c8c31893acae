"""Records of jobs as JSONL, kept in a journal beside the file until the end, so that a killed command goes on."""

from __future__ import annotations

import fcntl
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from srl_agent.errors import ConfigError
from srl_agent.wording import plural
from trajectories.store import write_atomically

T = TypeVar("T")


class Records:
    """A JSONL file that takes its name at the end, and a journal `.NAME.part` beside it with each finished job.

    The same command goes on behind the journal that a killed or interrupted one left. A job is known by its key, which
    says all that its records depend on, so that one on other input or with other settings is done again. A pipe or a
    device has no journal. OSError at once where the file cannot be written, ConfigError where another command does.
    """

    def __init__(self, path: Path | None) -> None:
        self.path, self.count, self.earlier = path, 0, 0
        self._stream: IO[str] | None = None
        self._journal: Path | None = None
        self._finished: dict[str, list[list[Any]]] = {}
        self._used: Counter[str] = Counter()

    def __enter__(self) -> Self:
        if self.path is None:
            return self
        try:
            self._open(self.path)
        except OSError as error:
            raise OSError(error.errno, error.strerror or str(error), str(self.path)) from error
        return self

    def _open(self, path: Path) -> None:
        if path.exists() and not path.is_file():
            self._stream = path.open("w", encoding="ascii")
            return
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        self._journal = target.with_name(f".{target.name}.part")
        self._stream = self._journal.open("a+", encoding="ascii")
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._stream.close()
            raise ConfigError(f"--json: another command is writing {path}; name another file") from error
        self._read_journal(self._stream)

    def _read_journal(self, stream: IO[str]) -> None:
        stream.seek(0)
        text = stream.read()
        whole = text[: text.rfind("\n") + 1]
        stream.truncate(len(whole))  # a kill may cut the last line; what is appended needs a line of its own
        for line in whole.splitlines():
            job = json.loads(line)
            self._finished.setdefault(job["key"], []).append(job["records"])

    def finished(self, key: str) -> list[Any] | None:
        """The records of a job that the command before finished, which are taken over; None where it is to be done."""
        if not self._finished.get(key):
            return None
        records = self._finished[key].pop(0)
        self._used[key] += 1
        self.count += len(records)
        self.earlier += len(records)
        return records

    def left(self, jobs: Iterable[T], key: Callable[[T], str], take: Callable[[list[Any]], object]) -> Iterator[T]:
        """The jobs to do; `take` is given the records of each that the command before finished."""
        for job in jobs:
            finished = self.finished(key(job))
            if finished is None:
                yield job
            else:
                take(finished)

    def add(self, key: str, records: Sequence[Any]) -> None:
        """Keep the records of a job, in the disk's cache at least."""
        self.count += len(records)
        self._used[key] += 1
        if self._stream is not None:
            lines = [json.dumps({"key": key, "records": records})] if self._journal else map(json.dumps, records)
            try:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
            except OSError as error:  # a full disk names no file
                raise OSError(error.errno, error.strerror or str(error), str(self.path)) from error

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if self._stream is None:
            return
        with self._stream as stream:
            if self._journal is None or self.path is None:
                return
            if kind is None or self.count:  # else an earlier file with something in it is worth more
                write_atomically(self.path, self._lines(stream))
            if kind is None or not self._journal.stat().st_size:
                self._journal.unlink()

    def _lines(self, stream: IO[str]) -> Iterator[str]:
        """The records of this command's jobs in the order in which they were finished."""
        left = self._used.copy()
        stream.seek(0)
        for line in stream:
            job = json.loads(line)
            if left[job["key"]]:
                left[job["key"]] -= 1
                yield from map(json.dumps, job["records"])

    @property
    def going_on(self) -> str:
        """What the journal holds at the start, for the terminal; empty where there is none."""
        jobs = sum(map(len, self._finished.values()))
        return f"going on: {self._journal} has {jobs} finished, of which those of this command are kept" if jobs else ""

    @property
    def line(self) -> str:
        """What was written, for the terminal; empty where nothing was asked."""
        if self.path is None:
            return ""
        of_before = f", {self.earlier} of them from before the command was stopped" if self.earlier else ""
        return f"wrote {self.path}: {plural(self.count, 'record')}{of_before}"
