"""What the prompt of a step shows of the steps before it, as a small value with a text form."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trajectories.errors import ParseError

_WINDOW = re.compile(r"window:([1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Context:
    """`rounds` last rounds of action and observation, or all of them where it is None."""

    rounds: int | None = None


def parse_context(text: str) -> Context:
    """`window:N` (the last N >= 1 rounds) or `full` (all rounds); anything else is a ParseError."""
    if text == "full":
        return Context()
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise ParseError(
            f"context: expected 'full' or 'window:N' with N from 1 on (such as 'window:2'), found {text[:60]!r}"
        )
    return Context(int(found[1]))
