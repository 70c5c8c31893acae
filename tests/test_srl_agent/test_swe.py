"""The software-engineering domain: reading calls, comparing them, targets and steps."""

from __future__ import annotations

import pytest

from srl_agent.config import Config, RewardConfig
from srl_agent.domain import facts_of
from srl_agent.output_format import Violation, parse_output
from srl_agent.swe import (
    NEUTRAL_THOUGHT,
    OUTLINE_PROMPT,
    SYSTEM_PROMPT,
    SweDomain,
    comparable,
    read_call,
    read_calls,
    without_arguments,
)
from srl_agent.testing import ToyDomain
from trajectories.records import Action, StepExample
from trajectories.render import render_action

LS = render_action(Action("bash", (("command", "ls"),)))
VIEW = render_action(Action("str_replace_editor", (("command", "view"), ("path", "/a.py"))))
SUBMIT = render_action(Action("submit"))
V = Violation


def think(rest: str) -> str:
    return f"<think>why</think>\n{rest}"


def step(expert_thought: str, expert_action: str = LS, number: int = 1) -> StepExample:
    return StepExample((), expert_action, expert_thought, "task", "run", number, 3, "test", None)


@pytest.mark.parametrize("call", [LS, VIEW, SUBMIT])
@pytest.mark.parametrize("end", ["", "\n", " \r\n\t"])
def test_exactly_one_call_is_an_action(call: str, end: str) -> None:
    assert parse_output(think(call + end), read_call).action_text == call


@pytest.mark.parametrize(
    "text", ["<think>", "</think>", "<think>x</think>", "a < b", "<function=", "résumé 🙂", "\n\n"]
)
def test_an_argument_may_hold_any_text(text: str) -> None:
    call = render_action(Action("bash", (("command", text),)))
    assert parse_output(think(call), read_call).action_text == call


@pytest.mark.parametrize(
    ("rest", "violation"),
    [
        ("ls -la", V.NO_ACTION),
        ("```bash\nls\n```", V.NO_ACTION),
        ('{"name": "bash", "arguments": {"command": "ls"}}', V.NO_ACTION),
        ("I am done.", V.NO_ACTION),
        ("Then: " + LS, V.MALFORMED),
        ("<function=bash>", V.MALFORMED),
        ("<function=bash>\n<parameter=command>ls", V.MALFORMED),
        ("<function=bash>\n<parameter=command>ls</parameter>\n", V.MALFORMED),
        ("<function=>\n</function>", V.MALFORMED),
        (LS.removesuffix("</function>"), V.MALFORMED),
        (LS + LS, V.TWO_ACTIONS),
        (LS + "\n\n" + SUBMIT, V.TWO_ACTIONS),
        (LS + "\nDone.", V.TRAILING),
        (LS + "</function>", V.TRAILING),
        (LS + "</think>", V.TRAILING),
        (LS + "<|im_end|>", V.TRAILING),
        (LS + "\n<function=bash>", V.TRAILING),
        ("</think>" + LS, V.TAG_TWICE),
        ("so</think>" + LS, V.TAG_TWICE),
        ("<think>more</think>" + LS, V.TAG_TWICE),
    ],
)
def test_anything_but_one_call_is_a_named_violation(rest: str, violation: Violation) -> None:
    output = parse_output(think(rest), read_call)
    assert (output.violation, output.action_text) == (violation, None)


HOSTILE = ["<function=", "<function=bash>", "<parameter=a>", "</parameter>", "</function>", "<", "\n", LS]


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("head", ["", "<function=bash>\n", "<function=bash>\n<parameter=command>"])
def test_a_megabyte_of_hostile_calls_is_a_violation(head: str, unit: str) -> None:
    text = think(head + unit * (1_000_000 // len(unit)))
    assert parse_output(text, read_call).violation is not None
    assert (parse_output(text, read_calls).violation is None) == (unit == LS and head != "<function=bash>\n")


def test_the_example_of_the_system_prompt_keeps_the_format() -> None:
    example = SYSTEM_PROMPT[SYSTEM_PROMPT.index("<think>") : SYSTEM_PROMPT.index("Tools:")]
    assert parse_output(example, read_call).action_text == LS


@pytest.mark.parametrize("between", ["\n", "", " \r\n\t\n"])
@pytest.mark.parametrize("calls", [[LS], [LS, VIEW], [VIEW, VIEW, SUBMIT]])
def test_an_outline_is_one_call_or_more(calls: list[str], between: str) -> None:
    assert parse_output(think(between.join(calls) + between), read_calls).action_text == "\n".join(calls)


@pytest.mark.parametrize(
    ("rest", "violation"),
    [
        ("", V.NO_ACTION),
        ("ls", V.NO_ACTION),
        (f"{LS}\nthen\n{VIEW}", V.TRAILING),
        (f"{LS}\n{VIEW}\ndone", V.TRAILING),
        (f"{LS}\n<function=bash>", V.MALFORMED),
        (f"{LS}\n<think>again</think>\n{VIEW}", V.TRAILING),
        (f"<think>again</think>{LS}", V.TAG_TWICE),
    ],
)
def test_an_outline_with_anything_else_names_the_rule(rest: str, violation: Violation) -> None:
    assert parse_output(think(rest), read_calls).violation == violation


def test_the_outline_prompt_s_example_keeps_the_format() -> None:
    example = OUTLINE_PROMPT[OUTLINE_PROMPT.index("<think>") : OUTLINE_PROMPT.index("Tools:")]
    assert parse_output(example, read_calls).action_text == f"{LS}\n{SUBMIT}"


def test_an_outline_s_body_is_that_of_its_calls_one_after_another() -> None:
    assert comparable(RewardConfig())(f"{LS}\n{VIEW}\n{SUBMIT}") == "bash\nls\nstr_replace_editor\nview\n/a.py\nsubmit"


def test_an_outline_without_arguments_keeps_every_tool() -> None:
    assert without_arguments(f"{LS}\n{LS}") == f"{without_arguments(LS)}\n{without_arguments(LS)}"


def test_body_compares_tool_and_values_one_a_line() -> None:
    assert comparable(RewardConfig(text="body"))(VIEW) == "str_replace_editor\nview\n/a.py"


def test_wrapped_compares_the_whole_call() -> None:
    assert comparable(RewardConfig(text="wrapped"))(VIEW) == VIEW


@pytest.mark.parametrize("text", ["body", "wrapped"])
def test_the_expert_s_own_call_earns_one(text: str) -> None:
    scorer = SweDomain().scorer(Config.model_validate({"reward": {"text": text}}))
    (score,) = scorer([think(VIEW)], [VIEW])
    assert (score.reward, score.exact, score.violation) == (1.0, True, None)


def test_wrapped_rewards_unrelated_calls_far_more_than_body() -> None:
    rewards = [
        SweDomain().scorer(Config.model_validate({"reward": {"text": text}}))([think(LS)], [bash("git diff")])[0].reward
        for text in ("body", "wrapped")
    ]
    assert rewards[0] < 0.7 < rewards[1]


def bash(command: str) -> str:
    return render_action(Action("bash", (("command", command),)))


def test_without_arguments_keeps_tool_and_names() -> None:
    empty = Action("str_replace_editor", (("command", ""), ("path", "")))
    assert without_arguments(VIEW) == render_action(empty)


def test_the_target_is_the_thought_and_the_call_in_the_output_format() -> None:
    assert SweDomain().supervised_target(step("  I look.\n")) == f"<think>I look.</think>\n{LS}"


@pytest.mark.parametrize("thought", ["", "  \n", "<think></think>"])
def test_a_missing_thought_becomes_the_neutral_one(thought: str) -> None:
    assert SweDomain().supervised_target(step(thought)) == f"<think>{NEUTRAL_THOUGHT}</think>\n{LS}"


@pytest.mark.parametrize("thought", ["a </think> b", "<think>a", "<thi<think>nk>a", "why " + LS, "ok"])
def test_every_target_keeps_the_format(thought: str) -> None:
    target = SweDomain().supervised_target(step(thought))
    assert parse_output(target, read_call).action_text == LS


def test_floors_are_those_of_the_configured_reward() -> None:
    steps = [step("", bash("ls"), 1), step("", bash("git diff"), 2), step("", VIEW, 3)]
    body, wrapped = (
        SweDomain().floors(Config.model_validate({"reward": {"text": text}}), steps) for text in ("body", "wrapped")
    )
    assert len(body) == 3 and all(body[name] < wrapped[name] for name in body)


def test_the_terminal_says_what_actions_run_in_of_domains_that_run_any() -> None:
    assert facts_of(SweDomain(), Config())["sandbox"].startswith("none: ")
    assert facts_of(ToyDomain(), Config()) == {}
