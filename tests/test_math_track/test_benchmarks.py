"""Benchmarks: rows of the hub's form and of the files' give the same problems; what is broken is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from math_track.benchmarks import BENCHMARKS, parse_slice, read_benchmark
from math_track.gold import INSTRUCTION
from srl_agent.errors import ConfigError
from trajectories.errors import ParseError

FILES = {
    "aime24": "Qwen2.5-Math.aime24.test.jsonl",
    "aime25": "QwQ.aime25.jsonl",
    "amc23": "Qwen2.5-Math.amc23.test.jsonl",
    "minerva": "Qwen2.5-Math.minerva_math.test.jsonl",
    "math500": "simpleRL.math500.test.jsonl",
    "gsm8k": "Qwen2.5-Math.gsm8k.test.jsonl",
}
URL = "https://artofproblemsolving.com/wiki/index.php/"
HUB_ROWS: dict[str, list[dict[str, Any]]] = {
    # Fields and types as the data sets' cards have them.
    "amc23": [
        {"id": 0, "problem": "p", "answer": 142.0, "url": f"{URL}2022_AMC_12A_Problems/Problem_1"},
        {"id": 43, "problem": "q", "answer": 27.0, "url": f"{URL}2023_AMC_12B_Problems/Problem_1"},
    ],
    "aime24": [
        {"id": 0, "problem": "p", "solution": "s", "answer": "116", "url": f"{URL}2022_AIME_I_Problems/Problem_1"},
        {"id": 60, "problem": "q", "solution": "s", "answer": "027", "url": f"{URL}2024_AIME_II_Problems/Problem_1"},
    ],
    "aime25": [{"id": "0", "problem": "q", "answer": "70"}],
    "minerva": [{"question": "q", "answer": "1.6"}],
    "math500": [{"problem": "q", "solution": "s", "answer": "p - q", "subject": "x", "level": 2, "unique_id": "u"}],
    "gsm8k": [{"question": "q", "answer": "so 2 * 600 = <<2*600=1200>>1,200\n#### 1,200"}],
}
GOLD = {"amc23": "27", "aime24": "027", "aime25": "70", "minerva": "1.6", "math500": "p - q", "gsm8k": "1200"}


def write(path: Path, rows: list[Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("name", list(FILES))
def test_the_files_have_every_problem_of_their_benchmark(shared_data: Path, name: str) -> None:
    rows = read_benchmark(name, str(shared_data / "math" / FILES[name]))
    assert len(rows.problems) == BENCHMARKS[name].size and rows.whole
    assert len({problem.name for problem in rows.problems}) == len(rows.problems)
    assert all(problem.answer and INSTRUCTION not in problem.problem for problem in rows.problems)


def test_gold_answers_are_read_as_each_benchmark_writes_them(shared_data: Path) -> None:
    first = {
        name: read_benchmark(name, str(shared_data / "math" / file)).problems[0].answer for name, file in FILES.items()
    }
    assert first["aime24"] == "204" and first["aime25"] == "70" and first["amc23"] == "27"
    assert first["minerva"] == "1.6" and first["gsm8k"] == "18"
    assert first["math500"] == "\\left( 3, \\frac{\\pi}{2} \\right)"


@pytest.mark.parametrize("name", list(HUB_ROWS))
def test_the_hub_s_rows_of_the_benchmark_are_read_through_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A folder named as the data set stands in for it: `datasets` reads both the same way."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    source, _, split = BENCHMARKS[name].hub.rpartition(":")
    folder, _, config = source.partition("@")
    write(tmp_path / folder / "rows.jsonl", HUB_ROWS[name])
    card = f"configs:\n- config_name: {config or 'default'}\n  data_files:\n  - split: {split}\n    path: rows.jsonl\n"
    (tmp_path / folder / "README.md").write_text(f"---\n{card}---\n")
    rows = read_benchmark(name)
    assert [(problem.problem, problem.answer) for problem in rows.problems] == [("q", GOLD[name])]
    assert not rows.whole


def test_a_hub_that_cannot_be_asked_says_that_a_file_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ParseError, match=r"math-ai/aime25.*--rows FILE"):
        read_benchmark("aime25")


@pytest.mark.parametrize("field", ["problem", "question", "prompt"])
def test_problems_of_one_s_own_need_a_question_and_an_answer(tmp_path: Path, field: str) -> None:
    rows = [{field: f"a\n{INSTRUCTION}", "answer": 3}, {field: "b", "answer": 0.5}, {field: "c", "answer": " x "}]
    found = read_benchmark("problems", write(tmp_path / "own.jsonl", rows))
    assert [(one.name, one.problem, one.answer) for one in found.problems] == [
        ("problems-0", "a", "3"),
        ("problems-1", "b", "0.5"),
        ("problems-2", "c", "x"),
    ]
    assert found.whole


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("problems", {"problem": "q"}, "answer: expected text or a number, found only 'problem'"),
        ("problems", {"problem": "q", "answer": None}, "answer: expected text or a number, found null"),
        ("problems", {"problem": "q", "answer": True}, "answer: expected text or a number, found true or false"),
        ("problems", {"problem": "q", "answer": [1]}, "answer: expected text or a number, found a list"),
        ("problems", {"problem": "q", "answer": " "}, "answer: expected text or a number, found only blanks"),
        (
            "problems",
            {"answer": "1"},
            "expected a question under problem or question or prompt, found only 'answer'",
        ),
        ("problems", {"question": 3, "answer": "1"}, "question: expected text, found a whole number"),
        ("problems", {"question": " ", "answer": "1"}, "question: expected text, found only blanks"),
        ("problems", [1], "expected a JSON object"),
        (
            "aime24",
            {"problem": "q", "answer": "p - q"},
            "answer: expected a whole number from 0 to 999.*'p - q'",
        ),
        ("aime25", {"problem": "q", "answer": 1000}, "answer: expected a whole number from 0 to 999, .*found '1000'"),
        ("aime25", {"problem": "q", "answer": "-1"}, "answer: expected a whole number from 0 to 999"),
        ("gsm8k", {"question": "q", "answer": "18"}, "answer: expected '#### '"),
        ("minerva", {"problem": "q", "solution": "x = 3"}, "solution: expected a .boxed"),
        ("minerva", {"problem": "q"}, "solution: missing"),
    ],
)
def test_a_broken_row_is_named_with_file_and_place(tmp_path: Path, name: str, row: Any, message: str) -> None:
    good = {"problem": "q", "answer": "#### 1" if name == "gsm8k" else 1, "solution": "\\boxed{1}"}
    path = write(tmp_path / "rows.jsonl", [good, row])
    with pytest.raises(ParseError, match=rf"rows\.jsonl:2: {message}"):
        read_benchmark(name, path)


def test_a_file_without_the_benchmark_s_year_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", HUB_ROWS["aime24"][:1])
    with pytest.raises(ParseError, match="no row of AIME24 in it; expected '/2024_AIME_' in the field url"):
        read_benchmark("aime24", path)


@pytest.mark.parametrize("name", ["amc23", "aime24", "aime25", "minerva", "math500"])
def test_more_rows_than_the_benchmark_has_are_refused(tmp_path: Path, name: str) -> None:
    size = BENCHMARKS[name].size
    rows = [{"problem": f"q{number}", "answer": 1} for number in range(size + 1)]
    assert read_benchmark(name, write(tmp_path / "as-many.jsonl", rows[:size])).whole
    with pytest.raises(ConfigError, match=rf"more\.jsonl: {size + 1} rows, and \S+ has {size}, .*`eval problems`"):
        read_benchmark(name, write(tmp_path / "more.jsonl", rows), parse_slice("0:5"))


def test_problems_need_a_file() -> None:
    with pytest.raises(ConfigError, match="--rows FILE"):
        read_benchmark("problems")


def test_the_digest_follows_questions_and_gold_answers_but_not_the_file(tmp_path: Path) -> None:
    row = {"problem": "q", "answer": "1"}
    digests = [
        read_benchmark("problems", write(tmp_path / f"{number}.jsonl", [one])).digest
        for number, one in enumerate([row, {**row, "id": 7}, {**row, "answer": "2"}, {**row, "problem": "r"}])
    ]
    assert digests[0] == digests[1] and len(set(digests)) == 3


def test_a_slice_keeps_the_names_that_the_whole_gives(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [{"problem": str(n), "answer": n} for n in range(5)])
    rows = read_benchmark("problems", path, parse_slice("1:3"))
    assert [problem.name for problem in rows.problems] == ["problems-1", "problems-2"]
    last = read_benchmark("problems", path, parse_slice("-2:"))
    assert [problem.name for problem in last.problems] == ["problems-3", "problems-4"]
    for empty in ("5:", "3:3", "4:2", "-1:3"):
        with pytest.raises(ConfigError, match="none of the 5 problems"):
            read_benchmark("problems", path, parse_slice(empty))


@pytest.mark.parametrize("text", ["", "5", "a:b", "1:2:3", "--1:", "1.5:"])
def test_what_is_no_slice_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--slice: expected FIRST:BEHIND"):
        parse_slice(text)


def test_of_a_worked_answer_with_hashes_only_what_stands_behind_them_is_the_gold_answer(tmp_path: Path) -> None:
    rows = [{"question": "a", "answer": "6 * 3 = 18\n#### 1,800"}]
    assert read_benchmark("problems", write(tmp_path / "own.jsonl", rows)).problems[0].answer == "1800"
