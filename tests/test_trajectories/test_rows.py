"""Rows of a stream: bounds on a line, places, and documents told from lines."""

from __future__ import annotations

import io

import pytest

from trajectories.errors import ParseError
from trajectories.rows import document_rows, line_rows


def places(text: bytes, most: int = 99) -> list[tuple[int, bool]]:
    """(line, whether it is a row) of each line that is not blank."""
    return [(where.index, isinstance(row, dict)) for where, row in line_rows(io.BytesIO(text), "f", most)]


def test_a_line_beyond_the_bound_is_refused_and_the_next_one_read() -> None:
    assert places(b'{"a": 1}\n{"b": "' + b"x" * 99 + b'"}\n{}\n', most=10) == [(1, True), (2, False), (3, True)]


def test_a_line_as_long_as_the_bound_is_read() -> None:
    assert places(b'{"a": 1}\n{}', most=9) == [(1, True), (2, True)]


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_last_line_beyond_the_bound_ends_the_stream(end: bytes) -> None:
    assert places(b"x" * 35 + end, most=10) == [(1, False)]


def test_blank_lines_count_for_the_place_and_for_nothing_else() -> None:
    assert places(b"\n{}\r\n \t\n{}") == [(2, True), (4, True)]


def test_a_document_whose_first_line_is_an_object_is_read_as_lines_with_their_numbers() -> None:
    rows = list(document_rows(io.BytesIO(b'\n{"a": 1}\n\nx\n{"a": 2}'), "f"))
    assert [(where.index, isinstance(row, ParseError)) for where, row in rows] == [(2, False), (4, True), (5, False)]


def test_a_document_over_several_lines_is_one_row() -> None:
    rows = list(document_rows(io.BytesIO(b'\n{\n"a":\n1}\n'), "f"))
    assert [(where.index, row) for where, row in rows] == [(1, {"a": 1})]


@pytest.mark.parametrize("text", [b"[{}, {}]", b"[{},\n{}]\n", b"[\n{}, {}]"])
def test_a_list_gives_its_entries(text: bytes) -> None:
    assert [(where.index, row) for where, row in document_rows(io.BytesIO(text), "f")] == [(1, {}), (2, {})]
