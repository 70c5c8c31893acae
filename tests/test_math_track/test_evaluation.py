"""Evaluations on benchmarks: what is graded, counted and written, with a grader that compares texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from math_track.benchmarks import Rows
from math_track.evaluation import GREEDY, SAMPLED, Graded, Task, figures, grade_task, write_results
from math_track.grader import Verdict
from math_track.records import Problem
from srl_agent.answers import Answer

PROBLEMS = (Problem("p-0", "q", answer="1"), Problem("p-1", "r", answer="2"))


class Texts:
    """Equal texts are equal answers; `fault` is what it cannot judge."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def grade(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        self.asked += pairs
        return [Verdict(False, "took too long") if text == "77" else Verdict(text == gold) for text, gold in pairs]


def task(draw: str, outputs: int) -> Task:
    return Task(Rows("problems", PROBLEMS, "digest", "of all", True, "file"), draw, outputs, 16, 0)


def boxed(*answers: str) -> list[Answer]:
    return [Answer(f"so it is \\boxed{{{answer}}}", 5, False) for answer in answers]


def test_every_output_is_graded_against_the_answer_of_its_problem() -> None:
    graded = grade_task(task(SAMPLED, 3), [boxed("1", "1", "2"), boxed("1", "2", "2")], Texts())
    assert [[output.correct for output in one.outputs] for one in graded] == [[True, True, False], [False, True, True]]


def test_an_output_without_an_answer_is_wrong_and_never_graded() -> None:
    grader = Texts()
    (first, _) = grade_task(task(GREEDY, 1), [[Answer("I do not know", 4, False)], boxed("2")], grader)
    assert (first.outputs[0].answer, first.outputs[0].correct) == ("", False)
    assert grader.asked == [("2", "2")]


def test_the_figures_are_those_of_hand_made_outputs() -> None:
    answers = [boxed("1", "1", "3", "77"), [Answer("no idea at all", 9, True), *boxed("4", "5", "6")]]
    found = figures(grade_task(task(SAMPLED, 4), answers, Texts()))
    assert (found["problems"], found["outputs"], found["accuracy"]) == (2, 4, 0.25)
    assert (found["unanswered"], found["cut"], found["grader_faults"]) == (1, 1, 1)
    # Of four outputs two are right: one of two drawn is, but for 1 draw of 6.
    assert found["pass_at"] == {"1": 0.25, "2": pytest.approx(5 / 12), "4": 0.5}
    assert (found["mean_tokens"], found["mean_words"]) == (5.5, 4.0)
    assert found["interval"][0] < 0.25 < found["interval"][1]


def test_a_record_has_what_was_asked_and_what_became_of_each_output(tmp_path: Path) -> None:
    results: list[tuple[Task, Sequence[Graded]]] = [
        (one, grade_task(one, [boxed(*["1"] * one.outputs), boxed(*["77"] * one.outputs)], Texts()))
        for one in (task(GREEDY, 1), task(SAMPLED, 2))
    ]
    found = write_results(tmp_path, results, {"model": "m"})
    assert json.loads((tmp_path / "summary.json").read_text()) == found
    assert [(row["draw"], row["temperature"], row["outputs"]) for row in found["results"]] == [
        ("greedy", 0.0, 1),
        ("sampled", 1.0, 2),
    ]
    rows = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert [(row["draw"], row["name"], row["gold"], len(row["outputs"])) for row in rows] == [
        ("greedy", "p-0", "1", 1),
        ("greedy", "p-1", "2", 1),
        ("sampled", "p-0", "1", 2),
        ("sampled", "p-1", "2", 2),
    ]
    assert rows[1]["outputs"][0] == {
        "text": "so it is \\boxed{77}",
        "answer": "77",
        "correct": False,
        "fault": "took too long",
        "tokens": 5,
        "words": 4,
        "cut": False,
    }
