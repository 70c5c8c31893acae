"""The stream of steps: its blocks, its epochs, its rests, and that a few numbers restore it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srl_agent.step_stream import StepStream, make_blocks


def singles(rows: int) -> list[list[int]]:
    return make_blocks([(f"run {row}", 1) for row in range(rows)], "shuffle")


STEPS = [("b", 2), ("a", 1), ("b", 1), ("a", 3), ("a", 2), ("c", 1)]


@pytest.mark.parametrize(
    ("batching", "blocks"),
    [
        ("shuffle", [[2], [0], [1], [4], [3], [5]]),
        ("episode", [[2, 0], [1, 4, 3], [5]]),
        ("steps:2", [[2, 0], [1, 4], [3], [5]]),
    ],
)
def test_blocks_are_consecutive_steps_of_one_episode(batching: str, blocks: list[list[int]]) -> None:
    assert make_blocks(STEPS, batching) == blocks


def test_a_block_stays_together_when_the_stream_is_shuffled() -> None:
    stream = StepStream(make_blocks([(f"run {row // 5}", row % 5) for row in range(50)], "episode"), seed=3)
    epoch = stream.take(50)
    assert sorted(epoch) == list(range(50)) != epoch
    assert all(
        epoch[start] % 5 == 0 and epoch[start : start + 5] == list(range(epoch[start], epoch[start] + 5))
        for start in range(0, 50, 5)
    )


@given(st.integers(1, 30), st.lists(st.integers(0, 40), max_size=8))
def test_every_epoch_visits_each_row_once(rows: int, counts: list[int]) -> None:
    stream = StepStream(singles(rows), seed=5)
    taken = [index for count in counts for index in stream.take(count)]
    epochs = [taken[start : start + rows] for start in range(0, len(taken), rows)]
    assert all(len(set(epoch)) == len(epoch) for epoch in epochs)
    assert all(sorted(epoch) == list(range(rows)) for epoch in epochs if len(epoch) == rows)


@given(st.integers(1, 20), st.integers(0, 60), st.integers(0, 60))
def test_the_position_alone_restores_a_stream(rows: int, before: int, after: int) -> None:
    unbroken = StepStream(singles(rows), seed=1)
    unbroken.take(before)
    assert StepStream(singles(rows), 1, position=before).take(after) == unbroken.take(after)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    first, second = StepStream(singles(50), 0), StepStream(singles(50), 1)
    epoch = first.take(50)
    assert epoch != first.take(50)
    assert epoch != second.take(50)


def test_resting_rows_are_passed_over_for_whole_epochs() -> None:
    stream = StepStream(singles(4), seed=0, rest_epochs=2)
    first = stream.take(4)
    stream.rest(first[:1])
    assert sorted(stream.take(2 * 3)) == sorted(first[1:] * 2)
    assert stream.asleep == 0
    assert sorted(stream.take(4)) == [0, 1, 2, 3]


def test_a_stream_whose_rows_all_rest_goes_on() -> None:
    stream = StepStream(singles(3), seed=0, rest_epochs=100)
    stream.rest([0, 1, 2])
    assert sorted(stream.take(3)) == [0, 1, 2]


@given(st.integers(1, 12), st.integers(0, 4), st.lists(st.integers(0, 9), max_size=6))
def test_its_state_restores_a_stream_with_its_resting_rows(rows: int, epochs: int, counts: list[int]) -> None:
    stream = StepStream(singles(rows), 1, rest_epochs=epochs)
    for count in counts:
        stream.rest(stream.take(count)[:1])
    other = StepStream(singles(rows), 1, rest_epochs=epochs)
    other.restore(json.loads(json.dumps(stream.state())))
    assert other.take(20) == stream.take(20)
