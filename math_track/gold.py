"""What rows of problems have in common, whatever their form: a question and a gold answer."""

from __future__ import annotations

import re

from math_track.extract import hashed_answer
from trajectories.errors import ParseError
from trajectories.fields import Row, describe_keys, get_name, wrong

QUESTIONS = ("problem", "question", "prompt")
"""Fields that a question may stand in; the first that a row has is read."""
INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."
"""What some files append to a question; the evaluation prompt says it, so it is taken off."""


def question(row: Row) -> str:
    """The question, without INSTRUCTION and white space around it. ParseError where it is missing, blank or no text."""
    field = next((field for field in QUESTIONS if field in row), "")
    if not field:
        expected = " or ".join(QUESTIONS)
        raise ParseError(f"expected a question under {expected}, found only {describe_keys(row)}; rename its field")
    return get_name(row, field).strip().removesuffix(INSTRUCTION).strip()


def answer_field(row: Row) -> str:
    """The text or number under `answer`, whole numbers without their decimal places; empty where there is none.

    ParseError for anything else.
    """
    value = row.get("answer")
    if value is None or isinstance(value, str):
        return (value or "").strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong("answer", "text or a number", value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def is_worked(answer: object) -> bool:
    """Whether an answer is a worked one of GSM8K's form."""
    return isinstance(answer, str) and "\n####" in answer


def behind_hashes(worked: str) -> str:
    """GSM8K's: what stands behind `####` at the end of a worked answer, without the commas of thousands."""
    text = hashed_answer(worked)
    if not text:
        raise ParseError("answer: expected '#### ' and the final answer at its end, found none")
    return re.sub(r"(?<=\d),(?=\d{3})", "", text)
