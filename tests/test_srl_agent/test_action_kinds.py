"""Kinds of calls: the tool, and the class of what a shell line runs first."""

from __future__ import annotations

import pytest

from srl_agent.action_kinds import MOVES, SHELL_CLASSES, call_kind, shell_class
from trajectories.records import Action
from trajectories.render import render_action


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ls -la", "read"),
        ("cat f | grep x", "read"),
        ("sed -n 1,3p f", "read"),
        ("grep -rn foo . | head 2>/dev/null", "search"),
        ("find . -name x -exec rm {} ;", "search"),
        ("sed -i s/a/b/ f", "edit"),
        ("perl -pi -e s/a/b/ f", "edit"),
        ("cat > a.py <<'EOF'\nimport os\nEOF", "edit"),
        ("echo x >> notes", "edit"),
        ("cd /testbed && python -m pytest -x", "run"),
        ("timeout 5 python3.11 x.py > /tmp/out 2>&1", "run"),
        ("PYTHONPATH=. pytest", "run"),
        ("git diff > patch.txt", "git"),
        ("frobnicate 2>&1", "other"),
        ("echo hi", "other"),
        ("", "other"),
        ("((", "other"),
    ],
)
def test_the_first_command_that_does_more_than_prepare_gives_the_class(line: str, expected: str) -> None:
    assert shell_class(line) == expected


def test_a_program_has_one_class() -> None:
    programs = [name for names in (*SHELL_CLASSES.values(), MOVES) for name in names]
    assert len(programs) == len(set(programs))


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action("bash", (("command", "ls"),)), "bash-read"),
        (Action("str_replace_editor", (("command", "view"), ("path", "/a"))), "view"),
        (Action("str_replace_editor", (("command", "str_replace"), ("path", "/a"))), "edit"),
        (Action("submit"), "submit"),
        (Action("unheard_of"), "other"),
    ],
)
def test_a_call_has_the_kind_of_its_tool(action: Action, expected: str) -> None:
    assert call_kind(render_action(action)) == expected


@pytest.mark.parametrize("text", ["", "x + 1 = 2", "<function=bash>"])
def test_what_is_no_call_has_no_kind(text: str) -> None:
    assert call_kind(text) == ""
