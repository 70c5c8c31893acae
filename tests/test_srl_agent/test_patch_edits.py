"""Search/replace edits: read leniently, applied exactly, and every one of them applied or reported."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from envs.repository import File
from srl_agent.patchers.edits import Edit, Edited, apply_edits, read_edits

ROOT = "/testbed"
LINES = st.text(st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]), max_size=8)
MARKS = [
    "### a.py",
    "<<<<<<< SEARCH",
    "=======",
    ">>>>>>> REPLACE",
    "```python",
    "```",
    "x = 1",
    "",
    "<think>",
    "</think>",
]


def block(path: str, search: str, replace: str) -> str:
    return f"### {path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def applied(output: str, files: Mapping[str, bytes], modes: Mapping[str, str] | None = None) -> Edited:
    known = {path: File((modes or {}).get(path, "100644"), path, len(content)) for path, content in files.items()}
    edits, reports = read_edits(output)
    assert reports == []
    return apply_edits(edits, known, lambda file: files[file.blob], ROOT)


def problem(output: str, files: Mapping[str, bytes], modes: Mapping[str, str] | None = None) -> str:
    edited = applied(output, files, modes)
    assert edited.files == {}
    (report,) = edited.reports
    return report.problem


@given(st.lists(st.sampled_from(MARKS), max_size=25))
def test_every_block_of_an_output_becomes_an_edit_or_a_report(lines: list[str]) -> None:
    edits, reports = read_edits("\n".join(lines))
    if "<think>" not in lines and "</think>" not in lines:
        assert len(edits) + len(reports) == max(1, lines.count("<<<<<<< SEARCH"))
    assert edits or reports


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    edits, reports = read_edits(text)
    assert edits or reports


@given(
    st.lists(LINES, min_size=1, max_size=6),
    st.lists(LINES, max_size=3),
    st.data(),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_lines_that_stand_there_once_are_replaced_and_the_rest_stays(
    lines: list[str], new: list[str], data: st.DataObject, end: str, last_end: bool
) -> None:
    start = data.draw(st.integers(0, len(lines) - 1))
    stop = data.draw(st.integers(start + 1, len(lines)))
    search = lines[start:stop]
    alike = [n for n in range(len(lines)) if lines[n : n + len(search)] == search]
    assume(alike == [start] and any(search) and search != new)
    assume(last_end or lines[-1])

    def joined(parts: list[str], whole: bool) -> bytes:
        return "".join(part + end for part in parts).removesuffix("" if whole else end).encode()

    before = joined(lines, last_end)
    edited = apply_edits(
        [Edit("a.py", tuple(search), tuple(new))], {"a.py": File("100644", "", 0)}, lambda file: before, ROOT
    )
    assert edited.reports[0].problem == ""
    whole = last_end or (stop == len(lines) and not new)  # the line before keeps its end
    usual = end if len(lines) > 1 or last_end else "\n"
    expected = joined([*lines[:start], *new, *lines[stop:]], whole) if usual == end else "\n".join(new).encode()
    assert edited.files["a.py"] == expected


def test_edits_are_found_in_prose_and_fences_behind_the_thought() -> None:
    output = (
        "<think>\n" + block("wrong.py", "a\n", "b\n") + "</think>\nI change `a.py`:\n```python\n"
        "### `./a.py`\n<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n```\nand below it\n"
        "<<<<<<<< SEARCH\r\nlow\r\n=======\r\nhigh\r\n>>>>>> REPLACE\r\n</solution>"
    )
    edits, reports = read_edits(output)
    assert edits == [Edit("./a.py", ("old",), ("new",)), Edit("./a.py", ("low",), ("high",))]
    assert reports == []


def test_a_title_between_path_and_block_is_no_path() -> None:
    block = "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n"
    edits, reports = read_edits(f"## Plan\n### a.py\n## Fix\n{block}### Makefile\n### lib/b.py\n{block}")
    assert ([edit.path for edit in edits], reports) == (["a.py", "lib/b.py"], [])


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("nothing to do", "no edit in the output"),
        ("<think>" + block("a.py", "a\n", "b\n"), "the think block is not closed"),
        ("<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE", "line 1: no path stands above it"),
        ("### a.py\n<<<<<<< SEARCH\na\n>>>>>>> REPLACE", "line 2: expected one line ======= in it, found 0"),
        ("### a.py\n<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE", "found 2"),
        ("### a.py\n<<<<<<< SEARCH\na\n=======\nb", "its end is missing"),
        ("### a.py\n<<<<<<< SEARCH\na\n<<<<<<< SEARCH", "another one begins before its end"),
    ],
)
def test_what_cannot_be_read_is_reported(output: str, why: str) -> None:
    edits, reports = read_edits(output)
    assert edits == []
    assert why in reports[0].problem


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (block("a.py", "nowhere\n", "x\n"), "not found"),
        (block("a.py", "twice\n", "x\n"), "ambiguous: the lines stand there 2 times"),
        (block("a.py", "once\n", "once\n"), "no change"),
        (block("a.py", "", "x\n"), "an empty search in a file that has content"),
        (block("b.py", "x\n", "y\n"), "not found: there is no such file"),
        (block("b.py", "", ""), "no change"),
        (block("../a.py", "once\n", "x\n"), "the path is outside of the repository"),
        (block("/etc/passwd", "root\n", "x\n"), "the path is outside of the repository"),
        (block("d/../..", "", "x\n"), "the path is outside of the repository"),
        (block(".git/config", "", "x\n"), "the path is git's own"),
        (block("d", "", "x\n"), "a folder, or below a file"),
        (block("a.py/b.py", "", "x\n"), "a folder, or below a file"),
        (block("link", "once\n", "x\n"), "a link or submodule, no file"),
        (block("binary", "a\n", "x\n"), "a binary file"),
        (block("latin", "é\n", "€\n"), "latin-1, which has not all characters"),
        (block("empty", "a\n", "x\n"), "not found: the file is empty"),
    ],
)
def test_an_edit_that_cannot_be_applied_is_reported(output: str, why: str) -> None:
    files = {
        "a.py": b"once\ntwice\ntwice\n",
        "d/c.py": b"",
        "link": b"a.py",
        "binary": b"a\n\0",
        "latin": b"\xe9\n",
        "empty": b"",
    }
    assert why in problem(output, files, {"link": "120000"})


@pytest.mark.parametrize(
    ("before", "search", "replace", "after"),
    [
        (b"a\nb", "b\n", "c\n", b"a\nc"),
        (b"a\nb", "b\n", "c\nd\n", b"a\nc\nd"),
        (b"a\nb", "b\n", "", b"a\n"),
        (b"a\r\nb\r\n", "a\n", "c\nd\n", b"c\r\nd\r\nb\r\n"),
        (b"a\r\nb\nc\n", "b\n", "x\ny\n", b"a\r\nx\ny\nc\n"),
        (b"# caf\xe9\nx\n", "x\n", "é\n", b"# caf\xe9\n\xe9\n"),
        (b"a\x0cb\rc\nd\n", "d\n", "e\n", b"a\x0cb\rc\ne\n"),
        (b"a  \n  b\t\n", "a\n  b\n", "c\n", b"c\n"),
        (b"\xef\xbb\xbfa\n", "a\n", "b\n", b"\xef\xbb\xbfb\n"),
        (b"a\n", "a\n", "", b""),
        (b"", "", "a\n", b"a\n"),
    ],
    ids=[
        "no end",
        "no end, more",
        "no end, gone",
        "CRLF",
        "mixed",
        "latin",
        "form feed",
        "blanks",
        "mark",
        "emptied",
        "filled",
    ],
)
def test_line_ends_and_encoding_stay(before: bytes, search: str, replace: str, after: bytes) -> None:
    assert applied(block("a.py", search, replace), {"a.py": before}).files == {"a.py": after}


def test_a_file_too_large_to_be_text_is_reported() -> None:
    known = {"a.py": File("100644", "", 5 << 20)}
    edited = apply_edits([Edit("a.py", ("a",), ("b",))], known, lambda file: pytest.fail("read"), ROOT)
    assert "larger than" in edited.reports[0].problem


def test_a_search_of_nothing_makes_a_new_file() -> None:
    assert applied(block("/testbed/d/new.py", "", "a\n\nb\n"), {"a.py": b"x"}).files == {"d/new.py": b"a\n\nb\n"}


def test_later_edits_see_what_earlier_ones_made() -> None:
    output = (
        block("a.py", "a\n", "b\n")
        + block("a.py", "b\n", "c\n")
        + block("n.py", "", "x\n")
        + block("n.py", "x\n", "y\n")
    )
    edited = applied(output, {"a.py": b"a\n"})
    assert edited.files == {"a.py": b"c\n", "n.py": b"y\n"}


def test_edits_that_undo_each_other_change_nothing() -> None:
    edited = applied(block("a.py", "a\n", "b\n") + block("a.py", "b\n", "a\n"), {"a.py": b"a\n"})
    assert (edited.files, [report.problem for report in edited.reports]) == ({}, ["", ""])


def test_the_others_are_applied_where_one_cannot_be() -> None:
    edited = applied(block("a.py", "nowhere\n", "b\n") + block("a.py", "a\n", "b\n"), {"a.py": b"a\n"})
    assert edited.files == {"a.py": b"b\n"}
    assert [report.problem for report in edited.reports] == ["not found", ""]
