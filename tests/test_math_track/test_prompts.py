"""What the policy is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from math_track.prompts import evaluation_prompt, step_prompt, whole_prompt
from trajectories.records import Message


@given(st.text(), st.text())
def test_problems_and_steps_are_shown_as_they_are(problem: str, written: str) -> None:
    shown = step_prompt(problem, written)[1].content
    assert problem in shown and written in shown


def test_the_evaluation_prompt_is_the_protocol_s() -> None:
    assert evaluation_prompt("1 + 1?") == (
        Message("system", r"Please reason step by step, and put your final answer within \boxed{}."),
        Message("user", "1 + 1?"),
    )


@pytest.mark.parametrize("tag", [False, True])
def test_the_tag_is_asked_for_only_where_it_is_expected(tag: bool) -> None:
    prompts = step_prompt("p", "", solution_tag=tag), whole_prompt("p", solution_tag=tag)
    assert all(("<solution>" in system.content) == tag for system, _ in prompts)


def test_the_contract_shows_the_thought_and_the_box() -> None:
    for system, _ in (step_prompt("p", ""), whole_prompt("p")):
        assert "<think>your reasoning</think>\n" in system.content
        assert r"\boxed{}" in system.content


def test_nothing_is_announced_before_the_first_step_and_without_a_title() -> None:
    assert step_prompt("p", "")[1].content == "Problem: p"
