"""Problems from the forms that data sets have them in: what is read, what an answer is, what is left out and said."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import need

from math_track.forms import gold_answer
from math_track.records import Problem
from math_track.sources import read_problems, write_problems
from trajectories.errors import ParseError

# The thirteen fields of simplescaling/s1K-1.1 as it is published; the texts are made up.
S1K_1_1 = {
    "solution": "We add. So it is $\\boxed{5}$.",
    "question": "What is 2 + 3?",
    "cot_type": "math",
    "source_type": "qq8933/AIME_1983_2024",
    "metadata": "{'ID': '1984-1'}",
    "gemini_thinking_trajectory": "Two and three.",
    "gemini_attempt": "It is 6.",
    "deepseek_thinking_trajectory": "Okay, so two and three.",
    "deepseek_attempt": "1. **Set up:** 2 + 3\n2. **Add:** \\boxed{5}",
    "gemini_grade": "No",
    "gemini_grade_reason": "6 is not 5",
    "deepseek_grade": "Yes",
    "deepseek_grade_reason": "5 is 5",
}
# The eight of simplescaling/s1K.
S1K = {
    "solution": "128",
    "question": "What is 2 to the 7?",
    "cot_type": "math",
    "source_type": "qfq/openaimath",
    "metadata": "{}",
    "cot": None,
    "thinking_trajectories": ["Seven doublings."],
    "attempt": "It is 128.",
}
OWN = {"name": "mine-1", "problem": "1 + 1?", "solution": "1. **A** b", "answer": "2", "meta": {"subject": "sums"}}


def save(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def read_one(path: Path, row: Any) -> Problem:
    (problem,) = read_problems(save(path / "a.jsonl", row)).problems
    return problem


def test_a_row_of_s1k_1_1_has_the_solution_and_thinking_of_deepseek_r1(tmp_path: Path) -> None:
    problem = read_one(tmp_path, S1K_1_1)
    assert (problem.name, problem.source, problem.problem) == ("s1k-0", "s1k-1.1", "What is 2 + 3?")
    assert problem.solution == S1K_1_1["deepseek_attempt"]
    assert (problem.thinking, problem.answer) == ("Okay, so two and three.", "5")
    assert problem.meta["deepseek_grade"] == "Yes"
    assert (problem.meta["file"], problem.meta["index"]) == (str(tmp_path / "a.jsonl"), "1")


def test_a_row_of_s1k_whose_solution_is_an_answer_has_no_solution(tmp_path: Path) -> None:
    problem = read_one(tmp_path, S1K)
    assert (problem.name, problem.source, problem.solution, problem.answer) == ("s1k-0", "s1k", "", "128")
    assert problem.thinking == ""


def test_a_row_of_s1k_may_call_the_question_problem_and_have_an_id(tmp_path: Path) -> None:
    problem = read_one(tmp_path, {"id": 17, "problem": "Why?", "solution": "Because.\nSo it holds.", "subject": ""})
    assert (problem.name, problem.problem, problem.answer) == ("s1k-17", "Why?", "")
    assert problem.solution == "Because.\nSo it holds."


def test_a_row_of_our_own_keeps_its_name_and_meta(tmp_path: Path) -> None:
    problem = read_one(tmp_path, OWN)
    assert (problem.name, problem.solution, problem.answer, problem.source) == ("mine-1", "1. **A** b", "2", "problems")
    assert problem.meta["subject"] == "sums"


def test_facts_that_are_no_texts_cost_no_row(tmp_path: Path) -> None:
    problem = read_one(tmp_path, {**OWN, "meta": {"a": [1, 2], "b": "text", "c": None}})
    assert {key: problem.meta[key] for key in "abc"} == {"a": "[1, 2]", "b": "text", "c": "null"}


@pytest.mark.parametrize("field", ["problem", "question", "prompt"])
@pytest.mark.parametrize("rest", [{"answer": "2"}, {"solution": "We add.\nSo it is 2."}, {"deepseek_attempt": "2"}])
def test_every_form_has_its_question_under_any_of_three_names(tmp_path: Path, field: str, rest: dict[str, str]) -> None:
    assert read_one(tmp_path, {field: "1 + 1?", **rest}).problem == "1 + 1?"


def test_a_worked_answer_of_gsm8k_is_a_solution_and_an_answer(tmp_path: Path) -> None:
    problem = read_one(tmp_path, {"question": "How many?", "answer": "2 * 600 = <<2*600=1200>>1200\n#### 1,200"})
    assert (problem.name, problem.source) == ("gsm8k-0", "gsm8k")
    assert (problem.solution, problem.answer) == ("2 * 600 = <<2*600=1200>>1200", "1200")


def test_without_an_answer_it_is_the_one_that_the_solution_boxes_and_said_so(tmp_path: Path) -> None:
    row = {"problem": "p", "solution": "So it is $\\boxed{7}$."}
    found = read_problems(save(tmp_path / "a.jsonl", {**row, "name": "x"}, {**row, "name": "y", "answer": None}))
    assert [problem.answer for problem in found.problems] == ["7", "7"]
    assert found.report.lines()[1] == (
        "problems without an answer, so that the one in the solution's box is taken: 2 (x, y)"
    )


def test_blank_answers_stay_blank_and_are_counted(tmp_path: Path) -> None:
    rows = [{"name": f"n{number}", "problem": "p", "solution": "\\boxed{7}", "answer": " "} for number in range(7)]
    found = read_problems(save(tmp_path / "a.jsonl", *rows))
    assert {problem.answer for problem in found.problems} == {""}
    assert found.report.lines()[1] == (
        "problems with a blank answer, which stage rlvr leaves out: 7 (n0, n1, n2, n3, n4, ...)"
    )


def test_names_that_come_again_are_told_apart_by_what_they_name(tmp_path: Path) -> None:
    lines = read_problems(save(tmp_path / "a.jsonl", OWN, OWN, {**OWN, "problem": "1 + 2?"})).report.lines()
    assert lines[1:] == [
        "problems that say the same as one before of their name, numbered on: 1 (mine-1#2)",
        "problems with the name of another problem before, numbered on: 1 (mine-1#3)",
    ]


@pytest.mark.parametrize(("answer", "text"), [(42, "42"), (0.5, "0.5"), (" 3 ", "3"), (None, "")])
def test_an_answer_may_be_a_number(tmp_path: Path, answer: object, text: str) -> None:
    problem = read_one(tmp_path, {"problem": "p", "answer": answer})
    assert (problem.name, problem.answer) == ("problem-0", text)


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("128", "128"),
        ("  0.5\n", "0.5"),
        ("We add.\nThe final answer is \\(\\boxed{\\frac{1}{2}}\\)", "\\frac{1}{2}"),
        ("\\boxed{1} or rather \\boxed{2}", "2"),
        ("It is large.\n\nAnswer: B", "B"),
        ("### Answer: FALL ON HARD TIMES \n ### Explanation: FALL ON + HARD TIMES", "FALL ON HARD TIMES"),
        ("**Answer:** 7\nas it should be", "7"),
        ("Let x be odd.\n\nThen x + 1 is even. Q.E.D.", ""),
        ("By induction the sum of the first n odd numbers is the square of n for each n.", ""),
        ("", ""),
    ],
)
def test_a_gold_answer_is_boxed_set_off_or_the_whole_of_a_short_solution(solution: str, answer: str) -> None:
    assert gold_answer(solution) == answer


def test_names_that_come_twice_are_numbered(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jsonl", OWN, OWN, {**OWN, "name": "mine-1#2"}, OWN)
    names = [problem.name for problem in read_problems(path).problems]
    assert names == ["mine-1", "mine-1#2", "mine-1#2#2", "mine-1#3"]


def test_names_by_place_that_two_files_share_are_nothing_to_tell(tmp_path: Path) -> None:
    for name in "ab":
        save(tmp_path / f"{name}.jsonl", {"problem": name, "answer": 1})
    found = read_problems(str(tmp_path))
    assert [problem.name for problem in found.problems] == ["problem-0", "problem-0#2"]
    assert found.report.lines() == ["problems: 2 of 2 rows; forms: problems 2"]


def test_rows_of_several_forms_are_counted_by_form(tmp_path: Path) -> None:
    found = read_problems(save(tmp_path / "a.jsonl", S1K_1_1, S1K, OWN, {**OWN, "name": "b"}))
    assert found.report.forms == {"s1k-1.1": 1, "s1k": 1, "problems": 2}
    assert found.report.lines() == ["problems: 4 of 4 rows; forms: s1k-1.1 1, s1k 1, problems 2"]


def test_a_folder_a_glob_a_table_and_a_packed_file_are_read(tmp_path: Path) -> None:
    save(tmp_path / "a.jsonl", S1K)
    parquet.write_table(arrow.Table.from_pylist([S1K_1_1]), tmp_path / "b.parquet")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(json.dumps(OWN).encode()))
    (tmp_path / "d.json").write_text(json.dumps([OWN, S1K]))
    found = read_problems(str(tmp_path))
    assert [problem.source for problem in found.problems] == ["s1k", "s1k-1.1", "problems", "problems", "s1k"]
    assert [problem.source for problem in read_problems(str(tmp_path / "*.parquet")).problems] == ["s1k-1.1"]


def test_a_split_of_a_data_set_is_read_by_its_name(tmp_path: Path) -> None:
    save(tmp_path / "train.jsonl", S1K_1_1, S1K_1_1)
    found = read_problems(f"{tmp_path}:train")
    assert [problem.name for problem in found.problems] == ["s1k-0", "s1k-1"]


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jsonl", OWN)
    first = read_problems(path).digest
    assert read_problems(path).digest == first
    assert read_problems(save(tmp_path / "a.jsonl", S1K)).digest != first


def test_standard_input_is_read_and_has_a_digest() -> None:
    code = "from math_track.sources import read_problems as r; found = r('-'); print(len(found.problems), found.digest)"
    rows = "".join(json.dumps(row) + "\n" for row in (OWN, S1K))
    done = subprocess.run([sys.executable, "-c", code], input=rows, capture_output=True, text=True, check=True)
    count, digest = done.stdout.split()
    assert (count, len(digest)) == ("2", 64)


def test_no_name_stands_for_the_bundled_set() -> None:
    found = read_problems("")
    assert len(found.problems) > 100 and not found.report.left_out
    assert all(problem.solution and problem.answer for problem in found.problems)


BROKEN = [
    (b"{", "broken JSON"),
    (json.dumps(OWN).encode()[:40], "broken JSON"),
    (b"\xff\xfe\x00", "not UTF-8"),
    (b"\x00\x01\x02\x03", "broken JSON"),
    (b"[" * 100_000, "nested too deeply"),
    (b"[1, 2]", "expected a JSON object, found a list"),
    (b"null", "expected a JSON object, found null"),
    (b'"text"', "expected a JSON object, found text"),
    (
        b"{}",
        "it lacks a question (problem, question, prompt) and a worked solution or an answer (solution, answer); "
        "rename the fields, which are none",
    ),
    (b'{"query": "Why?", "answer": "3"}', "it lacks a question (problem, question, prompt); rename the fields"),
    (
        b'{"question": "Why?", "response": "3"}',
        "it lacks a worked solution or an answer (solution, answer); rename the fields, which are 'question', 'resp",
    ),
    (b'{"question": "", "solution": "3"}', "question: expected text, found only blanks"),
    (b'{"question": 5, "solution": "3"}', "question: expected text, found a whole number"),
    (b'{"question": "Why?", "solution": ["3"]}', "solution: expected text, found a list"),
    (b'{"question": "Why?", "solution": " "}', "solution: expected text, found only blanks"),
    (b'{"question": "Why?", "deepseek_attempt": null, "solution": "3"}', "deepseek_attempt: expected text, found null"),
    (b'{"deepseek_attempt": "a", "solution": "3"}', "expected a question under problem or question or prompt, found"),
    (b'{"name": "", "problem": "p"}', "name: expected text, found only blanks"),
    (b'{"problem": "p", "answer": [1]}', "answer: expected text or a number, found a list"),
    (b'{"problem": "p", "answer": true}', "answer: expected text or a number, found true or false"),
    (b'{"problem": "p", "answer": "1", "meta": []}', "meta: expected an object, found a list"),
    (
        b'{"problem": "p", "answer": "so\\n#### "}',
        "answer: expected '#### ' and the final answer at its end, found none",
    ),
    (b'{"problem": "\\ud800", "answer": "1"}', "problem: has half a surrogate pair"),
]


@pytest.mark.parametrize(("line", "reason"), BROKEN)
def test_a_bad_row_is_left_out_and_said_with_its_place(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(json.dumps(OWN).encode() + b"\n" + line + b"\n" + json.dumps(S1K).encode() + b"\n")
    found = read_problems(str(path))
    assert [problem.source for problem in found.problems] == ["problems", "s1k"]
    (left,) = found.report.left_out
    assert reason in left.reason
    assert (left.file, left.index) == (str(path), 2)
    assert found.report.lines()[1].startswith(f"left out: 1, the first at {path}:2: ")


@pytest.mark.parametrize(("line", "reason"), BROKEN)
def test_where_nothing_can_be_read_the_reason_is_in_the_error(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(line + b"\n")
    with pytest.raises(ParseError) as caught:
        read_problems(str(path))
    assert str(path) in str(caught.value) and reason in str(caught.value)


def test_an_empty_file_and_no_file_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    with pytest.raises(ParseError, match="the file is empty"):
        read_problems(str(tmp_path / "a.jsonl"))
    with pytest.raises(ParseError, match="expected an existing file"):
        read_problems(str(tmp_path / "b.jsonl"))


def test_a_packed_file_that_is_cut_off_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    rows = "".join(json.dumps({**OWN, "name": f"p{number}"}) + "\n" for number in range(2000))
    path.write_bytes(gzip.compress(rows.encode())[:-200])
    found = read_problems(str(path))
    assert found.problems and "cut off" in found.report.left_out[-1].reason


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
filled = texts.filter(str.strip)


stripped = filled.map(str.strip)
written = st.builds(Problem, filled, stripped, texts, texts.map(str.strip), texts, filled)


@given(st.lists(written, min_size=1, max_size=5))
def test_written_problems_are_read_back(tmp_path_factory: pytest.TempPathFactory, problems: list[Problem]) -> None:
    path = tmp_path_factory.mktemp("written") / "a.jsonl"
    assert write_problems(path, problems) == len(problems)
    found = read_problems(str(path)).problems
    kept = ("problem", "solution", "answer", "thinking", "source")
    assert [[getattr(p, key) for key in kept] for p in found] == [[getattr(p, key) for key in kept] for p in problems]
    assert len({problem.name for problem in found}) == len(problems)


def test_of_the_1000_rows_of_s1k_773_have_an_answer_and_625_a_worked_solution(shared_data: Path) -> None:
    path = shared_data / "math" / "s1K.problem-solution.json"
    if not path.is_file():
        need(f"no s1K at {path}")
    found = read_problems(str(path))
    assert (len(found.problems), found.report.left_out) == (1000, ())
    assert sum(bool(problem.answer) for problem in found.problems) == 773
    assert sum(bool(problem.solution) for problem in found.problems) == 625
    assert [problem.name for problem in found.problems] == [f"s1k-{number}" for number in range(1000)]
