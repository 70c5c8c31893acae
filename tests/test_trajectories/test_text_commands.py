"""SWE-agent's command texts: which become tools with named arguments, and that all else stays as it stands."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectories.formats.shell_words import simple_words
from trajectories.formats.text_commands import text_action
from trajectories.formats.tools import canonical_action
from trajectories.records import Action
from trajectories.render import parse_action, render_action

BODY = "    x = 1\n\n    return 'a' # $b"
LINES = (("start_line", "3"), ("end_line", "4"))
EDITOR = "str_replace_editor"
OWN = {
    "open a.py\n": Action("open", (("path", "a.py"),)),
    'open "my dir/a.py" 26': Action("open", (("path", "my dir/a.py"), ("line_number", "26"))),
    "goto 7": Action("goto", (("line_number", "7"),)),
    "scroll_up": Action("scroll_up"),
    "scroll_down\n": Action("scroll_down"),
    "create a.py": Action("create", (("filename", "a.py"),)),
    "search_file 'def f(' a.py": Action("search_file", (("search_term", "def f("), ("file", "a.py"))),
    'search_dir "say \\"hi\\"" src': Action("search_dir", (("search_term", 'say "hi"'), ("dir", "src"))),
    'search_dir "end$" src': Action("search_dir", (("search_term", "end$"), ("dir", "src"))),
    "find_file '*.py'": Action("find_file", (("file_name", "*.py"),)),
    "set_cursors 3 4": Action("set_cursors", LINES),
    "submit": Action("submit"),
    "submit 'flag{a}'": Action("submit", (("flag", "flag{a}"),)),
    f"edit 3:4\n{BODY}\nend_of_edit\n": Action("edit", (*LINES, ("replacement_text", BODY))),
    f"edit 3:4 << end_of_edit\n{BODY}\nend_of_edit": Action("edit", (*LINES, ("replacement_text", BODY))),
    "edit 3:4\nend_of_edit": Action("edit", LINES),
    "edit 3:4\n\nend_of_edit": Action("edit", (*LINES, ("replacement_text", ""))),
    f"edit\n{BODY}\nend_of_edit": Action("edit", (("replacement_text", BODY),)),
    "edit 'a\nb' 'c' True": Action("edit", (("search", "a\nb"), ("replace", "c"), ("replace-all", "True"))),
    "edit 'whole window\n'": Action("edit", (("text", "whole window\n"),)),
    "insert 'x\ny' 3": Action("insert", (("text", "x\ny"), ("line", "3"))),
    f"{EDITOR} view /a --view_range 1 20": Action(
        EDITOR, (("command", "view"), ("path", "/a"), ("view_range", "[1, 20]"))
    ),
    f"{EDITOR} str_replace /a --old_str 'it'\"'\"'s\n' --new_str ''": Action(
        EDITOR, (("command", "str_replace"), ("path", "/a"), ("old_str", "it's\n"), ("new_str", ""))
    ),
}


@pytest.mark.parametrize("command", OWN)
def test_an_own_command_is_a_tool_with_named_arguments(command: str) -> None:
    assert text_action(command) == OWN[command]
    assert text_action(command).original == command.strip("\n")


@pytest.mark.parametrize(
    "command",
    [
        "ls -la",
        "open a.py && ls",
        "open a.py\nls",
        "open a.py # look",
        "open src/*.py",
        "open $FILE",
        'search_dir "$HOME" src',
        "open 'a.py",
        "open",
        "search_dir a b c",
        "opening a.py",
        "./create x",
        "edit 2:2 a.py\n    x\nend_of_edit",
        "edit 2:2\n    x",
        "edit 2:2\nx\nend_of_edit\nls",
        "edit 2:2",
        f"{EDITOR} view",
        f"{EDITOR} view /a --lines 3",
        f"{EDITOR} view /a --view_range 3",
    ],
)
def test_what_is_no_exact_use_of_an_own_command_is_bash_as_it_stands(command: str) -> None:
    assert text_action(command) == Action("bash", (("command", command),))


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("execute_ipython_cell", "python"),
        ("browse_interactive", "browser"),
        ("str_replace_based_edit_tool", EDITOR),
        ("execute_bash", "bash"),
        ("finish", "submit"),
    ],
)
def test_one_tool_has_one_name_and_keeps_the_sources(name: str, canonical: str) -> None:
    action = canonical_action(name, [("x", "y")])
    assert (action.tool, action.original) == (canonical, name)


@given(st.lists(st.text(min_size=0, max_size=12), min_size=1, max_size=5))
def test_words_that_were_quoted_come_back(words: list[str]) -> None:
    assert simple_words(shlex.join(words)) == words


@given(st.text(alphabet="ab \t\"'\\$;#*\n", max_size=20))
def test_words_are_those_of_the_standard_library_wherever_there_are_any(command: str) -> None:
    words = simple_words(command)
    if words is not None and "$" not in command and "\\\n" not in command:
        assert words == shlex.split(command)


@given(st.text(max_size=40), st.sampled_from(["open ", "edit 1:2\n", "edit ", f"{EDITOR} create /a --file_text ", ""]))
def test_each_action_of_a_text_makes_the_round_trip(text: str, start: str) -> None:
    action = text_action(start + text)
    assert parse_action(render_action(action)) == action
