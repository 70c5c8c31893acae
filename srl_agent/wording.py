"""Words for counts on the terminal."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """`1 episode`, `2 episodes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
