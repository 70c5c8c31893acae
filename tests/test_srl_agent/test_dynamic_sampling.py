"""The choice of groups, how many prompts are drawn for them, and their merging into one batch."""

from __future__ import annotations

import pytest
import torch

from srl_agent.dynamic_sampling import OLD_LOGPS, Oversampling, is_informative, merge_groups, silence, take_group


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


def test_fresh_groups_get_no_old_log_probabilities_beside_carried_ones() -> None:
    carried = {**batch(2, 3), OLD_LOGPS: torch.full((2, 3), -1.0)}
    merged = merge_groups([carried, batch(2, 4)], pad_id=9)
    assert merged[OLD_LOGPS][:2].tolist() == [[-1.0, -1.0, -1.0, 0.0]] * 2
    assert bool(merged[OLD_LOGPS][2:].isnan().all())
    assert OLD_LOGPS not in merge_groups([batch(2, 3)], pad_id=9)


@pytest.mark.parametrize(
    ("most", "kept_ratios", "prompts"),
    [(1.0, [0.1, 0.1], 6), (4.0, [], 6), (4.0, [0.0], 12), (4.0, [0.5, 0.5], 10), (3.0, [0.0] * 9, 18)],
)
def test_as_many_prompts_are_drawn_as_the_recent_kept_ratio_asks_for(
    most: float, kept_ratios: list[float], prompts: int
) -> None:
    oversampling = Oversampling(most)
    for ratio in kept_ratios:
        oversampling.learn(ratio)
    assert oversampling.prompts(6) == prompts
