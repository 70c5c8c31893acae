"""Holding out whole tasks."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajectory_samples import episode as sample

from trajectories.errors import ParseError
from trajectories.records import Episode
from trajectories.steps import split_held_out


def episode(instance_id: str, run: str = "a", steps: int = 3) -> Episode:
    return replace(sample(instance_id, run, steps), task=f"mend {instance_id}")


DATA = st.lists(st.sampled_from("abcdefgh"), max_size=30).map(
    lambda ids: [episode(name, str(run), steps=1) for run, name in enumerate(ids)]
)
ROOM = st.integers(0, 12)


@given(DATA, ROOM, st.integers(0, 5))
def test_no_task_is_on_both_sides_and_none_is_lost(episodes: list[Episode], n: int, seed: int) -> None:
    train, held_out = split_held_out(episodes, n, seed)
    assert not {e.instance_id for e in train} & {e.instance_id for e in held_out}
    assert sorted(e.traj_id for e in train + held_out) == sorted(e.traj_id for e in episodes)


@given(DATA, ROOM, st.integers(0, 5))
def test_never_more_than_asked_or_than_a_third(episodes: list[Episode], n: int, seed: int) -> None:
    held_out = split_held_out(episodes, n, seed)[1]
    assert len(held_out) <= n
    assert 3 * len(held_out) <= len(episodes)


@given(DATA, ROOM, st.randoms(use_true_random=False))
def test_the_order_of_the_files_changes_nothing(episodes: list[Episode], n: int, chance: Random) -> None:
    other = list(episodes)
    chance.shuffle(other)
    assert {e.traj_id for e in split_held_out(other, n, 1)[1]} == {e.traj_id for e in split_held_out(episodes, n, 1)[1]}


def test_single_runs_fill_the_room_exactly() -> None:
    episodes = [episode(f"task-{k}") for k in range(40)]
    assert len(split_held_out(episodes, 10, 0)[1]) == 10


def test_another_seed_holds_out_other_tasks() -> None:
    episodes = [episode(f"task-{k}") for k in range(40)]
    assert split_held_out(episodes, 10, 0)[1] != split_held_out(episodes, 10, 1)[1]


def test_a_task_too_big_for_the_room_stays_in_training() -> None:
    episodes = [episode("big", str(run)) for run in range(6)] + [episode(f"task-{k}") for k in range(3)]
    assert {e.instance_id for e in split_held_out(episodes, 3, 0)[1]} == {"task-0", "task-1", "task-2"}


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ParseError, match="expected 0 or more"):
        split_held_out([], -1, 0)


@given(DATA, ROOM, st.integers(0, 5))
def test_a_group_of_any_kind_stays_on_one_side(episodes: list[Episode], n: int, seed: int) -> None:
    train, held_out = split_held_out(episodes, n, seed, lambda e: "ab" if e.instance_id in "ab" else e.instance_id)
    assert not ({"a", "b"} & {e.instance_id for e in train} and {"a", "b"} & {e.instance_id for e in held_out})


def test_episodes_of_no_known_group_stay_in_training() -> None:
    episodes = [episode(f"task-{k}") for k in range(9)]
    train, held_out = split_held_out(episodes, 3, 0, lambda _: "")
    assert (len(train), held_out) == (9, [])


def test_one_task_under_several_names_stays_on_one_side() -> None:
    names = ["A__b-1", "a_1776_b-1", "a__b-1", "conversation-77"]
    same = [replace(episode(name, str(run)), task="mend  a\n") for run, name in enumerate(names[:3])]
    by_text = replace(episode(names[3]), task="mend a")
    others = [episode(f"task-{k}") for k in range(30)]
    for seed in range(20):
        held_out = {e.instance_id for e in split_held_out([*same, by_text, *others], 10, seed)[1]}
        assert len(held_out & set(names)) in (0, 4)


def test_a_task_of_unknown_group_goes_with_its_text() -> None:
    known = [replace(episode(f"task-{k}"), task=f"text {k}") for k in range(9)]
    unknown = [replace(episode(f"run-{k}"), task=f"text {k}") for k in range(9)]
    train, held_out = split_held_out(
        [*known, *unknown], 6, 0, lambda e: e.instance_id if e.instance_id.startswith("task") else ""
    )
    assert len(held_out) == 6
    assert not {e.task for e in train} & {e.task for e in held_out}
