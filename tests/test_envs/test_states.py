"""States of one task: each reached once, from the longest known beginning, whatever failed on the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from calls import bash, editor

from envs.base import Backend, Sandbox, Spec
from envs.demo.place import placer
from envs.errors import SandboxError
from envs.states import Walk
from envs.toolbox import Toolbox
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Action

System = tuple[str, Backend, Spec]


@pytest.fixture
def walk(system: System) -> Iterator[Walk]:
    walk = Walk(system[1], system[2], placer("wallet__parse_rate"), timeout=20.0)
    yield walk
    walk.close()


EDIT = editor("str_replace", "rates.py", old_str="float(text[:-1])", new_str="float(text[:-1]) / 100")


def said(tools: Toolbox, command: str) -> str:
    try:
        return tools.do(bash(command)).text
    finally:
        tools.sandbox.close()


def test_any_step_is_reached_again_in_any_order_and_forks_do_not_meet(walk: Walk) -> None:
    episode = next(e for e in read_episodes(EPISODES)[0] if e.instance_id == "wallet__parse_rate")
    actions = [turn.action for turn in episode.turns]
    for place in (5, 0, 4, 5):  # step k's state is the one after k-1 actions
        tools = walk.before(actions[:place])
        assert tools.do(actions[place]).text == episode.turns[place].observation
        assert said(tools, "rm -f *.py") == ""
    assert len(walk.states) == 6


def test_another_last_action_walks_that_action_only(walk: Walk) -> None:
    count = bash("echo x >> /tmp/count")
    assert said(walk.before([count, count, bash("echo a > which")]), "cat /tmp/count which | xargs") == "x x a"
    assert said(walk.before([count, count, bash("echo b > which")]), "cat /tmp/count which | xargs") == "x x b"
    assert said(walk.before([count, bash("cd checks")]), "cat /tmp/count; basename $PWD") == "x\nchecks"
    assert len(walk.states) == 6


def test_what_only_reads_takes_no_snapshot_of_its_own(walk: Walk) -> None:
    actions = [EDIT, editor("view", "rates.py"), Action("think", (("thought", "x"),)), bash("true")]
    walk.before(actions).sandbox.close()
    assert len({state.snapshot for state in walk.states.values()}) == 3
    tools = walk.before(actions)
    assert tools.do(editor("undo_edit", "rates.py")).text == "Undone."
    tools.sandbox.close()


def test_a_fork_can_still_undo_what_was_edited_before_it(walk: Walk) -> None:
    tools = walk.before([EDIT])
    assert tools.do(editor("undo_edit", "rates.py")).text == "Undone."
    assert b"/ 100" not in tools.sandbox.read_file("/testbed/rates.py").splitlines()[4]
    tools.sandbox.close()


class NoSnapshots:
    """A sandbox that refuses the snapshots from the second on, until it is told otherwise."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.made, self.refuses = sandbox, 0, True

    def __getattr__(self, name: str) -> object:
        return getattr(self.sandbox, name)

    def snapshot(self) -> str:
        self.made += 1
        if self.made > 1 and self.refuses:
            raise SandboxError("no room")
        return self.sandbox.snapshot()


class Refusing:
    """A backend of such sandboxes."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def start(self, spec: Spec) -> NoSnapshots:
        self.sandbox = NoSnapshots(self.backend.start(spec))
        return self.sandbox


def test_after_a_snapshot_that_failed_each_state_is_still_that_of_its_actions(system: System) -> None:
    refusing = Refusing(system[1])
    walk = Walk(refusing, system[2])  # type: ignore[arg-type]
    count = bash("echo x >> count")
    with pytest.raises(SandboxError, match="no room"):
        walk.before([count])
    refusing.sandbox.refuses = False
    assert said(walk.before([count, count]), "cat count | xargs") == "x x"
    walk.close()
