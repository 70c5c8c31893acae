"""What the stages get of a file of problems, and what is said of the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from worked import SOLUTION, configured, count_words, worked, write

from math_track.domain import MathDomain
from srl_agent.domain import StepSets
from srl_agent.errors import ConfigError
from trajectories.errors import ParseError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    problems = [worked(f"p{number}", thinking=f"reasoning {number}" if number % 2 else "") for number in range(12)]
    return write(tmp_path / "problems.jsonl", *problems, worked("proof", solution="Clear.", answer=""))


def loaded(path: Path | str = "", domain: MathDomain | None = None, **tree: Any) -> StepSets:
    data = {"path": str(path), **tree.pop("data", {})}
    return (domain or MathDomain()).load_steps(configured(data=data, **tree), count_words)


def test_the_bundled_problems_are_the_default() -> None:
    sets = loaded(data={"held_out_episodes": 60})
    assert (len(sets.train), len(sets.held_out)) == (666, 164)
    assert sets.summary[0] == "data: the bundled problems"
    assert len(sets.digest) == 64


def test_what_was_left_out_is_said_with_its_reason(file: Path) -> None:
    lines = loaded(file, data={"held_out_episodes": 4}).summary
    assert "steps: 16 of 8 problems to train on, 8 of 4 problems held out, title of the next step shown" in lines
    assert "left out - solutions that do not split into steps (no numbered steps 1): 1" in lines


def test_a_solution_that_boxes_another_answer_than_the_known_one_is_named(tmp_path: Path) -> None:
    rows = [worked("same"), worked("in-words", answer="10.0"), worked("other", answer="11"), worked("none", answer="")]
    warnings = [line for line in loaded(write(tmp_path / "a.jsonl", *rows)).summary if "WARNING" in line]
    assert len(warnings) == 1
    assert "box another answer than the known one: 1 (other); steps are taken from the solution" in warnings[0]


OF_MATH_500 = "Compute: $1-2+3-4+5- \\dots +99-100$."


def test_problems_of_a_benchmark_are_named_and_no_training_data(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", worked("a"), worked("b", problem=OF_MATH_500), worked("c"))
    sets = loaded(path, data={"held_out_episodes": 0})
    assert {step.instance_id for step in sets.train} == {"a", "c"}
    (warning,) = [line for line in sets.summary if "WARNING" in line]
    assert "MATH-500 1 (b); left out (data.gates=none keeps them)" in warning
    asked = loaded(path, stages=["rlvr"], data={"held_out_episodes": 0})
    assert {step.instance_id for step in asked.train} == {"a", "c"}


def test_problems_of_a_benchmark_are_trained_on_where_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", worked("a"), worked("b", problem=OF_MATH_500))
    sets = loaded(path, data={"gates": "none", "held_out_episodes": 0})
    assert {step.instance_id for step in sets.train} == {"a", "b"}
    assert any("MATH-500 1 (b); trained on all the same" in line for line in sets.summary)


def test_a_benchmark_alone_is_no_training_data(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", worked("b", problem=OF_MATH_500))
    with pytest.raises(ParseError, match=r"MATH-500 1 \(b\); left out \(data\.gates=none.*nothing to train on is left"):
        loaded(path)


def test_what_is_held_out_is_the_same_whatever_is_left_out_of_training(tmp_path: Path) -> None:
    problems = [worked(f"p{number}", problem=f"{OF_MATH_500} {number}") for number in range(12)]
    path, rows = write(tmp_path / "a.jsonl", *problems), tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"problem": one.problem}) + "\n" for one in problems[:6]))
    whole, part = (loaded(path, data={"held_out_episodes": 4, "evaluation_sets": sets}) for sets in ("", str(rows)))
    assert part.held_out == whole.held_out and 0 < len(part.train) < len(whole.train)


def test_held_out_steps_are_thinned_evenly(file: Path) -> None:
    sets = loaded(file, data={"held_out_episodes": 4, "held_out_steps": 3})
    assert len(sets.held_out) == 3
    assert "evaluated: 3 of 8 held out, evenly spread (data.held_out_steps)" in sets.summary


def test_the_same_problems_are_held_out_with_every_seed_and_stage(file: Path) -> None:
    def names(**tree: Any) -> set[str]:
        return {step.instance_id for step in loaded(file, data={"held_out_episodes": 4}, **tree).held_out}

    assert names() == names(seed=7) == names(stages=["rlvr"]) == names(srl={"target": "episode"})


def test_a_file_without_a_step_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "problems.jsonl", worked("a", solution="It is 10."))
    with pytest.raises(ParseError, match=r"no numbered steps 1.*nothing to train on is left; .*rlvr.*rewrite-steps"):
        loaded(file)


def test_steps_over_the_budget_are_told_from_solutions_without_any(file: Path) -> None:
    with pytest.raises(ParseError, match=r"nothing to train on is left; .*raise data\.max_prompt_tokens"):
        loaded(file, data={"max_prompt_tokens": 64})


def test_problems_without_a_solution_do_for_rlvr_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "problems.jsonl", *(worked(f"p{number}", solution="") for number in range(6)))
    sets = loaded(file, stages=["rlvr"], data={"held_out_episodes": 2})
    assert (len(sets.train), len(sets.held_out)) == (4, 2)
    assert {step.expert_action for step in sets.train} == {"10"}


def test_supervised_steps_are_made_of_the_training_steps(file: Path) -> None:
    assert loaded(file, stages=["sft", "srl"]).supervised == []


def test_a_trace_is_the_reasoning_and_the_solution(file: Path) -> None:
    sets = loaded(file, stages=["sft"], sft={"target": "trace"}, data={"held_out_episodes": 0})
    assert len(sets.supervised) == 6
    example = sets.supervised[0]
    assert example.messages[-1].content == f"<think>reasoning 1</think>\n{SOLUTION}"
    assert example.learnt == (2,)
    assert "sft on traces: 6 of 12 solutions, 6 left out without their reasoning" in sets.summary[-1]


def test_traces_without_any_reasoning_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "problems.jsonl", worked("a"))
    with pytest.raises(ParseError, match=r"1 left out without their reasoning.*set sft\.target to outline or step"):
        loaded(file, stages=["sft"], sft={"target": "trace"})


def test_an_outline_is_the_solution_without_its_reasoning(file: Path) -> None:
    sets = loaded(file, stages=["sft"], sft={"target": "outline"}, data={"held_out_episodes": 0})
    assert len(sets.supervised) == 12
    assert all(example.messages[-1].content.endswith(f"</think>\n{SOLUTION}") for example in sets.supervised)
    assert "reasoning 1" not in sets.supervised[1].messages[-1].content


def test_long_examples_are_left_out_and_counted(tmp_path: Path) -> None:
    long = worked("b", solution=f"{SOLUTION} {'x ' * 100}")
    file = write(tmp_path / "problems.jsonl", worked("a"), long)
    sets = loaded(file, stages=["sft"], sft={"target": "outline", "max_tokens": 140})
    assert len(sets.supervised) == 1
    assert sets.summary[-1].endswith("1 left out over 140 tokens (sft.max_tokens)")


def test_whole_solutions_are_the_steps_under_an_episode_target(file: Path) -> None:
    sets = loaded(file, stages=["sft", "srl"], srl={"target": "episode"}, data={"held_out_episodes": 4})
    assert (len(sets.train), len(sets.held_out)) == (8, 4)
    assert {step.expert_action for step in sets.train} == {SOLUTION}
    assert len(sets.supervised) == 16  # the cold start is by step all the same


def test_rlvr_plays_every_problem_with_an_answer(file: Path) -> None:
    domain = MathDomain()
    config = configured(data={"path": str(file), "held_out_episodes": 4}, stages=["srl", "rlvr"])
    problems = domain.problems(config, domain.load_steps(config, count_words))
    assert (len(problems.train), len(problems.held_out)) == (8, 4)
    assert problems.train[0].prompt[-1].content == "What is p0?"
    assert "problems with an answer: 8 of 9 to train on, 4 of 4 held out" in problems.summary


def test_problems_without_answers_cannot_be_played(tmp_path: Path) -> None:
    file = write(tmp_path / "problems.jsonl", worked("a", answer=""))
    domain = MathDomain()
    config = configured(data={"path": str(file)}, stages=["srl", "rlvr"])
    with pytest.raises(ConfigError, match="rlvr needs problems with an answer; problems with an answer: 0 of 1"):
        domain.problems(config, domain.load_steps(config, count_words))


def test_rows_of_s1k_1_1_are_split_at_r1_s_solution_and_graded_by_the_data_set_s(tmp_path: Path) -> None:
    row = {
        "question": "How many?",
        "solution": "Counting gives $\\boxed{10}$.",
        "deepseek_attempt": SOLUTION,
        "deepseek_thinking_trajectory": "Let me count.",
    }
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n")
    sets = loaded(file, stages=["sft"], sft={"target": "trace"})
    assert [step.expert_action.partition(":")[0] for step in sets.train] == ["1. **First part**", "2. **Second part**"]
    assert sets.supervised[0].messages[-1].content == f"<think>Let me count.</think>\n{SOLUTION}"
    domain, config = MathDomain(), configured(data={"path": str(file)}, stages=["srl", "rlvr"])
    problems = domain.problems(config, domain.load_steps(config, count_words))
    assert [step.expert_action for step in problems.train] == ["10"]


def test_s1k_gives_steps_and_of_sixty_questions_held_out_six_split(shared_data: Path) -> None:
    domain = MathDomain()
    path = shared_data / "math" / "s1K.problem-solution.json"
    config = configured(data={"path": str(path), "held_out_episodes": 60, "max_prompt_tokens": 8192})
    sets = domain.load_steps(config, count_words)
    asked = [{step.instance_id for step in side} for side in (sets.train, sets.held_out)]
    assert len(asked[1]) == 6 and not asked[0] & asked[1]
    assert len(sets.train) > 600
    outputs = [domain.supervised_target(step) for step in sets.train]
    scores = domain.scorer(config)(outputs, [step.expert_action for step in sets.train])
    assert all(score.exact for score in scores)
