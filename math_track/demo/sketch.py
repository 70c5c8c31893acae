"""The form of the templates from which the bundled problems are made, and how numbers are filled in.

A template is the question (one line or more), a line `Idea: ...`, and a line `Title | what is done` for each step.
Values stand in it as `{name}`, and may be lines themselves; each family of problems has two templates, so that no step
has one wording only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

IDEA = "Idea: "
BETWEEN = " | "

Facts = Mapping[str, str | int]
"""What stands for the names in a template; `answer` among them."""


@dataclass(frozen=True, slots=True)
class Family:
    """Problems of one kind."""

    draw: Callable[[Random], Facts]
    """Draws the numbers and names of one problem."""
    templates: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Sketch:
    """A problem that lacks only the numbers of its steps and the box around the answer."""

    question: str
    idea: str
    steps: tuple[tuple[str, str], ...]
    """Title and body of each."""
    answer: str


def sketch(family: Family, rng: Random) -> Sketch:
    """One problem of the family."""
    facts = family.draw(rng)
    text = rng.choice(family.templates).format(**facts)
    lines = [line.strip() for line in text.splitlines()]
    place = next(index for index, line in enumerate(lines) if line.startswith(IDEA))
    steps = [line.partition(BETWEEN) for line in lines[place + 1 :]]
    return Sketch(
        " ".join(lines[:place]),
        lines[place].removeprefix(IDEA),
        tuple((title, body) for title, _, body in steps),
        str(facts["answer"]),
    )
