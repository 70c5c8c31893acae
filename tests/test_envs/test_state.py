"""When two actions do the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from calls import bash, editor

from envs.base import Backend, Spec
from envs.demo.place import placer
from envs.state import act, differences, state_reward
from envs.states import Walk
from trajectories.records import Action

System = tuple[str, Backend, Spec]


@pytest.fixture(scope="module")
def walk(system: System) -> Iterator[Walk]:
    walk = Walk(system[1], system[2], placer("wallet__parse_rate"), timeout=20.0)
    yield walk
    walk.close()


def compare(walk: Walk, first: Action, second: Action) -> tuple[str, ...]:
    effects = []
    for action in (first, second):
        tools = walk.before([])
        effects.append(act(tools, action))
        tools.sandbox.close()
    return differences(*effects)


EDIT = editor("str_replace", "rates.py", old_str="float(text[:-1])", new_str="float(text[:-1]) / 100")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (bash("grep -n 'def parse_rate' *.py"), bash('grep -n "def parse_rate" rates.py /dev/null')),
        (bash("cat rates.py"), bash("sed -n '1,$p' rates.py")),
        (bash("mkdir d; touch d/x; rm -r d"), bash("true")),
        (bash("echo a > n.txt; echo b >> n.txt"), bash("printf 'a\\nb\\n' > n.txt")),
        (bash("cd checks && export A=1"), bash("export A=1; cd ./checks/../checks")),
        (bash("exit 3"), bash("(exit 3)")),
        (bash("python run_tests.py parse_rate"), bash("python ./run_tests.py parse_rate")),
    ],
)
def test_other_words_for_the_same_are_equivalent(walk: Walk, first: Action, second: Action) -> None:
    assert compare(walk, first, second) == ()


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        (bash("true"), bash("false"), {"exit_code", "output"}),
        (bash("echo a > n.txt"), bash("echo b > n.txt"), {"files"}),
        (bash("true"), bash("rm rates.py"), {"files"}),
        (bash("true"), bash("mkdir empty"), {"files"}),
        (bash("true"), bash("cd checks"), {"shell"}),
        (bash("true"), bash("export A=1"), {"shell"}),
        (bash("ln -s rates.py l"), bash("ln -s run_tests.py l"), {"files"}),
        (bash("cat rates.py"), bash("cat run_tests.py"), {"output"}),
        (EDIT, bash("sed -i 's/x/y/' rates.py"), {"output"} | {"files"}),
    ],
)
def test_what_differs_is_named(walk: Walk, first: Action, second: Action, what: set[str]) -> None:
    assert what <= set(compare(walk, first, second))


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        (Action("submit"), Action("think", (("thought", "x"),)), "action"),
        (Action("submit"), bash("true"), "action"),
        (Action("browser", (("url", "a"),)), Action("browser", (("url", "zzz"),)), "action"),
        (bash("chmod 777 rates.py"), bash("touch rates.py"), "files"),
        (bash("chmod 755 rates.py"), bash("chmod 600 rates.py"), "files"),
        (bash("mkdir d"), bash("mkfifo d"), "files"),
        (bash("sed -i s/a/EVIL/ rates.py; touch -d 2099-01-01 /tmp/.effect"), bash("true"), "files"),
        (bash("sed -i s/a/EVIL/ rates.py; touch -r run_tests.py rates.py"), bash("true"), "files"),
        (bash("git init -q; git add rates.py"), bash("git init -q"), "files"),
        (bash("unset HOME"), bash("true"), "shell"),
    ],
)
def test_what_looks_alike_and_is_not_is_told_apart(walk: Walk, first: Action, second: Action, what: str) -> None:
    assert what in compare(walk, first, second)


def test_a_file_written_again_with_its_own_content_is_no_difference(walk: Walk) -> None:
    assert compare(walk, bash("sed -i s/no-such-text/yy/ rates.py"), bash("true")) == ()


BREAKING = {
    "docker": ("rm -f /usr/bin/find", "mv /bin/bash /bin/gone; kill -9 -1"),
    "bubblewrap": ("truncate -s 200G big",),  # its /usr is the host's, read-only; docker refuses so large a file
}


@pytest.mark.parametrize("command", ["chmod 000 rates.py", "cd /; rm -rf /testbed; true", 0, 1])
def test_a_state_that_cannot_be_read_is_like_no_other_and_costs_no_other(
    system: System, walk: Walk, command: str | int
) -> None:
    if isinstance(command, int):
        command = BREAKING[system[0]][min(command, len(BREAKING[system[0]]) - 1)]
    effects = []
    for action in (bash(command), bash(command), bash("true")):
        tools = walk.before([])
        effects.append(act(tools, action, read_seconds=2.0))
        tools.sandbox.close()
    assert differences(effects[0], effects[1]) == ("unreadable",)
    assert effects[0].unreadable
    assert not effects[2].unreadable


def test_an_edit_by_the_shell_changes_what_the_editor_changes(walk: Walk) -> None:
    shell = bash("sed -i 's|float(text\\[:-1\\])|float(text[:-1]) / 100|' rates.py; echo Edited.")
    assert compare(walk, EDIT, shell) == ()


def test_only_equivalence_earns_the_whole_reward() -> None:
    assert state_reward(1.0, True) == state_reward(0.2, True) == 1.0
    assert state_reward(1.0, False) == 0.9
    assert state_reward(0.5, False) == 0.45
