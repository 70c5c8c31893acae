"""What a model is to an evaluation: prompts in, outputs out, each handed on as soon as it is there; no torch."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from trajectories.records import Message

Prompt = Sequence[Message]


@dataclass(frozen=True)
class Answer:
    """One output of a model."""

    text: str
    """Special tokens kept where the engine shows them, the end token cut off."""
    tokens: int
    """Its length; 0 where a server does not say."""
    cut: bool
    """Whether it stopped at the limit on its length."""


@dataclass(frozen=True)
class Sampling:
    """How outputs are drawn."""

    temperature: float
    """0 takes the likeliest token each time."""
    max_tokens: int
    """Longest output."""


class Redrawn:
    """What has weights that serve one way of drawing after another."""

    sampling: Sampling

    def drawing(self, sampling: Sampling) -> Self:
        """The same weights with another way of drawing."""
        other = copy.copy(self)
        other.sampling = sampling
        return other


Done = Callable[[int, list[Answer]], None]
"""Hears the number of a prompt, and all of its outputs."""


def seed_of(seed: int, name: str, place: int) -> int:
    """The seed of one output, from 0 to 2**31 - 1, what every server takes: of the run's seed, the name of the question
    or task, and the output's place within it. A hash, so that runs with neighbouring seeds share no draws."""
    digest = hashlib.sha256(f"{seed}:{name}:{place}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def seeds_of(seed: int, name: str, outputs: int) -> list[int]:
    """Those of all outputs of one question."""
    return [seed_of(seed, name, place) for place in range(outputs)]


class Answerer(Protocol):
    """What samples outputs: a model on this machine, or a server."""

    together: int
    """Outputs that are drawn with one seed, and so depend on which others they are drawn with: as many prompts at a
    time have to be asked again for the same outputs. 0 where each prompt stands for itself."""
    threads: int
    """How many threads may call it at once, as is so of a server; 0 where it takes one call, as a model here does."""

    def __call__(
        self, prompts: Sequence[Prompt], rollouts: int, seeds: Sequence[Sequence[int]], done: Done
    ) -> list[list[Answer]]:
        """`rollouts` outputs for each prompt, in order; `done` hears of each prompt as soon as it has them.

        `seeds` has one for each output of each prompt; where outputs are drawn together, the first is that of all.
        """
        ...
