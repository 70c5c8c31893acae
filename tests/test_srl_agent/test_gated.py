"""The `gated` reward: which gate closes, and what the likeness behind the gates earns."""

from __future__ import annotations

import pytest

from srl_agent.config import Config, RewardConfig
from srl_agent.config_load import validate
from srl_agent.errors import ConfigError, ScoreError
from srl_agent.rewards import build_reward
from srl_agent.rewards.gated import graded
from srl_agent.swe import SweDomain
from trajectories.records import Action
from trajectories.render import render_action

REWARD = build_reward(RewardConfig(name="gated"))


def bash(command: str) -> str:
    return render_action(Action("bash", (("command", command),)))


def edit(command: str, path: str, **arguments: str) -> str:
    return render_action(Action("str_replace_editor", (("command", command), ("path", path), *arguments.items())))


def view(path: str, lines: str = "") -> str:
    return edit("view", path, **({"view_range": lines} if lines else {}))


def replace(old: str, new: str, path: str = "/testbed/a/b.py") -> str:
    return edit("str_replace", path, old_str=old, new_str=new)


SUBMIT = render_action(Action("submit"))
SEARCH = render_action(Action("search_dir", (("search_term", "x"),)))
OLD, NEW = "x" * 10, "y" * 10
CASES = [
    # tool
    ("the same", bash("ls"), bash("ls"), 1.0),
    ("another tool", view("a/b.py"), bash("cat a/b.py"), 0.0),
    ("no arguments", SUBMIT, SUBMIT, 1.0),
    # target of the editor
    ("another command of the editor", edit("create", "a/b.py", file_text="t"), view("a/b.py"), 0.0),
    ("another file", view("/testbed/a/c.py"), view("/testbed/a/b.py"), 0.0),
    ("a file of that name elsewhere", view("/testbed/z/b.py"), view("/testbed/a/b.py"), 0.0),
    ("another root", view("/testbed/a/b.py"), view("/workspace/x/a/b.py"), 1.0),
    ("the lines", view("a/b.py", "[1, 10]"), view("a/b.py", "[1, 10]"), 1.0),
    ("one line", view("a/b.py", "[3, 3]"), view("a/b.py", "[3, 3]"), 1.0),
    ("8 of 10 lines", view("a/b.py", "[3, 30]"), view("a/b.py", "[1, 10]"), 1.0),
    ("7 of 10 lines", view("a/b.py", "[4, 30]"), view("a/b.py", "[1, 10]"), 0.0),
    ("other lines", view("a/b.py", "[40, 50]"), view("a/b.py", "[1, 10]"), 0.0),
    ("the whole file", view("a/b.py"), view("a/b.py", "[1, 10]"), 1.0),
    ("to the end", view("a/b.py", "[5, -1]"), view("a/b.py", "[5, -1]"), 1.0),
    ("not to the end", view("a/b.py", "[5, 900]"), view("a/b.py", "[5, -1]"), 0.0),
    ("a range that is none", view("a/b.py", "all"), view("a/b.py", "[5, 9]"), 1.0),
    # target of the shell
    ("another program", bash("cat a/b.py"), bash("grep x a/b.py"), 0.0),
    ("a program by its path", bash("/bin/cat a/bcdef.py"), bash("cat a/bcdef.py"), graded(34 / 39)),
    ("no path in common", bash("cat aa/b.py"), bash("cat aa/c.py"), 0.0),
    ("the program behind cd", bash("cd /r && pytest a/b.py"), bash("cd /r && python x.py a/b.py"), 0.0),
    ("a line without a program", bash("#"), bash("ls"), 0.0),
    # likeness
    ("a nearly equal line", bash("grep -n abcdefghij a/b.py"), bash("grep -n abcdefghiX a/b.py"), 1.0),
    ("a partly equal line", bash("echo abcd"), bash("echo wxyz"), graded(10 / 18)),
    ("quite another line", bash("ls aaaaaaaaaaaa"), bash("ls bbbbbbbbbbbbbbbbbb"), 0.0),
    ("the old text only", replace(OLD, NEW), replace(OLD, "z" * 10), 0.0),
    ("the new text only", replace(OLD, NEW), replace("z" * 10, NEW), 0.0),
    ("half of the new text", replace(OLD, "yyyyyzzzzz"), replace(OLD, NEW), graded(0.5)),
    ("nothing put in, by both", replace(OLD, ""), replace(OLD, ""), 1.0),
    ("a created file", edit("create", "n.py", file_text="abcd"), edit("create", "n.py", file_text="abXX"), graded(0.5)),
    ("undone", edit("undo_edit", "a.py"), edit("undo_edit", "a.py"), 1.0),
    ("another tool's values", SEARCH, SEARCH.replace("x", "y"), 0.0),
]


@pytest.mark.parametrize(("policy", "expert", "reward"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_table(policy: str, expert: str, reward: float) -> None:
    assert REWARD([(policy, expert)]) == [pytest.approx(reward)]


def test_values_of_a_batch_stay_with_their_pairs() -> None:
    assert REWARD([case[1:3] for case in CASES]) == pytest.approx([case[3] for case in CASES])


@pytest.mark.parametrize(("likeness", "reward"), [(0, 0), (0.399, 0), (0.4, 0.5), (0.6, 0.75), (0.8, 1), (1, 1)])
def test_likeness_is_graded_between_0_4_and_0_8(likeness: float, reward: float) -> None:
    assert graded(likeness) == pytest.approx(reward)


def test_the_configured_text_does_not_hide_tool_and_arguments() -> None:
    config = Config.model_validate({"reward": {"name": "gated", "text": "body"}})
    (score,) = SweDomain().scorer(config)([f"<think>t</think>{view('/x/a/b.py')}"], [view("/testbed/a/b.py")])
    assert (score.reward, score.exact) == (1.0, False)


def test_an_action_that_is_no_call_is_an_error() -> None:
    with pytest.raises(ScoreError, match="gated compares calls"):
        REWARD([("ls", "ls")])


def test_whole_episodes_in_one_output_are_refused() -> None:
    with pytest.raises(ConfigError, match="gated reads one action"):
        validate({"reward": {"name": "gated"}, "srl": {"target": "episode"}})
