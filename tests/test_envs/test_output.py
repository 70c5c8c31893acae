"""Output within bounds."""

from __future__ import annotations

from envs.output import BoundedOutput


def test_bounded_output_counts_what_it_leaves_out() -> None:
    output = BoundedOutput(limit=4)
    for chunk in (b"a", b"bcd", b"efgh"):
        output.add(chunk)
    assert output.text() == "ab\n[4 bytes left out]\ngh"


def test_output_within_the_bound_is_kept_whole() -> None:
    output = BoundedOutput(limit=4)
    output.add(b"abcd")
    assert output.text() == "abcd"
