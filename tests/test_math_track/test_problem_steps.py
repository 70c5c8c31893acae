"""Worked solutions to instances: what the prompts show, which steps are targets, which problems are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worked import SOLUTION, configured, worked

from math_track.options import MathOptions
from math_track.records import Problem
from math_track.splitter import NO_STEPS
from math_track.steps import (
    NO_SOLUTION,
    Sides,
    body_of,
    cut_problems,
    cut_steps,
    cut_wholes,
    heading_of,
    sides_of,
)
from trajectories.records import Message, StepExample

USED = {"path", "max_prompt_tokens", "keep_last_step", "held_out_episodes", "held_out_steps"}


def anything_fits(prompt: Sequence[Message]) -> bool:
    return True


def cut(*problems: Problem, keep_last: bool = False, **options: bool) -> list[StepExample]:
    sides = sides_of(problems, 0)
    config = configured(data={"keep_last_step": keep_last})
    return cut_steps(sides.train_worked, config, MathOptions(**options), anything_fits).steps


def user(step: StepExample) -> str:
    return step.prompt[-1].content


def test_n_steps_make_n_minus_one_instances() -> None:
    steps = cut(worked("a"))
    assert [(step.step, step.n_steps) for step in steps] == [(1, 3), (2, 3)]
    assert {(step.instance_id, step.traj_id, step.source, step.resolved) for step in steps} == {
        ("a", "a", "test", None)
    }


def test_the_last_step_is_kept_where_it_is_asked_for() -> None:
    assert cut(worked("a"), keep_last=True)[-1].expert_action == "3. **Answer**: It is $\\boxed{10}$."


def test_the_target_is_the_step_as_it_is_written() -> None:
    assert cut(worked("a"))[1].expert_action == "2. **Second part**: Twice that is $10$.\n\n   - a note"


def test_the_prompt_shows_the_problem_and_what_is_written_so_far() -> None:
    first, second = map(user, cut(worked("a")))
    assert "What is a?" in first and "What is a?" in second
    assert "To solve this, count." in first and "First part**" not in first
    assert "1. **First part**: There are $2 + 3 = 5$." in second and "Twice" not in second


def test_the_prompts_of_one_solution_begin_alike() -> None:
    first, second = map(user, cut(worked("a"), next_title=False))
    assert second.startswith(first)


def test_the_next_title_is_shown_unless_it_is_switched_off() -> None:
    assert user(cut(worked("a"))[1]).endswith("Next step: 2. Second part")
    assert "Second part" not in user(cut(worked("a"), next_title=False)[1])


def test_the_thought_of_a_target_is_made_of_its_title() -> None:
    assert "Second part" in cut(worked("a"))[1].expert_thought


def test_a_step_that_is_a_title_only_is_no_target_but_stays_in_the_context() -> None:
    solution = "1. **Begin**:\n\n2. **Go on**: by $1$\n\n3. **End**: $2$"
    result = cut_steps(
        sides_of([worked("a", solution=solution)], 0).train_worked, configured(), MathOptions(), anything_fits
    )
    assert ([step.step for step in result.steps], result.empty) == ([2], 1)
    assert "1. **Begin**:" in user(result.steps[0])


def test_steps_over_the_budget_are_left_out_and_counted() -> None:
    def short(prompt: Sequence[Message]) -> bool:
        return "First part**" not in prompt[-1].content

    result = cut_steps(sides_of([worked("a")], 0).train_worked, configured(), MathOptions(), short)
    assert ([step.step for step in result.steps], result.too_long) == ([1], 1)


def test_solutions_that_do_not_split_are_counted_by_reason() -> None:
    sides = sides_of([worked("a"), worked("b", solution=""), worked("c", solution="It is 10.")], 0)
    assert dict(sides.not_split) == {NO_SOLUTION: 1, NO_STEPS: 1}
    assert [one.problem.name for one in sides.train_worked] == ["a"]
    assert [problem.name for problem in sides.train] == ["a", "b", "c"]


def held_out(problems: Sequence[Problem], n: int) -> set[str]:
    return {problem.name for problem in sides_of(problems, n).held_out}


MANY = [worked(f"p{number}") for number in range(30)]


def test_what_is_held_out_depends_on_the_names_alone() -> None:
    assert held_out(MANY, 6) == held_out(MANY[::-1], 6)
    assert len(held_out(MANY, 6)) == 6


def test_more_held_out_problems_include_the_fewer() -> None:
    assert held_out(MANY, 3) < held_out(MANY, 9)


def test_never_more_than_a_third_is_held_out() -> None:
    assert len(held_out(MANY, 1000)) == 10


def test_the_same_names_under_other_solutions_are_the_same_held_out() -> None:
    other = [replace(problem, solution="" if place % 3 else "It is 10.") for place, problem in enumerate(MANY)]
    assert held_out(other, 6) == held_out(MANY, 6)


def test_what_a_file_holds_out_a_part_of_it_does_not_train_on() -> None:
    part = MANY[::2] + MANY[1:12:2]  # as a rewriting that dropped some
    assert held_out(MANY, 6) & {problem.name for problem in part} <= held_out(part, 6)


def test_a_question_that_is_held_out_is_not_trained_on_under_another_name() -> None:
    name = min(held_out(MANY, 6))
    twin = worked("twin", problem=f" What  is\n{name}?", solution="")
    sides = sides_of([*MANY, twin], 6)
    assert twin in sides.held_out and twin not in sides.train


@given(st.integers(0, 40), st.integers(0, 40))
def test_both_sides_together_are_all_problems(count: int, n: int) -> None:
    sides: Sides = sides_of(MANY[:count], n)
    assert sorted((*sides.train, *sides.held_out), key=MANY.index) == MANY[:count]


def test_a_whole_solution_is_one_step() -> None:
    (step,) = cut_wholes(sides_of([worked("a")], 0).train_worked, MathOptions(), anything_fits).steps
    assert (step.expert_action, step.step, step.n_steps) == (SOLUTION, 1, 3)


def test_a_problem_is_played_only_where_its_answer_is_known() -> None:
    steps = cut_problems([worked("a"), worked("b", answer=" "), worked("c", solution="")], anything_fits).steps
    assert [(step.instance_id, step.expert_action) for step in steps] == [("a", "10"), ("c", "10")]


@pytest.mark.parametrize(
    ("text", "heading", "body"),
    [
        ("2. **Coprime Pairs**: They are.", "2. **Coprime Pairs**:", "They are."),
        ("2. **Coprime Pairs:** They are.", "2. **Coprime Pairs:**", "They are."),
        ("### Step 3: Count\nThere are 5.", "### Step 3: Count", "There are 5."),
        ("**Step 2:** Go\n\nOn.", "**Step 2:** Go", "On."),
        ("They are.", "They are.", "They are."),
        ("2. **Only a title**", "2. **Only a title**", "2. **Only a title**"),
    ],
)
def test_a_step_is_compared_without_its_heading(text: str, heading: str, body: str) -> None:
    assert (heading_of(text), body_of(text)) == (heading, body)


@given(st.text(st.sampled_from("1.2:*# \nab$"), max_size=30))
def test_the_compared_text_is_never_empty_where_the_step_is_not(text: str) -> None:
    assert bool(body_of(text)) == bool(text)
