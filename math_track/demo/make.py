"""Makes the bundled problems: `python -m math_track.demo.make [FILE]` writes the same file each time.

Nothing is taken from elsewhere. The answers come from the same numbers as the steps;
tests/test_math_track/test_demo.py works them out in other ways.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from random import Random

from math_track.demo import algebra, arithmetic, counting, integers
from math_track.demo.sketch import Family, Sketch, sketch
from math_track.records import Problem
from trajectories.store import write_atomically

FILE = Path(__file__).with_name("problems.jsonl")
SUBJECTS = {
    "arithmetic": arithmetic.FAMILIES,
    "algebra": algebra.FAMILIES,
    "counting": counting.FAMILIES,
    "number theory": integers.FAMILIES,
}
PROBLEMS_A_FAMILY = 12
EQUATION = re.compile(r"\$([^$=]+=[^$]+)\$")


def make_problems() -> list[Problem]:
    """All bundled problems, family by family."""
    return [
        problem
        for subject, families in SUBJECTS.items()
        for name, family in families.items()
        for problem in _of_family(subject, name, family)
    ]


def _of_family(subject: str, name: str, family: Family) -> list[Problem]:
    rng, found = Random(name), dict[str, Sketch]()
    while len(found) < PROBLEMS_A_FAMILY:
        drawn = sketch(family, rng)
        found.setdefault(drawn.question, drawn)
    meta = {"subject": subject, "family": name}
    return [
        Problem(f"demo-{name}-{number}", drawn.question, solution(drawn), drawn.answer, thinking(drawn), "demo", meta)
        for number, drawn in enumerate(found.values(), start=1)
    ]


def solution(drawn: Sketch) -> str:
    """The steps as `N. **Title:** body`, a paragraph each; the last one ends with the answer in a box."""
    steps = [f"{number}. **{title}:** {body}" for number, (title, body) in enumerate(drawn.steps, start=1)]
    return "\n\n".join(steps) + rf" The answer is $\boxed{{{drawn.answer}}}$."


def thinking(drawn: Sketch) -> str:
    """The idea, and the formulas as they come to mind."""
    formulas = [formula for _, body in drawn.steps for formula in EQUATION.findall(body)[:1]]
    return f"{drawn.idea} Let me see: {', then '.join(formulas)}. So it is {drawn.answer}."


def main() -> None:
    """Write the file that is named, or the one that ships."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    count = write_atomically(path, (json.dumps(asdict(problem)) for problem in make_problems()))
    print(f"{count} problems written to {path}")


if __name__ == "__main__":
    main()
