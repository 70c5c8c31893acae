"""What one command's way through a shell gives: its output between two marks on one pipe, its exit code on another."""

from __future__ import annotations

from dataclasses import dataclass, field

from envs.output import BoundedOutput


@dataclass
class Exchange:
    """What was sent to the shell, and what came back on its two pipes."""

    to_send: memoryview
    mark: bytes
    output: BoundedOutput
    pending: bytearray = field(default_factory=bytearray)
    said: bytearray = field(default_factory=bytearray)
    """By the shell itself."""
    received: int = 0
    begun: bool = False
    complete: bool = False
    """All of the output is here."""
    exit_code: int | None = None

    def take(self, chunk: bytes) -> None:
        """Sort the next bytes of the shell's output."""
        self.received += len(chunk)
        self.pending += chunk
        if not self.begun:
            _, mark, rest = self.pending.partition(self.mark + b"b")
            self.begun = bool(mark)
            # What comes before the first mark is from a process that an earlier command left behind.
            self.pending = rest if mark else self.pending[-4096:]
        if self.begun and not self.complete:
            text, mark, _ = self.pending.partition(self.mark + b"e")
            self.complete = bool(mark)
            ready = len(text) if mark else max(len(text) - len(self.mark), 0)
            self.output.add(self.pending[:ready])
            del self.pending[:ready]

    def listen(self, chunk: bytes) -> None:
        """Look for the exit code in what the shell itself says."""
        self.said += chunk
        code, newline, _ = self.said.partition(self.mark + b"r ")[2].partition(b"\n")
        if newline:
            self.exit_code = int(code)
        del self.said[: max(len(self.said) - 4096, 0)]

    def rest(self) -> None:
        """Count what is pending as output: no mark will come."""
        if self.begun and not self.complete:
            self.output.add(self.pending)
        self.pending.clear()
