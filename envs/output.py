"""A command's output within bounds: its first and its last half, and how much is missing between them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class BoundedOutput:
    """Keeps the first and the last half of `limit` bytes, however much is written."""

    limit: int
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    left_out: int = 0

    def add(self, chunk: bytes | bytearray) -> None:
        """Take the next bytes."""
        room = self.limit // 2 - len(self.head)
        self.head += chunk[:room]
        self.tail += chunk[room:]
        excess = max(len(self.tail) - self.limit // 2, 0)
        del self.tail[:excess]
        self.left_out += excess

    def text(self) -> str:
        """Head and tail, with a note between them of what is missing."""
        note = f"\n[{self.left_out} bytes left out]\n".encode() if self.left_out else b""
        return (bytes(self.head) + note + bytes(self.tail)).decode(errors="replace")
