"""The stream of steps, the choice of groups, and their merging into one batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srl_agent.dynamic_sampling import StepStream, is_informative, make_blocks, merge_groups, silence, take_group


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


@pytest.mark.parametrize(
    ("rewards", "eps", "kept"),
    [
        ([0.3] * 8, 0.0, False),
        ([0.1 + 0.2, 0.3], 0.0, True),  # equal but for rounding: eps 0 keeps it, the default does not
        ([0.1 + 0.2, 0.3], 0.01, False),
        (
            [0.0, 0.02],
            0.01,
            False,
        ),  # the population deviation is exactly eps; the sample deviation is above it
        ([0.0, 0.0201], 0.01, True),
        ([-1.0, 1.0], 0.01, True),
    ],
)
def test_a_group_is_kept_when_its_population_deviation_exceeds_eps(
    rewards: list[float], eps: float, kept: bool
) -> None:
    assert is_informative(rewards, eps) is kept


def batch(prompt: int, output: int, groups: int = 1) -> dict[str, torch.Tensor]:
    rows = 2 * groups
    return {
        "prompt_ids": torch.full((rows, prompt), 5),
        "prompt_mask": torch.ones(rows, prompt, dtype=torch.long),
        "completion_ids": torch.full((rows, output), 6),
        "completion_mask": torch.ones(rows, output, dtype=torch.long),
        "advantages": torch.arange(rows, dtype=torch.float32),
        "num_items_in_batch": torch.tensor(rows * output),
    }


def test_merged_groups_are_padded_where_the_trainer_expects_it() -> None:
    merged = merge_groups([batch(2, 3), batch(4, 1)], pad_id=9)
    assert merged["prompt_ids"].tolist() == [[9, 9, 5, 5]] * 2 + [[5, 5, 5, 5]] * 2
    assert merged["prompt_mask"].tolist() == [[0, 0, 1, 1]] * 2 + [[1, 1, 1, 1]] * 2
    assert merged["completion_ids"].tolist() == [[6, 6, 6]] * 2 + [[6, 9, 9]] * 2
    assert merged["completion_mask"].tolist() == [[1, 1, 1]] * 2 + [[1, 0, 0]] * 2
    assert merged["advantages"].tolist() == [0.0, 1.0, 0.0, 1.0]


def test_taking_groups_apart_and_merging_them_gives_the_batch_back() -> None:
    whole = batch(3, 2, groups=3)
    merged = merge_groups([take_group(whole, index, 2) for index in range(3)], pad_id=9)
    assert all(torch.equal(merged[key], value) for key, value in whole.items())


def test_a_silenced_group_has_no_weight() -> None:
    quiet = silence(batch(2, 3))
    assert not quiet["advantages"].any()
    assert not quiet["completion_mask"].any()
    assert quiet["completion_ids"].any()
