"""Small problems with worked solutions for the tests of the math domain."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from math_track.records import Problem
from srl_agent.config import Config

SOLUTION = (
    "To solve this, count.\n\n"
    "1. **First part**: There are $2 + 3 = 5$.\n\n"
    "2. **Second part**: Twice that is $10$.\n\n   - a note\n\n"
    "3. **Answer**: It is $\\boxed{10}$."
)


def worked(name: str, **changes: Any) -> Problem:
    """A problem whose solution has three steps."""
    fields = {"problem": f"What is {name}?", "solution": SOLUTION, "answer": "10", "source": "test", **changes}
    return Problem(name, **fields)


def write(path: Path, *problems: Problem) -> Path:
    """A file of our own form."""
    path.write_text("".join(json.dumps(asdict(problem)) + "\n" for problem in problems))
    return path


def configured(**tree: Any) -> Config:
    """A configuration of the math domain."""
    return Config.model_validate({"domain": "math", **tree})


def count_words(text: str) -> int:
    """Stands in for a tokenizer."""
    return len(text.split())
