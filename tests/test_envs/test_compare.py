"""Which observations count as the same."""

from __future__ import annotations

import pytest

from envs.compare import compare, normalise
from trajectories.records import Action

BASH = Action("bash", (("command", "x"),))


def editor(command: str, path: str = "/testbed/a.py") -> Action:
    return Action("str_replace_editor", (("command", command), ("path", path)))


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("ok\n[The command completed with exit code 0.]", "ok"),
        ("ok\n[Current working directory: /testbed]\n[Python interpreter: /usr/bin/python]", "ok"),
        ("bad\n[Command finished with exit code 2]", "bad\n[exit status 2]"),
        ("<returncode>1</returncode>\n<output>\nbad\n</output>", "bad\n[exit status 1]"),
        ("Your command ran successfully and did not produce any output.", ""),
        ("1 passed in 0.31s", "1 passed in 12.07s"),
        ("at 0x7f12ab34cd56", "at 0x7fffffff0000"),
        ("/tmp/tmpab12/x", "/tmp/tmpzz99/x"),
        ("\x1b[31mred\x1b[0m", "red"),
        (" 10%\r 50%\r100%", "100%"),
        ("2021-01-02 10:11:12 run", "2026-11-21 00:00:01 run"),
        ("drwxr-xr-x 2 root root 4096 Jan  2 10:11 src", "drwxr-xr-x 2 root root 4096 Nov 21 09:00 src"),
        ("a  \n\nb", "a\nb"),
        ("total 44\ndrwxr-xr-x 6 root root 4096 Jan  2 10:11 d", "total 8\ndrwxr-xr-x 2 root root 120 Nov 21 09:00 d"),
        ('File "/usr/lib/python3.9/abc.py", line 3', 'File "/usr/lib/python3.9/abc.py", line 4'),
        ("index 12345678..abcdef01 100644", "index 1234567..abcdef0 100644"),
        ("exit code: 3\nok", "exit code: 3\nok"),
    ],
)
def test_what_two_runs_or_two_agents_write_differently_is_the_same(recorded: str, now: str) -> None:
    assert compare(BASH, recorded, now).same


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("1 passed in 0.31s", "2 passed in 0.31s"),
        ("ok", "ok\n[exit status 1]"),
        ("a\nb", "b\na"),
        ("x = 1", "x = 2"),
        ("0x1f", "0x2f"),
        ("", "something"),
        ("exit code: 0\nmore\n[exit status 1]", "exit code: 0\nmore"),  # a program's own line is no frame
        ('File "/testbed/a.py", line 3', 'File "/testbed/a.py", line 4'),
        ("-rw-r--r-- 1 root root 10 Jan  2 10:11 a", "-rw-r--r-- 1 root root 11 Jan  2 10:11 a"),
    ],
)
def test_what_the_repository_answers_differently_is_not(recorded: str, now: str) -> None:
    found = compare(BASH, recorded, now)
    assert not found.same
    assert found.similarity < 1


def test_views_are_compared_by_their_numbered_lines() -> None:
    recorded = "Here is the file:\n     1\tone\n     2\ttwo\n"
    assert compare(editor("view"), recorded, "1\tone\n2\ttwo").same
    assert not compare(editor("view"), recorded, "1\tone\n2\tTWO").same
    assert not compare(editor("view"), recorded, "ERROR: a.py is not a text file that can be read.").same


def test_directories_are_compared_by_the_names_of_their_first_level() -> None:
    recorded = "the files in it:\n/testbed/src\n/testbed/src/a\n/testbed/src/a/x.py\n/testbed/src/b.py"
    assert compare(editor("view", "/testbed/src"), recorded, "a/\nb.py").same
    assert not compare(editor("view", "/testbed/src"), recorded, "a/\nc.py").same


def test_edits_are_compared_by_whether_they_succeeded() -> None:
    assert compare(editor("str_replace"), "The file has been edited. 3\tx", "Edited.").same
    assert compare(
        editor("str_replace"), "No replacement was performed, old_str did not appear", "ERROR: occurs 0"
    ).same
    assert not compare(editor("create"), "File created successfully", "ERROR: a.py exists already.").same


def test_normalising_twice_changes_nothing() -> None:
    text = "run in 3.2s at 2020-01-01 00:00:00\n\x1b[1mx\x1b[0m 0xdeadbeef /tmp/abc\n[exit status 3]"
    once = normalise(text)
    assert normalise("\n".join(once)) == once


@pytest.mark.parametrize("command", ["find . -name '*.py'", "cd x && grep -rn y .", "ls | xargs grep -R y"])
def test_walking_a_directory_has_no_order(command: str) -> None:
    action = Action("bash", (("command", command),))
    assert compare(action, "b\na", "a\nb").same
    assert not compare(Action("bash", (("command", f"{command} | sort"),)), "b\na", "a\nb").same


@pytest.mark.parametrize("prefix", ["bash: ", "/bin/bash: line 1: ", "bash: line 17: ", "/usr/bin/bash: line 3: "])
def test_where_a_command_stood_in_its_shell_s_input_says_nothing(prefix: str) -> None:
    assert normalise(f"{prefix}nosuch: command not found") == ("bash: nosuch: command not found",)
