"""JSON as the standard library reads it, whatever the fast reader makes of it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectories.errors import ParseError
from trajectories.json_text import load_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
PIECES = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"',
    "\\",
    "\\u",
    "d800",
    "dc00",
    "0",
    "-",
    "1e",
    "9" * 20,
    "NaN",
    "tru",
    " ",
    "\n",
]


def standard(content: bytes) -> Any:
    """What the standard library reads, with the difference between 1, 1.0 and True in it; None where it refuses."""
    try:
        return repr(json.loads(content.decode("utf-8")))
    except (ValueError, RecursionError):
        return None


def ours(content: bytes) -> Any:
    value = load_json(content)
    return None if isinstance(value, ParseError) else repr(value)


@given(VALUES, st.booleans())
def test_every_value_is_read_as_the_standard_library_reads_it(value: Any, ascii: bool) -> None:
    content = json.dumps(value, ensure_ascii=ascii).encode("utf-8", "replace")
    assert ours(content) == standard(content) != None  # noqa: E711


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join))
def test_every_text_is_refused_where_the_standard_library_refuses_it(text: str) -> None:
    content = text.encode("utf-8", "replace")
    assert ours(content) == standard(content)


@pytest.mark.parametrize(
    "text",
    [
        "18446744073709551616",
        "-9223372036854775809",
        "1" * 4000,
        "-0",
        "-0.0",
        "1e400",
        "Infinity",
        '{"a": 1, "a": 2}',
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\ud83d\\ude00"',
        "[" * 500 + "]" * 500,
        "0.1000000000000000055511151231257827",
    ],
)
def test_what_json_readers_differ_in_is_read_as_the_standard_library_reads_it(text: str) -> None:
    assert ours(text.encode()) == standard(text.encode()) != None  # noqa: E711


def test_not_a_number_is_read() -> None:
    assert math.isnan(load_json(b"NaN"))
