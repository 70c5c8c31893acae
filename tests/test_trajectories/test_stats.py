"""Figures of a data set, against numbers counted by hand."""

from __future__ import annotations

import pytest
from trajectory_samples import bash, episode

from trajectories.records import Action, Episode, Turn
from trajectories.render import render_action
from trajectories.stats import KINDS, EpisodeStats, Spread, action_kind, episode_stats, measure, spread, stats_by_format

VIEW = Action("str_replace_editor", (("command", "view"), ("path", "/a")))


def test_tools_and_kinds_are_counted_most_frequent_first() -> None:
    turns = (Turn("", bash("ls"), "ab"), Turn("", VIEW, "abcd"), Turn("", VIEW, ""), Turn("", Action("submit"), ""))
    stats = episode_stats([Episode("i", "t", "task", turns, None, "x")])
    assert list(stats.tools.items()) == [("str_replace_editor", 2), ("bash", 1), ("submit", 1)]
    assert stats.kinds == {"view": 2, "bash": 1, "submit": 1}
    assert stats.chars.action == Spread(6, 16.5, 26, 26, 65)  # submit 6, bash and ls 7, the views 26
    assert stats.chars.observation == Spread(0, 1.0, 4, 4, 6)


@pytest.mark.parametrize(
    ("command", "kind"),
    [("view", "view"), ("create", "create"), ("str_replace", "edit"), ("insert", "edit"), ("undo_edit", "edit")],
)
def test_the_editors_command_decides_its_kind(command: str, kind: str) -> None:
    assert action_kind(Action("str_replace_editor", (("path", "/a"), ("command", command)))) == kind


def test_a_tool_that_no_kind_names_is_other() -> None:
    assert action_kind(Action("decompile")) == "other"


def test_no_tool_is_of_two_kinds() -> None:
    tools = [tool for of_kind in KINDS.values() for tool in of_kind]
    assert len(tools) == len(set(tools))


def test_steps_and_outcomes_are_counted() -> None:
    outcomes = (True, True, False, None)
    stats = episode_stats([episode("a", str(k), steps=k + 1, resolved=o) for k, o in enumerate(outcomes)])
    assert (stats.episodes, stats.tasks, stats.steps) == (4, 1, 10)
    assert stats.steps_per_episode == Spread(1, 2.5, 4, 4, 10)
    assert (stats.resolved, stats.unresolved, stats.unknown) == (2, 1, 1)
    assert stats.resolved_share == 2 / 3


def test_no_outcome_known_gives_no_share() -> None:
    assert episode_stats([episode()]).resolved_share is None


def test_no_episodes_give_zeros() -> None:
    assert episode_stats([]) == EpisodeStats(0, 0, 0, Spread())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7], Spread(7, 7.0, 7, 7, 7)),
        (range(1, 101), Spread(1, 50.5, 95, 100, 5050)),
        (range(1, 21), Spread(1, 10.5, 19, 20, 210)),
    ],
)
def test_the_95th_percentile_is_the_nearest_rank(values: list[int], expected: Spread) -> None:
    assert spread(values) == expected


def test_each_format_has_figures_of_its_own() -> None:
    other = Episode("i", "t", "task", episode().turns, None, "other")
    figures = stats_by_format([episode(), other, episode("b")])
    assert {name: stats.episodes for name, stats in figures.items()} == {"srl-agent": 2, "other": 1}


def test_an_episode_is_as_long_as_its_task_its_calls_and_its_observations() -> None:
    turns = (Turn("why", bash("ls"), "ab"), Turn("", Action("submit"), "abc"))
    lengths = measure([Episode("i", "t", "task", turns, None, "x")], len)
    calls = len(render_action(turns[0].action)) + len(render_action(turns[1].action))
    assert (lengths.call.total, lengths.episode.total) == (calls, 4 + calls + 5)


def test_empty_thoughts_are_counted_but_not_measured() -> None:
    turns = (Turn("why", bash("ls"), ""), Turn(" ", bash("ls"), ""))
    stats = episode_stats([Episode("i", "t", "task", turns, None, "x")])
    assert (stats.steps_without_thought, stats.chars.thought) == (1, Spread(3, 3.0, 3, 3, 3))


def test_tokens_are_counted_only_with_a_tokenizer() -> None:
    one = Episode("i", "t", "mend the thing", (Turn("", bash("ls -la /tmp"), "a b c d"),), None, "x")
    assert episode_stats([one]).tokens is None
    tokens = stats_by_format([one], lambda text: len(text.split()))["x"].tokens
    assert tokens is not None
    assert (tokens.task.most, tokens.action.most, tokens.observation.most) == (3, 4, 4)
