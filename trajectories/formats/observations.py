"""Labels that agents put before an observation and that are no part of it."""

from __future__ import annotations

import re

_LABEL = re.compile(r"(?:OBSERVATION|Observation|EXECUTION RESULT of \[[^\[\]\r\n]{1,80}\]):(?:\r?\n| )?")


def strip_label(text: str) -> str:
    """The text without a leading `OBSERVATION:` or `EXECUTION RESULT of [tool]:`; all else stays."""
    found = _LABEL.match(text)
    return text[found.end() :] if found else text
