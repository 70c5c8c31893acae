"""What the agent's editor shows, changes, refuses and takes back."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.base import Sandbox
from envs.text_editor import COMMANDS, Editor


@pytest.fixture
def editor(shared_sandbox: Sandbox, folder: str) -> Editor:
    shared_sandbox.write_file(f"{folder}/a.py", b"one\ntwo\nthree\n")
    return Editor(shared_sandbox, folder)


def call(editor: Editor, command: str, path: str = "a.py", **arguments: str) -> str:
    return editor.edit({"command": command, "path": path, **arguments})


def text(editor: Editor, path: str = "a.py") -> str:
    return editor.sandbox.read_file(f"{editor.root}/{path}").decode()


@pytest.mark.parametrize(
    ("view_range", "shown"),
    [
        ("[1, 1]", "1\tone"),
        ("[2, 3]", "2\ttwo\n3\tthree"),
        ("[2, -1]", "2\ttwo\n3\tthree"),
        ("[3, 99]", "3\tthree"),
    ],
)
def test_view_shows_the_lines_of_the_range(editor: Editor, view_range: str, shown: str) -> None:
    assert call(editor, "view", view_range=view_range) == shown


def test_view_without_range_shows_the_whole_file(editor: Editor) -> None:
    assert call(editor, "view") == "1\tone\n2\ttwo\n3\tthree"


def test_paths_may_be_absolute(editor: Editor) -> None:
    assert call(editor, "view", f"{editor.root}/a.py", view_range="[1, 1]") == "1\tone"


def test_view_of_a_directory_lists_it_without_what_is_hidden(editor: Editor) -> None:
    editor.sandbox.write_file(f"{editor.root}/sub/b.py", b"")
    editor.sandbox.write_file(f"{editor.root}/.hidden", b"")
    assert call(editor, "view", ".") == "a.py\nsub/"


@pytest.mark.parametrize("view_range", ["[0, 2]", "[4, 5]", "[3, 2]", "2", "[1]", "[1, 2, 3]", "lines", '["a", 2]'])
def test_an_impossible_range_is_told_to_the_agent(editor: Editor, view_range: str) -> None:
    assert call(editor, "view", view_range=view_range).startswith("ERROR: view_range")


def test_a_missing_or_binary_file_is_told_to_the_agent(editor: Editor) -> None:
    editor.sandbox.write_file(f"{editor.root}/binary", b"\xff\x00")
    assert call(editor, "view", "b.py") == "ERROR: b.py is not a text file that can be read."
    assert call(editor, "view", "binary") == "ERROR: binary is not a text file that can be read."


def test_str_replace_changes_the_one_occurrence(editor: Editor) -> None:
    assert call(editor, "str_replace", old_str="two", new_str="2\n2") == "Edited."
    assert text(editor) == "one\n2\n2\nthree\n"


def test_str_replace_without_new_text_deletes(editor: Editor) -> None:
    call(editor, "str_replace", old_str="two\n")
    assert text(editor) == "one\nthree\n"


@pytest.mark.parametrize(("old", "times"), [("e", 3), ("four", 0), ("", 0)])
def test_str_replace_refuses_a_text_that_is_not_unique(editor: Editor, old: str, times: int) -> None:
    assert f"occurs {times} times" in call(editor, "str_replace", old_str=old, new_str="x")
    assert text(editor) == "one\ntwo\nthree\n"


def test_str_replace_keeps_carriage_returns(editor: Editor) -> None:
    editor.sandbox.write_file(f"{editor.root}/a.py", b"one\r\ntwo\r\n")
    call(editor, "str_replace", old_str="two", new_str="2")
    assert editor.sandbox.read_file(f"{editor.root}/a.py") == b"one\r\n2\r\n"


def test_create_writes_a_new_file_and_its_folders(editor: Editor) -> None:
    call(editor, "create", "new/b.py", file_text="x = 'ä'\n")
    assert text(editor, "new/b.py") == "x = 'ä'\n"


def test_create_leaves_an_existing_file_alone(editor: Editor) -> None:
    assert call(editor, "create", file_text="gone") == "ERROR: a.py exists already."
    assert text(editor) == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("line", "after"),
    [("0", "new\none\ntwo\nthree\n"), ("2", "one\ntwo\nnew\nthree\n"), ("3", "one\ntwo\nthree\nnew\n")],
)
def test_insert_puts_the_text_after_the_line(editor: Editor, line: str, after: str) -> None:
    call(editor, "insert", insert_line=line, new_str="new")
    assert text(editor) == after


def test_insert_at_the_end_of_an_unfinished_line_starts_a_line(editor: Editor) -> None:
    editor.sandbox.write_file(f"{editor.root}/a.py", b"one")
    call(editor, "insert", insert_line="1", new_str="two")
    assert text(editor) == "one\ntwo\n"


@pytest.mark.parametrize("line", ["-1", "4", "two"])
def test_insert_outside_the_file_is_told_to_the_agent(editor: Editor, line: str) -> None:
    assert call(editor, "insert", insert_line=line, new_str="x").startswith("ERROR: insert_line")


def test_undo_takes_back_one_change_at_a_time_and_a_created_file_last(editor: Editor) -> None:
    call(editor, "create", "n.py", file_text="1\n")
    call(editor, "str_replace", "n.py", old_str="1", new_str="2")
    call(editor, "str_replace", "n.py", old_str="2", new_str="3")
    assert call(editor, "undo_edit", "n.py") == "Undone."
    assert text(editor, "n.py") == "2\n"
    call(editor, "undo_edit", "n.py")
    call(editor, "undo_edit", "n.py")
    assert call(editor, "view", "n.py").startswith("ERROR")
    assert call(editor, "undo_edit", "n.py") == "ERROR: no edit of n.py to take back."


def test_an_unknown_command_and_a_missing_argument_are_told_to_the_agent(editor: Editor) -> None:
    assert "view, create, str_replace, insert, undo_edit" in call(editor, "delete")
    assert call(editor, "str_replace", new_str="x") == "ERROR: the argument 'old_str' is missing."


@pytest.mark.parametrize("view_range", ["[1, 1e999]", "[" * 20_000, "[1, NaN]", "[1" + "0" * 5000 + ", 2]"])
def test_a_range_that_is_no_pair_of_numbers_is_told_to_the_agent(editor: Editor, view_range: str) -> None:
    assert call(editor, "view", view_range=view_range).startswith("ERROR: view_range")


@pytest.mark.parametrize("path", ["a\ud800", "a\0b"])
@pytest.mark.parametrize("command", ["view", "create", "str_replace", "insert", "undo_edit"])
def test_a_path_that_no_file_can_have_is_told_to_the_agent(editor: Editor, command: str, path: str) -> None:
    arguments = {"file_text": "x", "old_str": "x", "new_str": "y", "insert_line": "0"}
    assert call(editor, command, path, **arguments).startswith("ERROR: the path")


def test_an_undo_that_fails_can_be_made_once_its_folder_is_back(editor: Editor) -> None:
    editor.sandbox.write_file(f"{editor.root}/d/f", b"1")
    call(editor, "str_replace", "d/f", old_str="1", new_str="2")
    editor.sandbox.run("rm -r d; touch d", cwd=editor.root)
    assert call(editor, "undo_edit", "d/f") == "ERROR: d/f cannot be written."
    editor.sandbox.run("rm d", cwd=editor.root)
    assert call(editor, "undo_edit", "d/f") == "Undone."
    assert text(editor, "d/f") == "1"


WORDS = st.text(st.characters(codec=None), max_size=20)
PATHS = st.one_of(WORDS, st.sampled_from(["a.py", ".", "", "a.py/b", "/", "new/" * 50, "x" * 300, "/dev/null"]))
JSON = st.recursive(st.one_of(st.integers(), st.floats(), st.text(max_size=3), st.none()), st.lists).map(json.dumps)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    command=st.sampled_from([*COMMANDS, "delete"]),
    path=PATHS,
    view_range=st.one_of(WORDS, JSON),
    line=st.one_of(WORDS, st.integers().map(str)),
    old=WORDS,
    new=WORDS,
)
def test_whatever_a_model_writes_as_arguments_is_answered(
    editor: Editor, command: str, path: str, view_range: str, line: str, old: str, new: str
) -> None:
    arguments = {"view_range": view_range, "insert_line": line, "old_str": old, "new_str": new, "file_text": new}
    assert isinstance(call(editor, command, path, **arguments), str)
