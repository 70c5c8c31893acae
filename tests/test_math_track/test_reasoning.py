"""How outputs reason: the counts on texts made for each, and the command on an evaluation's records."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import need

from math_track.reasoning import reasoning
from srl_agent.cli import main

PLAN = "<think>We need\n1. the new value\n2. the profit\n</think> First, the value is 200000."
VERIFY = "The answer is (D). <think>To double-check: Perseus lies along it.</think> The answer is (D)."


@pytest.mark.parametrize(
    ("text", "plans", "adjusts", "verifies"),
    [
        ("no block at all, wait", False, False, False),
        ("<think>one thought, checked</think> answer", False, False, False),
        (PLAN, True, False, False),
        ("<think>1. only one line</think> answer", False, False, False),
        ("answer <think>1. late\n2. list</think>", False, False, False),
        ("a <think>then what?</think> b", False, True, False),
        ("a <think>let me verify</think>", False, False, True),
        ("<think>a</think> <think>check</think> b", False, False, False),
        (VERIFY, False, True, True),
        ("a <think>Wait, that never closes", False, False, True),
        ("a <think>awaiting the checkers</think>", False, False, False),
    ],
)
def test_the_modes_of_interleaved_thinking(text: str, plans: bool, adjusts: bool, verifies: bool) -> None:
    found = reasoning(text)
    assert (found.plans, found.adjusts, found.verifies) == (plans, adjusts, verifies)


@given(st.lists(st.sampled_from(["<think>", "</think>", " ", "wait", "1. a\n2. b"]), max_size=12).map("".join))
def test_any_text_is_counted(text: str) -> None:
    found = reasoning(text)
    assert found.words == len(text.split())
    assert found.blocks <= text.count("<think>")
    assert found.blocks or not (found.plans or found.adjusts or found.verifies)


def test_steps_are_counted_outside_the_think_blocks() -> None:
    steps = "1. **Set up:** let x be it.\n\n2. **Solve:** x = 3.\n\n3. **Check:** yes.\n"
    assert reasoning(f"<think>{steps}</think>{steps}").steps == 3
    assert reasoning(f"<think>{steps}</think>x is 3").steps == 0


def evaluation(folder: Path, texts: list[str], *benchmarks: str, first: int = 0) -> str:
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps({"model": f"model of {folder.name}"}))
    names = benchmarks or ("gsm8k",)
    rows = [
        {"benchmark": name, "draw": "greedy", "question": f"q{number}", "outputs": [{"text": text}]}
        for name in names
        for number, text in enumerate(texts, first)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder)


def test_evaluations_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = evaluation(tmp_path / "base", ["a b", "a b c d", "a b c d e f"])
    trained = evaluation(tmp_path / "trained", [PLAN, VERIFY, VERIFY, VERIFY])
    assert main(["eval", "reasoning", base, trained]) == 0
    printed = capsys.readouterr().out
    cells = [line.split("  ") for line in printed.splitlines()]
    rows = [[cell.strip() for cell in row if cell.strip()] for row in cells]
    lengths = [len(PLAN.split()), *[len(VERIFY.split())] * 3]
    assert ["words, mean", "4", f"{sum(lengths) / 4:.0f}"] in rows
    assert [
        "words, quartiles",
        "3 / 4 / 5",
        f"{lengths[1]} / {lengths[1]} / {(3 * lengths[1] + lengths[0]) / 4:.0f}",
    ] in rows
    assert ["think blocks, mean", "0.00", "1.00"] in rows
    assert ["plan", "0%", "25%"] in rows
    assert ["adjust", "0%", "75%"] in rows and ["verify", "0%", "75%"] in rows
    assert ["interleaved", "0%", "75%"] in rows
    assert "interleaved: adjust or verify" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("texts", "first", "benchmark", "warning"),
    [
        (["a", "b"], 0, "gsm8k", ""),
        (["a", "b"], 1, "gsm8k", "has 2 problems, {} 2, 1 of them the same"),
        (["a"], 0, "gsm8k", "has 2 problems, {} 1, 1 of them the same"),
        (["a", "b"], 0, "amc23", "WARNING: gsm8k greedy is in"),
    ],
)
def test_evaluations_on_other_problems_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], texts: list[str], first: int, benchmark: str, warning: str
) -> None:
    base = evaluation(tmp_path / "base", ["a", "b"])
    other = evaluation(tmp_path / "other", texts, benchmark, first=first)
    assert main(["eval", "reasoning", base, other]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert warning.format(other) in printed and ("WARNING" in printed) == bool(warning)


def test_the_help_says_what_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["eval", "reasoning", "--help"])
    assert "plan: a think block at the start has a list" in " ".join(capsys.readouterr().out.split())


def test_each_benchmark_of_an_evaluation_has_a_column_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "reasoning", evaluation(tmp_path / "e", ["a b", "a"], "aime24", "amc23")]) == 0
    assert "outputs 2 2" in " ".join(capsys.readouterr().out.split())


def test_the_figure_has_a_line_for_each(tmp_path: Path) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        need("matplotlib is not installed; pip install 'srl-agent[figures]'")
    folders = [evaluation(tmp_path / name, ["a b", "a b c d"]) for name in ("base", "trained")]
    assert main(["eval", "reasoning", *folders, "--figure", str(tmp_path / "figures" / "words.svg")]) == 0
    (drawn,) = (tmp_path / "figures").iterdir()
    assert drawn.name == "words.svg"
    assert all(f"{folder} gsm8k greedy" in drawn.read_text() for folder in folders)
    assert all(f"stroke-width: {width}" in drawn.read_text() for width in (2, 4)), "equal lines hide each other"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{}"], "no summary.json in it"),
        (["{}", "--figure", "x.gif"], "expected a name ending in .svg, .png, .pdf"),
        (["{}", "--figure", "x.svg", "--colour.map", "y"], "unknown argument '--colour.map'"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["eval", "reasoning", *(word.replace("{}", str(tmp_path)) for word in words)]) == 2
    assert message in capsys.readouterr().err
