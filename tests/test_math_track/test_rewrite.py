"""Rewriting solutions as numbered steps: what a model is asked, what of its answers is kept, and the command."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chat_endpoint import Reply, completion, endpoint

from math_track.grader import Verdict
from math_track.records import Problem
from math_track.rewrite import (
    ANSWER,
    BEFORE,
    CUT,
    FORM,
    NO_ACTION,
    THINKING,
    Pairs,
    read_steps,
    rewrite,
    rewriting_prompt,
)
from math_track.sources import read_problems, write_problems
from math_track.splitter import GAP, NO_STEPS, NO_TITLES, NOT_FROM_ONE, ONE_STEP
from srl_agent.answers import Answer
from srl_agent.cli import main

GOOD = "1. **Set up** We have $2 + 3$.\n\n2. **Add** This is $\\boxed{5}$."
PROBLEM = Problem("p-0", "What is 2 + 3?", "We add. It is $\\boxed{5}$.", "5", "hm", "s1k", {"file": "a"})


def grade(pairs: Pairs) -> list[Verdict]:
    """Equal but for white space."""
    return [Verdict(answer.split() == gold.split()) for answer, gold in pairs]


def reason(text: str, expected: str = "5", cut: bool = False) -> str:
    """Why a rewriting is dropped; empty where it is kept."""
    problem = replace(PROBLEM, solution="It is so.", answer=expected)
    return rewrite([problem], [Answer(text, 1, cut)], "m", grade).dropped.get("p-0", "")


def test_the_prompt_has_the_problem_the_solution_the_form_and_the_answer() -> None:
    system, user = rewriting_prompt(PROBLEM)
    assert (system.role, user.role) == ("system", "user")
    for part in (PROBLEM.problem, PROBLEM.solution, "N. **TITLE** ACTION", "$\\boxed{5}$"):
        assert part in user.content


def test_the_prompt_of_a_proof_asks_for_no_answer() -> None:
    assert "boxed" not in rewriting_prompt(Problem("p", "Prove it.", "It is so."))[1].content


def test_the_answer_to_keep_is_the_one_of_the_solution_even_where_it_is_wrong() -> None:
    wrong = Problem("p", "What is 2 + 3?", "It is $\\boxed{6}$.", "5")
    assert "$\\boxed{6}$" in rewriting_prompt(wrong)[1].content
    unboxed = Problem("p", "What is 2 + 3?", "It is five.", "5")
    assert "$\\boxed{5}$" in rewriting_prompt(unboxed)[1].content


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n{GOOD}\n",
        f"<think>1. no\n2. yes</think>\n{GOOD}",
        GOOD.replace("**Set up**", "**Set up:**"),
        GOOD.replace("**Set up**", "**Set up**:"),
        GOOD.replace("We have", "\n   We have:\n   - two\n   - three\n"),
        GOOD.replace("{5}", "{ 5 }"),
    ],
)
def test_steps_in_the_form_are_kept_as_they_are(text: str) -> None:
    kept = text.removeprefix("<think>1. no\n2. yes</think>").strip()
    assert read_steps(Answer(text, 1, False)) == (kept, "")
    assert reason(text) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", NO_STEPS),
        ("We add.", NO_STEPS),
        (f"```\n{GOOD}\n```", NO_STEPS),
        ("1. **Add** $\\boxed{5}$", ONE_STEP),
        (GOOD.replace("2. **Add**", "2. Now"), NO_TITLES),
        (GOOD.replace("2.", "3."), GAP),
        (GOOD.replace("2.", "3.").replace("1.", "2."), NOT_FROM_ONE),
        (f"Here it is:\n\n{GOOD}", BEFORE),
        ("### Step 1: Set up\na\n### Step 2: Add\n$\\boxed{5}$", FORM),
        ("**1. Set up** a\n**2. Add** $\\boxed{5}$", FORM),
        ("1) **Set up** a\n2) **Add** $\\boxed{5}$", FORM),
        ("1. Set up: a\n2. Addition: $\\boxed{5}$", FORM),
        ("1. **Set up**\n2. **Add** $\\boxed{5}$", NO_ACTION),
        (GOOD.replace("5", "6"), ANSWER),
        (GOOD.replace("$\\boxed{5}$", "it"), ANSWER),
        (f"<think>{GOOD}", THINKING),
    ],
)
def test_what_breaks_the_form_is_dropped_with_its_reason(text: str, why: str) -> None:
    assert reason(text) == why


def test_an_output_that_was_cut_is_dropped() -> None:
    assert reason(GOOD, cut=True) == CUT


def test_a_proof_needs_no_answer() -> None:
    assert reason("1. **A** a\n2. **B** b", expected="") == ""


def test_a_kept_problem_is_the_same_but_for_its_solution() -> None:
    found = rewrite(
        [PROBLEM, replace(PROBLEM, name="p-1")], [Answer(GOOD, 1, False), Answer("no", 1, False)], "m", grade
    )
    (problem,) = found.problems
    assert (problem.name, problem.answer, problem.thinking, problem.solution) == ("p-0", "5", "hm", GOOD)
    assert problem.meta == {"file": "a", "rewritten_by": "m"}
    assert found.dropped == {"p-1": NO_STEPS}


SPLIT = Problem("split", "What is 5?", "### Step 1: Look\nIt is five.\n### Step 2: Say\n$\\boxed{5}$", "5")
BARE = Problem("bare", "What is 9?", "", "9")


def problems(path: Path, count: int = 6) -> str:
    made = [Problem(f"p-{n}", f"What is {n} + 0?", f"It is $\\boxed{{{n}}}$.", str(n)) for n in range(count)]
    write_problems(path, [SPLIT, *made, BARE])
    return str(path)


def answer(body: dict[str, Any]) -> Reply:
    """The right steps, but for odd numbers."""
    number = body["messages"][1]["content"].partition("What is ")[2].partition(" ")[0]
    text = f"1. **Add** We add 0 to {number}.\n2. **Say** It is $\\boxed{{{number}.0}}$."
    return completion(text if int(number) % 2 == 0 else "It is so.")


def run(tmp_path: Path, url: str, *words: str) -> int:
    files = [problems(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    return main(["data", "rewrite-steps", *files, "--server", url, "--server-model", "m", *words])


def test_the_command_writes_what_was_rewritten_and_says_what_was_dropped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(answer) as server:
        assert run(tmp_path, server.url, "--temperature", "0.5", "--max-tokens", "99") == 0
    found = read_problems(str(tmp_path / "out.jsonl")).problems
    assert [problem.name for problem in found] == ["split", *(f"p-{n}" for n in range(6)), "bare"]
    assert (found[0].solution, found[2].solution) == (SPLIT.solution, "It is $\\boxed{1}$.")
    assert found[3].solution == "1. **Add** We add 0 to 2.\n2. **Say** It is $\\boxed{2.0}$."
    assert len(server.requests) == 6
    sent = server.requests[0][2]
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("m", 0.5, 99)
    printed = capsys.readouterr().out
    assert "asked: 6 worked solutions; not asked: 1 that split into steps as they are, 1 problem without" in printed
    assert "dropped: no numbered steps" in printed
    assert "8 problems, 3 with a rewritten solution, 5 as they were" in " ".join(printed.split())
    dropped = (tmp_path / "out.jsonl.answers" / "dropped.jsonl").read_text().splitlines()
    assert json.loads(dropped[0]) == {"name": "p-1", "reason": "no numbered steps"}
    assert len(dropped) == 3


def test_a_command_that_was_stopped_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    lock, served = threading.Lock(), 0

    def answer_but_the_fifth(body: dict[str, Any]) -> Reply:
        nonlocal served
        with lock:
            served += 1
            return Reply(401, "no") if served == 5 else answer(body)

    with endpoint(answer_but_the_fifth) as server:
        assert run(tmp_path, server.url, "--concurrency", "1") == 2
        assert not (tmp_path / "out.jsonl").exists()
        asked = len(server.requests)
        assert run(tmp_path, server.url) == 0
        assert len(server.requests) - asked == 2
    assert len(read_problems(str(tmp_path / "out.jsonl")).problems) == 8


def test_more_problems_build_on_the_answers_of_fewer(tmp_path: Path) -> None:
    with endpoint(answer) as server:
        words = [str(tmp_path / "out.jsonl"), "--server", server.url, "--server-model", "m"]
        for count in (2, 6):
            assert main(["data", "rewrite-steps", problems(tmp_path / f"{count}.jsonl", count), *words]) == 0
    assert len(server.requests) == 6


def test_answers_of_other_settings_are_not_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with endpoint(answer) as server, endpoint(answer) as other:
        assert run(tmp_path, server.url) == 0
        for url, more, changed in (
            (server.url, ["--seed", "2"], "seed 0"),
            (server.url, ["--temperature", "1"], "request "),
            (server.url, ["--server-model", "n"], "model 'm'"),
            (other.url, [], f"engine 'server {server.url}'"),
        ):
            assert run(tmp_path, url, *more) == 2
            message = capsys.readouterr().err
            assert "--answers: " in message and f"has answers under {changed}" in message
        assert other.requests == []


def test_where_nothing_keeps_the_form_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out.jsonl").write_text("before\n")
    with endpoint(lambda body: completion("no")) as server:
        assert run(tmp_path, server.url) == 2
    assert "no rewriting kept the form" in capsys.readouterr().err
    assert (tmp_path / "out.jsonl").read_text() == "before\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--server-model", "m"], "--server: name the OpenAI-compatible server"),
        (["--server", "http://x/v1"], "--server-model"),
        (["--server", "x", "--server-model", "m"], "expected a URL"),
        (["--server", "http://x/v1", "--server-model", "m", "--max-tokens", "0"], "--max-tokens"),
        (["--server", "http://x/v1", "--server-model", "m", "--server-extra", "[]"], "JSON object"),
    ],
)
def test_what_cannot_work_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    files = [problems(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    assert main(["data", "rewrite-steps", *files, *words]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize(("problem", "why"), [(BARE, "no problem in it has one"), (SPLIT, "all 1 worked solutions")])
def test_where_nothing_is_to_be_rewritten_nothing_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problem: Problem, why: str
) -> None:
    write_problems(tmp_path / "a.jsonl", [problem])
    words = ["--server", "http://127.0.0.1:9/v1", "--server-model", "m"]
    assert main(["data", "rewrite-steps", str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"), *words]) == 2
    assert f"no worked solution to rewrite: {why}" in capsys.readouterr().err
