"""Steps of an episode: what the prompts show, what is left out, and what is never in them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trajectory_samples import EPISODES, bash, episode

from trajectories.context import Context, parse_context
from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.records import Episode, Message, Turn
from trajectories.render import render_action
from trajectories.steps import Fits, StepsResult, make_steps, next_prompt


def make(
    e: Episode, context: str = "full", *, most: int = 1000, last: bool = False, fits: Fits | None = None
) -> StepsResult:
    return make_steps(
        e,
        context=parse_context(context),
        system_prompt="be good",
        max_observation_chars=most,
        keep_last_step=last,
        fits=fits,
    )


def shown(prompt: Sequence[Message]) -> list[int]:
    """Numbers of the rounds whose observation the prompt shows."""
    return [int(m.content.removeprefix("output ")) for m in prompt if m.content.startswith("output ")]


def at_most(characters: int) -> Fits:
    return lambda prompt: sum(len(message.content) for message in prompt) <= characters


def test_an_episode_of_n_steps_makes_n_minus_one_of_them() -> None:
    assert [step.step for step in make(episode(steps=4)).steps] == [1, 2, 3]


def test_the_last_step_is_kept_on_request() -> None:
    steps = make(episode(steps=4), last=True).steps
    assert [step.step for step in steps] == [1, 2, 3, 4]
    assert {step.n_steps for step in steps} == {4}


def test_an_episode_of_one_step_makes_none_unless_the_last_is_kept() -> None:
    assert make(episode(steps=1)).steps == ()
    assert len(make(episode(steps=1), last=True).steps) == 1


@pytest.mark.parametrize("context", ["full", "window:1", "window:2"])
def test_a_step_that_is_no_target_stays_in_the_context_of_others(context: str) -> None:
    parsed = parse_context(context)
    some = make_steps(episode(steps=5), context=parsed, system_prompt="", max_observation_chars=99, no_targets={2, 5})
    whole = make_steps(episode(steps=5), context=parsed, system_prompt="", max_observation_chars=99)
    assert some.steps == tuple(step for step in whole.steps if step.step != 2)


def test_a_prompt_is_system_task_and_rounds_of_action_and_observation() -> None:
    assert make(episode(steps=3)).steps[1].prompt == (
        Message("system", "be good"),
        Message("user", "the task"),
        Message("assistant", render_action(bash("run 1"))),
        Message("user", "output 1"),
    )


def test_the_target_is_the_canonical_text_of_action_k() -> None:
    step = make(episode(steps=3)).steps[1]
    assert (step.expert_action, step.expert_thought) == (render_action(bash("run 2")), "thought 2")


def test_no_system_prompt_makes_no_system_message() -> None:
    result = make_steps(episode(), context=Context(), system_prompt="", max_observation_chars=9)
    assert result.steps[0].prompt == (Message("user", "the task"),)


def test_a_window_shows_the_task_and_the_last_rounds() -> None:
    steps = make(episode(steps=6), "window:2").steps
    assert [shown(step.prompt) for step in steps] == [[], [1], [1, 2], [2, 3], [3, 4]]
    assert all(step.prompt[1].content == "the task" for step in steps)


@given(EPISODES)
def test_thoughts_are_in_no_prompt(e: Episode) -> None:
    marked = tuple(Turn("SECRET-THOUGHT", turn.action, turn.observation) for turn in e.turns)
    for step in make(Episode(e.instance_id, e.traj_id, e.task, marked, None, ""), last=True).steps:
        assert not any("SECRET-THOUGHT" in message.content for message in step.prompt)


@given(EPISODES)
def test_full_prompts_of_one_episode_are_nested_prefixes(e: Episode) -> None:
    steps = make(e, last=True).steps
    for earlier, later in pairwise(steps):
        assert later.prompt[: len(earlier.prompt)] == earlier.prompt


def test_full_prompts_of_the_real_episodes_are_nested_prefixes(shared_data: Path) -> None:
    for e in read_episodes(shared_data / "trajectories" / "swegym-openhands.jsonl")[0]:
        steps = make(e).steps
        assert len(steps) == len(e.turns) - 1
        for earlier, later in pairwise(steps):
            assert later.prompt[: len(earlier.prompt)] == earlier.prompt


def test_the_oldest_rounds_are_left_out_until_the_prompt_fits() -> None:
    budget = sum(len(m.content) for m in make(episode(steps=6)).steps[2].prompt)
    result = make(episode(steps=6), fits=at_most(budget))
    assert [shown(step.prompt) for step in result.steps] == [[], [1], [1, 2], [2, 3], [3, 4]]
    assert (result.dropped, result.shortened) == (0, 2)


def test_a_step_whose_last_round_does_not_fit_is_dropped_and_counted() -> None:
    turns = tuple(Turn("", bash("x"), "y" * (500 if k == 2 else 5)) for k in range(1, 6))
    result = make(Episode("i", "t", "task", turns, None, ""), fits=at_most(400))
    assert [step.step for step in result.steps] == [1, 2, 4]
    assert result.dropped == 1


def test_a_window_that_does_not_fit_is_dropped_and_not_shortened() -> None:
    budget = sum(len(m.content) for m in make(episode(steps=6)).steps[1].prompt)
    result = make(episode(steps=6), "window:2", fits=at_most(budget))
    assert [step.step for step in result.steps] == [1, 2]
    assert (result.dropped, result.shortened) == (3, 0)


def test_a_task_that_does_not_fit_drops_every_step() -> None:
    assert make(episode(steps=4), fits=lambda prompt: False) == StepsResult((), dropped=3)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(0, 400))
def test_leaving_out_agrees_with_trying_every_start(lengths: list[int], budget: int) -> None:
    turns = tuple(Turn("", bash("x"), "y" * length) for length in lengths)
    e = Episode("i", "t", "task", turns, None, "")
    fits = at_most(budget)
    expected = []
    for whole in make(e, last=True).steps:
        rounds = (len(whole.prompt) - 2) // 2
        starts = range(max(1, rounds))
        tried = [whole.prompt[:2] + whole.prompt[2 + 2 * start :] for start in starts]
        expected += [prompt for prompt in tried if fits(prompt)][:1]
    assert [step.prompt for step in make(e, last=True, fits=fits).steps] == expected


@settings(max_examples=50)
@given(st.lists(st.integers(0, 60), max_size=8), st.integers(0, 400), st.sampled_from(["full", "window:1", "window:2"]))
def test_a_policy_at_work_sees_the_prompts_of_training(lengths: list[int], budget: int, context: str) -> None:
    turns = tuple(Turn("", bash("x"), "y" * length) for length in lengths)
    fits = at_most(budget)
    made = make(Episode("i", "t", "task", turns, None, ""), context, most=20, last=True, fits=fits)
    trained = {step.step: step.prompt for step in made.steps}
    for k in range(1, len(turns) + 1):
        shown_now = next_prompt(
            "task",
            turns[: k - 1],
            context=parse_context(context),
            system_prompt="be good",
            max_observation_chars=20,
            fits=fits,
        )
        assert shown_now == trained.get(k)


def test_a_long_observation_keeps_head_and_tail_and_says_what_was_cut() -> None:
    turns = (Turn("", bash("x"), "a" * 60 + "b" * 60), Turn("", bash("y"), ""))
    step = make(Episode("i", "t", "task", turns, None, ""), most=101, last=True).steps[1]
    assert step.prompt[-1].content == "a" * 51 + "\n[... 19 characters cut ...]\n" + "b" * 50


@pytest.mark.parametrize("observation", ["", "\n", "  \r\n"])
def test_an_empty_observation_says_so(observation: str) -> None:
    turns = (Turn("", bash("x"), observation), Turn("", bash("y"), ""))
    assert make(Episode("i", "t", "task", turns, None, ""), last=True).steps[1].prompt[-1].content == "(no output)"


@pytest.mark.parametrize(
    ("text", "context"), [("full", Context()), ("window:1", Context(1)), ("window:12", Context(12))]
)
def test_a_context_is_parsed(text: str, context: Context) -> None:
    assert parse_context(text) == context


@pytest.mark.parametrize(
    "text", ["", "window", "window:", "window:0", "window:-1", "window:2 ", "Full", "window:٢", "2"]
)
def test_any_other_context_is_refused(text: str) -> None:
    with pytest.raises(ParseError, match="expected 'full' or 'window:N'"):
        parse_context(text)
