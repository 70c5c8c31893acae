"""An evaluation on benchmarks: asked with resume, graded, and summed up into records and figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

from math_track.accuracy import interval, pass_at, pass_sizes
from math_track.benchmarks import Rows
from math_track.extract import final_answer
from math_track.grader import Verdict
from math_track.records import Problem
from srl_agent.answers import Answer, Answerer, Prompt, Sampling
from srl_agent.asking import Question, ask_all, settle
from srl_agent.run_dir import write_json
from trajectories.store import write_atomically

SCHEMA = "srl-agent/eval-math-1"
ITEMS, SUMMARY = "items.jsonl", "summary.json"
GREEDY, SAMPLED = "greedy", "sampled"
TEMPERATURE = 1.0
"""Of the sampled outputs: the paper's (arXiv 2510.25992, section 5.1)."""


@dataclass(frozen=True)
class Task:
    """One benchmark, and one way of drawing outputs for it."""

    rows: Rows
    draw: str
    """GREEDY or SAMPLED."""
    outputs: int
    """For each problem."""
    max_tokens: int
    seed: int

    @property
    def sampling(self) -> Sampling:
        """How they are drawn."""
        return Sampling(0.0 if self.draw == GREEDY else TEMPERATURE, self.max_tokens)

    def facts(self) -> dict[str, Any]:
        """What decides the answers, besides model, prompt and problem."""
        return {
            "benchmark": self.rows.benchmark,
            "temperature": self.sampling.temperature,
            "max_tokens": self.max_tokens,
            "outputs": self.outputs,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Output:
    """One output and what the grader made of it."""

    text: str
    answer: str
    """As extracted; empty where there is none."""
    correct: bool
    fault: str
    """Why the grader came to no verdict; empty where it did. Such an output counts as wrong."""
    tokens: int
    words: int
    cut: bool


@dataclass(frozen=True)
class Graded:
    """A problem with its outputs."""

    problem: Problem
    outputs: tuple[Output, ...]


class Grades(Protocol):
    """What `math_track.grader.Grader` is to an evaluation."""

    def grade(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """Whether answers are the gold answers: pairs of one and the other."""
        ...


Ask = Callable[[str], Prompt]
"""Makes the prompt of a question."""


def settle_task(task: Task, facts: Mapping[str, Any], made_with: Mapping[str, str], folder: Path) -> list[str]:
    """Write down what decides the answers, before they are asked; see `srl_agent.asking.settle`."""
    return settle(_place(task, folder), {**facts, **task.facts()}, made_with=made_with)


def _place(task: Task, folder: Path) -> Path:
    return folder / task.rows.benchmark / (f"{task.draw}-{task.outputs}" if task.draw == SAMPLED else task.draw)


def answer_task(
    task: Task,
    ask: Ask,
    make: Callable[[Sampling], Answerer],
    folder: Path,
    tell: Callable[[int], None],
) -> list[list[Answer]]:
    """The outputs for each problem; those that `folder` has already (see `settle_task`) are not asked again."""
    questions = [Question(problem.name, ask(problem.problem)) for problem in task.rows.problems]
    return ask_all(lambda: make(task.sampling), questions, task.outputs, task.seed, _place(task, folder), tell)


def grade_task(task: Task, answers: Sequence[Sequence[Answer]], grader: Grades) -> list[Graded]:
    """Every output against the gold answer of its problem; one without an answer is wrong."""
    read = [[final_answer(answer.text) for answer in group] for group in answers]
    golds = [problem.answer for problem in task.rows.problems]
    pairs = [(text, gold) for texts, gold in zip(read, golds, strict=True) for text in texts if text]
    verdicts = dict(zip(pairs, grader.grade(pairs), strict=True))
    return [
        Graded(
            problem,
            tuple(
                _output(answer, text, verdicts.get((text, problem.answer), Verdict(False)))
                for answer, text in zip(group, texts, strict=True)
            ),
        )
        for problem, texts, group in zip(task.rows.problems, read, answers, strict=True)
    ]


def _output(answer: Answer, read: str, verdict: Verdict) -> Output:
    words = len(answer.text.split())
    return Output(answer.text, read, verdict.correct, verdict.fault, answer.tokens, words, answer.cut)


def figures(graded: Sequence[Graded]) -> dict[str, Any]:
    """Accuracy (avg@k where a problem has k outputs) with its 95 % interval, pass@k, and what else the outputs show."""
    outputs = [output for one in graded for output in one.outputs]
    right = [sum(output.correct for output in one.outputs) for one in graded]
    k = len(graded[0].outputs)
    rates = [count / k for count in right]
    return {
        "problems": len(graded),
        "outputs": k,
        "accuracy": fmean(rates),
        "interval": list(interval(rates)),
        "pass_at": {str(size): fmean(pass_at(size, k, count) for count in right) for size in pass_sizes(k)},
        "unanswered": sum(not output.answer for output in outputs),
        "empty": sum(not output.text.strip() for output in outputs),
        "cut": sum(output.cut for output in outputs),
        "grader_faults": sum(bool(output.fault) for output in outputs),
        "mean_tokens": fmean(output.tokens for output in outputs),
        "mean_words": fmean(output.words for output in outputs),
    }


def write_results(
    folder: Path, results: Sequence[tuple[Task, Sequence[Graded]]], record: Mapping[str, Any]
) -> dict[str, Any]:
    """`items.jsonl`, a line a problem and way of drawing, then `summary.json`, which is returned."""
    write_atomically(folder / ITEMS, _items(results))
    found = {
        "schema": SCHEMA,
        **record,
        "results": [
            {
                **task.facts(),
                "draw": task.draw,
                "rows": task.rows.digest,
                "whole": task.rows.whole,
                **figures(graded),
            }
            for task, graded in results
        ],
    }
    write_json(folder / SUMMARY, found)
    return found


def _items(results: Sequence[tuple[Task, Sequence[Graded]]]) -> Iterator[str]:
    for task, graded in results:
        for one in graded:
            row = {"benchmark": task.rows.benchmark, "draw": task.draw, "name": one.problem.name}
            row |= {"question": one.problem.problem, "gold": one.problem.answer}
            yield json.dumps({**row, "outputs": [asdict(output) for output in one.outputs]})
