"""What the expert's editor shows, changes and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.editor import edit
from envs.errors import SandboxError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("one\ntwo\nthree\n", encoding="utf-8")
    return tmp_path


def call(root: Path, command: str, path: str = "a.py", **arguments: str) -> str:
    return edit({"command": command, "path": path, **arguments}, root)


def text(root: Path) -> str:
    return (root / "a.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("view_range", "shown"),
    [
        ("[1, 1]", "1\tone"),
        ("[2, 3]", "2\ttwo\n3\tthree"),
        ("[2, -1]", "2\ttwo\n3\tthree"),
        ("[3, 99]", "3\tthree"),
    ],
)
def test_view_shows_the_lines_of_the_range(root: Path, view_range: str, shown: str) -> None:
    assert call(root, "view", view_range=view_range) == shown


def test_view_without_range_shows_the_whole_file(root: Path) -> None:
    assert call(root, "view") == "1\tone\n2\ttwo\n3\tthree"


def test_view_of_a_directory_lists_it(root: Path) -> None:
    (root / "sub").mkdir()
    assert call(root, "view", ".") == "a.py\nsub/"


@pytest.mark.parametrize("view_range", ["[0, 2]", "[4, 5]", "[3, 2]", "2", "[1]", "[1, 2, 3]", "lines", '["a", 2]'])
def test_an_impossible_range_is_told_to_the_expert(root: Path, view_range: str) -> None:
    assert call(root, "view", view_range=view_range).startswith("ERROR: view_range")


def test_view_of_a_missing_file_is_told_to_the_expert(root: Path) -> None:
    assert call(root, "view", "b.py") == "ERROR: b.py is not a text file that can be read."


def test_str_replace_changes_the_one_occurrence(root: Path) -> None:
    call(root, "str_replace", old_str="two", new_str="2\n2")
    assert text(root) == "one\n2\n2\nthree\n"


def test_str_replace_without_new_text_deletes(root: Path) -> None:
    call(root, "str_replace", old_str="two\n")
    assert text(root) == "one\nthree\n"


@pytest.mark.parametrize(("old", "times"), [("e", 3), ("four", 0), ("", 0)])
def test_str_replace_refuses_a_text_that_is_not_unique(root: Path, old: str, times: int) -> None:
    assert f"occurs {times} times" in call(root, "str_replace", old_str=old, new_str="x")
    assert text(root) == "one\ntwo\nthree\n"


def test_str_replace_keeps_carriage_returns(root: Path) -> None:
    (root / "a.py").write_bytes(b"one\r\ntwo\r\n")
    call(root, "str_replace", old_str="two", new_str="2")
    assert (root / "a.py").read_bytes() == b"one\r\n2\r\n"


def test_create_writes_a_new_file_and_its_folders(root: Path) -> None:
    call(root, "create", "new/b.py", file_text="x = 1\n")
    assert (root / "new/b.py").read_text(encoding="utf-8") == "x = 1\n"


def test_create_leaves_an_existing_file_alone(root: Path) -> None:
    assert call(root, "create", file_text="gone") == "ERROR: a.py exists already."
    assert text(root) == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("line", "after"),
    [("0", "new\none\ntwo\nthree\n"), ("2", "one\ntwo\nnew\nthree\n"), ("3", "one\ntwo\nthree\nnew\n")],
)
def test_insert_puts_the_text_after_the_line(root: Path, line: str, after: str) -> None:
    call(root, "insert", insert_line=line, new_str="new")
    assert text(root) == after


def test_insert_at_the_end_of_an_unfinished_line_starts_a_line(root: Path) -> None:
    (root / "a.py").write_text("one", encoding="utf-8")
    call(root, "insert", insert_line="1", new_str="two")
    assert text(root) == "one\ntwo\n"


@pytest.mark.parametrize("line", ["-1", "4", "two"])
def test_insert_outside_the_file_is_told_to_the_expert(root: Path, line: str) -> None:
    assert call(root, "insert", insert_line=line, new_str="x").startswith("ERROR: insert_line")


@pytest.mark.parametrize("path", ["../outside.py", "/etc/hostname", "sub/../../outside.py"])
def test_paths_may_not_leave_the_repository(root: Path, path: str) -> None:
    assert call(root, "create", path, file_text="x") == f"ERROR: {path} lies outside the repository."


def test_an_unknown_command_is_refused_with_the_known_ones(root: Path) -> None:
    with pytest.raises(SandboxError, match="view, create, str_replace, insert"):
        call(root, "undo_edit")


def test_a_missing_argument_is_named(root: Path) -> None:
    with pytest.raises(SandboxError, match="'old_str' is missing"):
        call(root, "str_replace", new_str="x")
