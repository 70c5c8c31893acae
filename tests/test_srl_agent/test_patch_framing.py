"""The framing of the issue: found in the episodes that were trained on, so that an agent's task reads like theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from srl_agent.config import DataConfig
from srl_agent.errors import ConfigError
from srl_agent.patchers.framing import framing_of, settled
from srl_agent.patchers.settings import PatchConfig
from trajectories.records import Action, Episode, Turn


def episode(task: str, command: str = "ls") -> Episode:
    return Episode("i", "t", task, (Turn("", Action("bash", (("command", command),)), ""),), None, "srl-agent")


def framed(issue: str, root: str = "/workspace/a__b__1.0", commit: str = "1" * 40) -> Episode:
    folder = root.rpartition("/")[2]
    task = (
        f"<up>\n{root}\n</up>\nIn {folder}. See\n<pr_description>\n{issue}\n</pr_description>\nFix it, not {commit}.\n"
    )
    return episode(task, f"cd {root} && ls {root}/{folder}.py")


def test_the_issue_s_place_is_found_and_names_of_one_task_are_replaced() -> None:
    framing, line = framing_of([framed("one"), framed("two\n", "/workspace/c__d__2", "2" * 40)], "x.jsonl")
    assert framing == (
        "<up>\n{root}\n</up>\nIn {root}. See\n<pr_description>\n{issue}\n</pr_description>\nFix it, not {commit}.\n"
    )
    assert line == "framing: that of 2 of 2 tasks in x.jsonl"


def test_a_task_in_the_framing_reads_as_the_episode_s() -> None:
    task = "In /testbed.\n<pr_description>\nthe issue\n\n</pr_description>\nFix it; the base is " + "3" * 40
    framing, _ = framing_of([episode(task, "cd /testbed")], "x")
    assert PatchConfig(framing=framing).task_text("the issue\n", "/testbed", "3" * 40) == task


def test_words_within_the_tags_that_all_issues_begin_with_are_the_framing_s() -> None:
    framing, _ = framing_of([framed("Consider this:\none"), framed("Consider this:\ntwo")], "x")
    assert "<pr_description>\nConsider this:\n{issue}\n</pr_description>" in framing
    assert "<pr_description>\n{issue}\n" in framing_of([framed("same\nissue"), framed("same\nissue")], "x")[0]


def test_the_most_frequent_framing_is_taken() -> None:
    other = episode("<issue_description>\none\n</issue_description>")
    assert framing_of([other, framed("a"), framed("b")], "x")[1] == "framing: that of 2 of 3 tasks in x"


def test_tasks_that_mark_no_issue_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"2 of 3 tasks in x do not say .*--options\.framing"):
        framing_of([framed("a"), episode("b"), episode("c")], "x")


def test_a_framing_that_is_given_is_kept() -> None:
    given = PatchConfig(framing="Fix: {issue}")
    assert settled(given, DataConfig(path="nowhere.jsonl")) == (given, "framing: as given")


def test_the_bundled_set_has_the_bare_issue() -> None:
    settings, line = settled(PatchConfig(), DataConfig())
    assert settings.framing == "{issue}"
    assert "bare issue" in line


def test_standard_input_cannot_be_read_for_it() -> None:
    with pytest.raises(ConfigError, match="not on standard input"):
        settled(PatchConfig(), DataConfig(path="-"))


@pytest.mark.parametrize("name", ["swegym-openhands.jsonl", "swesmith-xml.jsonl", "openhands-output"])
def test_the_framing_of_real_episodes_names_no_task(shared_data: Path, name: str) -> None:
    path = shared_data / "trajectories" / name
    settings, line = settled(PatchConfig(), DataConfig(path=str(path)))
    assert line.startswith("framing: that of ")
    assert settings.framing.count("{issue}") == 1
    assert "{root}" in settings.framing
    assert "/workspace/" not in settings.framing
    assert "__" not in settings.framing  # of a task's own name
