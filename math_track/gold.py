"""Gold answers as rows have them: texts or numbers."""

from __future__ import annotations

from trajectories.fields import Row, wrong


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
