"""Problems of evaluation sets are found among those to train on, by fingerprints and in other words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_benchmarks import FILES
from worked import worked

from math_track.contamination import FINGERPRINTS, contaminated, fingerprint, write_fingerprints
from math_track.sources import read_problems
from trajectories.errors import ParseError

OF_MATH_500 = r"Compute: $1-2+3-4+5- \dots +99-100$."
LONG = (
    "A farmer has some hens and some rabbits in the same yard, and counts 35 heads and 94 feet in all. How many hens "
    "and how many rabbits does the farmer have, if every rabbit has four feet and every hen has two?"
)


def write(path: Path, *texts: str) -> str:
    path.write_text("".join(json.dumps({"question": text}) + "\n" for text in texts))
    return str(path)


@pytest.mark.parametrize(
    "text",
    [
        "compute 1-2+3-4+5-\\dots+99-100",
        "Compute:\n\\[1 - 2 + 3 - 4 + 5 - \\dots + 99 - 100\\]",
        "Compute: $$1-2+3-4+5-\\,\\dots\\,+99-100.$$",
    ],
)
def test_a_question_of_a_benchmark_is_known_in_other_spellings(text: str) -> None:
    assert contaminated([worked("a"), worked("b", problem=text)], []) == {"MATH-500": ["b"]}


@pytest.mark.parametrize("text", [OF_MATH_500.replace("100", "98"), OF_MATH_500.replace("+", "-")])
def test_another_number_or_sign_asks_something_else(text: str) -> None:
    assert fingerprint(text) != fingerprint(OF_MATH_500)
    assert contaminated([worked("a", problem=text)], []) == {}


def test_rows_that_are_named_are_found_in_other_words_too(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", "What is 7 + 8?", LONG)
    other = LONG.replace("in the same yard", "in one yard").replace("How many hens", "Find how many hens")
    problems = [worked("short", problem="what is 7+8"), worked("long", problem=other), worked("not")]
    assert contaminated(problems, [path]) == {path: ["short", "long"]}


def test_a_set_without_questions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "x"}\n')
    with pytest.raises(ParseError, match=r"data\.evaluation_sets: .*rows\.jsonl:1: expected a question under problem"):
        contaminated([worked("a")], [str(path)])


def test_the_fingerprints_are_those_of_the_benchmarks(shared_data: Path, tmp_path: Path) -> None:
    order = ("aime24", "aime25", "amc23", "minerva", "math500", "gsm8k")
    write_fingerprints(tmp_path / "made.txt", [f"{name}={shared_data / 'math' / FILES[name]}" for name in order])
    made = (tmp_path / "made.txt").read_text()
    assert made == FINGERPRINTS.read_text()
    assert len(set(made.splitlines())) == 2191


def test_of_s1k_three_problems_are_of_math_500(shared_data: Path) -> None:
    problems = read_problems(str(shared_data / "math" / "s1K.problem-solution.json")).problems
    assert contaminated(problems, []) == {"MATH-500": ["s1k-81", "s1k-124", "s1k-181"]}


def test_no_bundled_problem_is_of_a_benchmark() -> None:
    assert contaminated(read_problems("").problems, []) == {}
