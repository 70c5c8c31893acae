"""The math domain through the seam: scores, floors, targets, kinds."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from worked import configured, count_words

from math_track.domain import TITLE, MathDomain, read_tagged
from srl_agent.domain import find_domain, with_options
from srl_agent.errors import ConfigError
from srl_agent.output_format import FormatError, Violation

EXPERT = "2. **Second part**: Twice that is $10$."


def score(output: str, expert: str = EXPERT, **tree: Any) -> Any:
    return MathDomain().scorer(configured(**tree))([output], [expert])[0]


def test_the_domain_is_found_by_its_name() -> None:
    assert isinstance(find_domain("math"), MathDomain)


def test_its_settings_are_all_shown_those_at_their_default_too() -> None:
    shown = with_options(configured(options={"next_title": False})).options
    assert shown == {"next_title": False, "solution_tag": False, "grader_workers": 1, "grader_timeout": 5.0}
    with pytest.raises(ConfigError, match=r"options\.titles"):
        with_options(configured(options={"titles": 1}))


def test_importing_the_package_imports_neither_torch_nor_the_domain() -> None:
    code = "import sys, math_track; print(*sorted({'torch', 'pydantic', 'math_track.domain'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == ""


def test_the_expert_s_step_earns_one() -> None:
    found = score(f"<think>so</think>\n{EXPERT}")
    assert (found.reward, found.exact, found.violation) == (1.0, True, None)


def test_a_title_that_was_given_earns_nothing_by_itself() -> None:
    copied = score("<think>so</think>2. **Second part**: No.")
    other = score("<think>so</think>9. **Else**: No.")
    assert copied.reward == other.reward
    assert copied.action == "No."


def test_the_whole_step_is_compared_where_it_is_asked_for() -> None:
    found = score("<think>so</think>2. **Second part**: No.", reward={"text": "wrapped"})
    assert found.action == "2. **Second part**: No."
    assert found.reward > score("<think>so</think>2. **Second part**: No.").reward


def test_whole_solutions_are_compared_as_they_are() -> None:
    found = score(f"<think>so</think>1. **A**: x\n\n{EXPERT}", srl={"target": "episode"})
    assert found.action == f"1. **A**: x\n\n{EXPERT}"


@pytest.mark.parametrize("output", [EXPERT, "<think></think>x", "<think>so</think> ", "<think>a</think>b<think>c"])
def test_a_broken_format_earns_minus_one(output: str) -> None:
    assert score(output).reward == -1.0


TAGGED = {"options": {"solution_tag": True}}


def test_the_step_stands_in_its_tag_where_that_is_asked_for() -> None:
    assert score(f"<think>so</think><solution>\n{EXPERT}\n</solution>", **TAGGED).exact
    assert score(f"<think>so</think>{EXPERT}", **TAGGED).reward == -1.0


@pytest.mark.parametrize(
    ("text", "violation"),
    [
        ("a step", Violation.MALFORMED),
        ("<solution>a step", Violation.MALFORMED),
        ("a <solution>step</solution>", Violation.MALFORMED),
        ("<solution> </solution>", Violation.NO_ACTION),
        ("<solution>a</solution> b", Violation.TRAILING),
        ("<solution>a</solution><solution>b</solution>", Violation.TWO_ACTIONS),
        ("<solution>a<solution>b</solution>", Violation.TWO_ACTIONS),
        ("<solution>a</solution></solution>", Violation.TWO_ACTIONS),
        ("<solution>a</solution></think>", Violation.TAG_TWICE),
    ],
)
def test_a_broken_tag_is_named(text: str, violation: Violation) -> None:
    with pytest.raises(FormatError) as error:
        read_tagged(text)
    assert error.value.violation is violation


@pytest.mark.parametrize("name", ["gated", "state", "nonsense"])
def test_rewards_that_need_calls_are_refused_before_anything_is_read(name: str) -> None:
    config = configured(reward={"name": name}, data={"path": "nowhere"})
    with pytest.raises(ConfigError, match=rf"reward\.name: '{name}'.*similarity, exact"):
        MathDomain().load_steps(config, count_words)


def test_settings_of_its_own_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"options\.next_titel.*next_title"):
        MathDomain().load_steps(configured(options={"next_titel": False}), count_words)


def test_floors_are_the_titles_and_the_other_steps() -> None:
    domain, config = MathDomain(), configured(data={"held_out_episodes": 60})
    floors = domain.floors(config, domain.load_steps(config, count_words).train)
    assert set(floors) == {"another action of the episode", "the previous action copied", TITLE}
    assert floors[TITLE] < 0.25 < floors["another action of the episode"] < 0.6


def test_a_copied_title_would_be_a_high_floor_in_whole_steps() -> None:
    domain, config = MathDomain(), configured(reward={"text": "wrapped"})
    assert domain.floors(config, domain.load_steps(config, count_words).train)[TITLE] > 0.45


@pytest.mark.parametrize("tree", [{"srl": {"target": "episode"}}, {"stages": ["rlvr"]}])
def test_there_are_no_floors_where_outputs_are_not_steps(tree: dict[str, Any]) -> None:
    domain, config = MathDomain(), configured(**tree)
    assert domain.floors(config, domain.load_steps(config, count_words).train) == {}


@pytest.mark.parametrize("tag", [False, True])
def test_every_supervised_target_earns_one(tag: bool) -> None:
    domain, config = MathDomain(), configured(options={"solution_tag": tag})
    steps = domain.load_steps(config, count_words).train[:50]
    outputs = [domain.supervised_target(step) for step in steps]
    scores = domain.scorer(config)(outputs, [step.expert_action for step in steps])
    assert all(found.exact and found.reward == 1.0 for found in scores)


@pytest.mark.parametrize(
    ("step", "kind"),
    [("so $\\boxed{2}$", "answer"), ("$1 + 1 = 2$", "formula"), ("It is even.", "words")],
)
def test_a_step_has_a_kind(step: str, kind: str) -> None:
    assert MathDomain().action_kind(step) == kind


def test_the_terminal_says_what_grades_answers_where_any_are() -> None:
    assert MathDomain().facts(configured(stages=["srl"])) == {}
    assert "math-verify" in MathDomain().facts(configured(stages=["srl", "rlvr"]))["grader"]
