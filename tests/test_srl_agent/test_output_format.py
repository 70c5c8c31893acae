"""The output grammar, as one table of cases, with hostile input measured by size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srl_agent.output_format import (
    FormatError,
    Output,
    Violation,
    format_output,
    parse_output,
    read_all,
)
from trajectories.errors import ParseError

V = Violation


def read_bracket(text: str) -> str:
    """A toy domain: an action is `[` anything but `]` `]`."""
    end = text.find("]")
    if not text.startswith("[") or end < 0:
        raise ParseError("expected [action]")
    rest = text[end + 1 :].strip()
    if rest:
        raise FormatError(V.TWO_ACTIONS if rest.startswith("[") else V.TRAILING)
    return text[: end + 1]


KEPT = [
    ("<think>why</think>[go]", "why", "[go]"),
    ("<think>why</think>\n[go]", "why", "[go]"),
    ("<think>why</think>\r\n\r\n[go]\r\n", "why", "[go]"),
    ("  \n\t<think>why</think> [go]  \n", "why", "[go]"),
    ("<think>\nwhy\n\nso\n</think>\n[go]", "why\n\nso", "[go]"),
    ("<think> [a] [b] </think>[go]", "[a] [b]", "[go]"),
    ("<think><</think>[go]", "<", "[go]"),
    ("<think>a < b && c > d</think>[go]", "a < b && c > d", "[go]"),
    ("<think><thinking>x</thinking></think>[go]", "<thinking>x</thinking>", "[go]"),
    ("<think><THINK>x</THINK></think>[go]", "<THINK>x</THINK>", "[go]"),
    ("<think>日本語 🙂</think>[é]", "日本語 🙂", "[é]"),
    ("<think>why</think>[echo <think>]", "why", "[echo <think>]"),
    ("<think>why</think>[echo </think>]", "why", "[echo </think>]"),
    ("<think>why</think>[<think>x</think>]", "why", "[<think>x</think>]"),
    ("<think>why</think>[]", "why", "[]"),
    ("<think>\x00</think>[go]", "\x00", "[go]"),
    ("<think>lone \ud800</think>[go]", "lone \ud800", "[go]"),
    ("<think>why</think>[a\nb]", "why", "[a\nb]"),
]

BROKEN = [
    ("", V.NO_THINK),
    ("   \n", V.NO_THINK),
    ("[go]", V.NO_THINK),
    ("just talk", V.NO_THINK),
    ("think>why</think", V.NO_THINK),
    ("<Think>why</Think>[go]", V.NO_THINK),
    ("< think>why< /think>[go]", V.NO_THINK),
    ("<thinking>why</thinking>[go]", V.NO_THINK),
    ("<think", V.NO_THINK),
    ("so: <think>why</think>[go]", V.NOT_FIRST),
    ("[go]<think>why</think>", V.NOT_FIRST),
    ("[echo <think>x</think>]", V.NOT_FIRST),
    (".<think>", V.NOT_FIRST),
    ("\ufeff<think>why</think>[go]", V.NOT_FIRST),
    ("\xa0<think>why</think>[go]", V.NOT_FIRST),
    ("<think>", V.TAG_MISSING),
    ("<think>why", V.TAG_MISSING),
    ("<think>why[go]", V.TAG_MISSING),
    ("<think>why<think>[go]", V.TAG_MISSING),
    ("<think>why</thin>[go]", V.TAG_MISSING),
    ("why</think>[go]", V.TAG_MISSING),
    ("</think>[go]", V.TAG_MISSING),
    ("</think>why<think>[go]", V.TAG_MISSING),
    ("<think>a<think>b</think>[go]", V.TAG_TWICE),
    ("<think><think>b</think></think>[go]", V.TAG_TWICE),
    ("<think></think>[go]", V.EMPTY_THOUGHT),
    ("<think> \n\t </think>[go]", V.EMPTY_THOUGHT),
    ("<think>\xa0\u2003</think>[go]", V.EMPTY_THOUGHT),
    ("<think>why</think>", V.NO_ACTION),
    ("<think>why</think> \r\n\t", V.NO_ACTION),
    ("<think>why</think>go", V.MALFORMED),
    ("<think>why</think>[go", V.MALFORMED),
    ("<think>why</think>go]", V.MALFORMED),
    ("<think>why</think>then [go]", V.MALFORMED),
    ("<think>why</think>\xa0[go]", V.MALFORMED),
    ("<think>why</think>[go][go]", V.TWO_ACTIONS),
    ("<think>why</think>[go]\n[stop]", V.TWO_ACTIONS),
    ("<think>why</think>[go] done", V.TRAILING),
    ("<think>why</think>[go]<|im_end|>", V.TRAILING),
    ("<think>why</think>[go]</think>", V.TRAILING),
    ("<think>why</think>[go]<think>more</think>", V.TRAILING),
]


@pytest.mark.parametrize(("text", "thought", "action"), KEPT)
def test_a_well_formed_output_gives_its_thought_and_action(text: str, thought: str, action: str) -> None:
    assert parse_output(text, read_bracket) == Output(thought, action, None)


@pytest.mark.parametrize(("text", "violation"), BROKEN)
def test_a_broken_output_names_its_violation_and_has_no_action(text: str, violation: Violation) -> None:
    output = parse_output(text, read_bracket)
    assert (output.violation, output.action_text) == (violation, None)


def test_the_table_shows_every_violation() -> None:
    assert {violation for _, violation in BROKEN} == set(Violation)


@pytest.mark.parametrize("text", ["<think>a</think>x</think>", "<think>a</think>x <think> y"])
def test_a_domain_that_takes_everything_refuses_a_second_tag(text: str) -> None:
    assert parse_output(text, read_all).violation == V.TAG_TWICE


def test_a_domain_that_takes_everything_gets_all_lines() -> None:
    assert parse_output("<think>a</think>\n1. x\n2. y\n", read_all).action_text == "1. x\n2. y"


@pytest.mark.parametrize("unit", ["<think>", "</think>", "<think></think>", "<", "<think", " ", "\n", "<think> ", "a"])
@pytest.mark.parametrize("head", ["", "<think>a", "<think>a</think>", "<think>a</think>["])
def test_a_megabyte_of_hostile_repetition_is_a_violation(head: str, unit: str) -> None:
    text = head + unit * (1_000_000 // len(unit))
    assert parse_output(text, read_bracket).action_text is None


@given(st.text(alphabet="<>/thinka[] \n", max_size=60))
def test_no_text_raises(text: str) -> None:
    output = parse_output(text, read_bracket)
    assert (output.action_text is None) == (output.violation is not None)


@given(st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "[go]", "[", "]", "\n"]), max_size=12))
def test_what_is_accepted_has_one_block_first_and_one_action_last(parts: list[str]) -> None:
    text = "".join(parts)
    output = parse_output(text, read_bracket)
    if output.action_text is not None:
        head, _, tail = text.partition("</think>")
        assert head.lstrip() == "<think>" + head.lstrip().removeprefix("<think>")
        assert head.count("<think>") == 1 and tail.strip() == output.action_text


@given(st.text(max_size=40).filter(lambda text: text.strip() != "" and "think>" not in text))
def test_a_formatted_output_parses_back(thought: str) -> None:
    assert parse_output(format_output(thought, "[go]"), read_bracket) == Output(thought.strip(), "[go]", None)


@pytest.mark.parametrize("thought", ["", "  \n", "a <think> b", "a </think> b"])
def test_a_thought_that_the_grammar_cannot_carry_is_refused(thought: str) -> None:
    with pytest.raises(ParseError, match="thought"):
        format_output(thought, "[go]")
