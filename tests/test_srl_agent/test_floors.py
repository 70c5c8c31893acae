"""Reward floors: the pairs they compare, by hand-computed means."""

from __future__ import annotations

import pytest

from srl_agent.config import RewardConfig
from srl_agent.floors import OTHER, PREVIOUS, evenly, reward_floors
from srl_agent.rewards import build_reward
from trajectories.records import StepExample

EXACT = build_reward(RewardConfig(name="exact"))
SIMILARITY = build_reward(RewardConfig())


def run(traj_id: str, *actions: str) -> list[StepExample]:
    return [
        StepExample((), action, "", "task", traj_id, number, len(actions), "test", None)
        for number, action in enumerate(actions, start=1)
    ]


def identity(text: str) -> str:
    return text


def test_the_previous_action_is_the_neighbour_of_the_same_run() -> None:
    steps = [*run("a", "x", "x", "y"), *run("b", "y", "z", "z")]
    assert reward_floors(steps, EXACT, identity)[PREVIOUS] == 2 / 4


def test_another_action_is_never_the_step_itself_nor_of_another_run() -> None:
    steps = [*run("a", "1", "2", "3", "4", "5"), *run("b", "1", "2")]
    assert reward_floors(steps, EXACT, identity)[OTHER] == 0.0


def test_another_action_goes_through_all_distances() -> None:
    steps = run("a", "ab", "cd", "ac")
    pairs = [("cd", "ab"), ("ab", "cd"), ("ab", "ac")]  # distances 1, 2, 1
    assert reward_floors(steps, SIMILARITY, identity)[OTHER] == sum(SIMILARITY(pairs)) / 3


def test_an_unskilled_form_is_compared_with_every_action() -> None:
    steps = run("a", "view f", "view", "edit g")
    floors = reward_floors(steps, EXACT, identity, {"tool": lambda action: action.split()[0]})
    assert floors["tool"] == pytest.approx(1 / 3)


def test_the_comparable_text_is_what_counts() -> None:
    assert reward_floors(run("a", "x", "X"), EXACT, str.lower)[PREVIOUS] == 1.0


def test_steps_that_were_thinned_out_have_no_previous_action() -> None:
    steps = run("a", "x", "x", "x")
    assert PREVIOUS not in reward_floors([steps[0], steps[2]], EXACT, identity)


@pytest.mark.parametrize("steps", [[], run("a", "x")])
def test_a_floor_without_pairs_is_left_out(steps: list[StepExample]) -> None:
    assert reward_floors(steps, EXACT, identity) == {}


def test_the_order_of_the_steps_does_not_matter_within_a_run() -> None:
    steps = run("a", "ab", "cd", "ac", "xyz")
    assert reward_floors(steps[::-1], SIMILARITY, identity) == reward_floors(steps, SIMILARITY, identity)


def test_no_floor_compares_more_than_the_bound() -> None:
    seen: list[int] = []

    class Counting:
        def __call__(self, pairs: list[tuple[str, str]]) -> list[float]:
            seen.append(len(pairs))
            return [0.0] * len(pairs)

        def cut(self, text: str) -> str:
            return text

    steps = [step for number in range(40) for step in run(str(number), *"abcdefgh")]
    reward_floors(steps, Counting(), identity, {"itself": identity}, max_pairs=50)  # type: ignore[arg-type]
    assert seen == [50, 50, 50]


@pytest.mark.parametrize(
    ("count", "limit", "taken"),
    [(5, 0, [0, 1, 2, 3, 4]), (3, 5, [0, 1, 2]), (10, 3, [0, 3, 6]), (5, 4, [0, 1, 2, 3])],
)
def test_evenly_takes_items_at_even_distances(count: int, limit: int, taken: list[int]) -> None:
    assert evenly(range(count), limit) == taken
