"""The bundled problems: their answers worked out in other ways, their steps sound, the file what its maker makes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from itertools import combinations, permutations, product
from typing import Any

import pytest

from math_track.demo.make import FILE, PROBLEMS_A_FAMILY, SUBJECTS, make_problems
from math_track.records import Problem
from srl_agent.models import EMBEDDED, load_tokenizer

PROBLEMS = [Problem(**json.loads(line)) for line in FILE.read_text(encoding="utf-8").splitlines()]
STEP = re.compile(r"([0-9]+)\. \*\*([^*]+):\*\* (.+)")
LONGEST_BODY = 40
"""Tokens of a step behind its heading. A step with a thought and the format has to fit 112."""


def quadratic(text: str, numbers: list[int]) -> int:
    total, product_ = (numbers[1], numbers[2]) if "= 0" in text else (numbers[2], numbers[1])
    return max(x for x in range(-200, 200) if x * x - total * x + product_ == 0)


def ages(k: int, s: int, m: int) -> int:
    return next(older + m for older in range(s + 1) if older == k * (s - older))


def series(n: int, a: int, b: int, _: int) -> int:
    return sum(range(a, a + n * (b - a), b - a))


def codes(k: int, d: int) -> int:
    digits = range(d)
    return sum(1 for _, one, two, _ in product(range(k), digits, digits, range(2)) if one != two)


def neither(n: int, a: int, b: int, c: int) -> int:
    people = [(i < a, a - c <= i < a - c + b) for i in range(n)]
    return people.count((False, False))


def trip(v: int, t: int, w: int, u: int) -> Fraction:
    hours = [v] * t + [w] * u
    return Fraction(sum(hours), len(hours))


def solve(left: Callable[[int], int], right: Callable[[int], int]) -> int:
    (x,) = [x for x in range(-1000, 1000) if left(x) == right(x)]
    return x


BY_FORCE: dict[str, Callable[..., Any]] = {
    "shopping": lambda a, p, b, q: sum([p] * a + [q] * b),
    "change": lambda a, p, c, note: note - sum([p] * a) + c,
    "discount": lambda p, d, f: Fraction(p) * (1 - Fraction(d, 100)) + f,
    "trip": trip,
    "mean": lambda *numbers: Fraction(sum(numbers), 4),
    "sharing": lambda a, b, c, n: len(range(0, a + b - c, n)),
    "equation": lambda a, b, c: solve(lambda x: a * x + b, lambda x: c),
    "both-sides": lambda a, b, c, d: solve(lambda x: a * x + b, lambda x: c * x + d),
    "two-numbers": lambda s, d: next(x * (s - x) for x in range(s) if x - (s - x) == d),
    "ages": ages,
    "series": series,
    "polynomial": lambda a, _, b, c, k: sum(factor * k**power for power, factor in enumerate((c, b, a))),
    "outfits": lambda a, b, c: len(list(product(range(a), range(b), range(c)))[1:]),
    "handshakes": lambda n: len(list(combinations(range(n), 2))),
    "podium": lambda n: len(list(permutations(range(n), 3))),
    "committee": lambda n: len(list(combinations(range(n), 3))),
    "codes": codes,
    "neither": neither,
    "chance": lambda r, b, g: Fraction(sum(ball != "b" for ball in "r" * r + "b" * b + "g" * g), r + b + g),
    "remainder": lambda a, b, m: sum([b] * a) % m,
    "least-common": lambda a, b: next(x for x in range(1, a * b + 1) if not x % a and not x % b),
    "last-digit": lambda a, n: int(str(a**n)[-1]),
    "divisors": lambda n: sum(not n % d for d in range(1, n + 1)),
    "multiples": lambda n, a, b: sum(not (x % a and x % b) for x in range(1, n + 1)),
    "euclid": lambda a, b: max(d for d in range(1, b + 1) if not a % d and not b % d),
}
"""Family to a way to the answer that shares nothing with the worked steps, from the numbers in the question."""


def worked_out(problem: Problem) -> str:
    numbers = [int(found) for found in re.findall(r"[0-9]+", problem.problem)]
    family = problem.meta["family"]
    if family == "quadratic":
        return str(quadratic(problem.problem, numbers))
    value = BY_FORCE[family](*numbers)
    if isinstance(value, Fraction) and value.denominator > 1:
        return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    return str(value)


def bodies(problem: Problem) -> list[str]:
    matches = [STEP.fullmatch(paragraph) for paragraph in problem.solution.split("\n\n")]
    return [match[3] for match in matches if match]


def value(side: str) -> Fraction | None:
    """Of a side of an equation that holds numbers only."""
    plain = side.replace(r"\times", "*").replace(r"\cdot", "*").replace("^", "**")
    if not re.fullmatch(r"[0-9 +\-*/()]+", plain):
        return None
    return Fraction(eval(re.sub(r"[0-9]+", r"Fraction(\g<0>)", plain)))


@pytest.mark.parametrize("family", [name for families in SUBJECTS.values() for name in families])
def test_the_answers_are_what_another_way_finds(family: str) -> None:
    problems = [problem for problem in PROBLEMS if problem.meta["family"] == family]
    assert [worked_out(problem) for problem in problems] == [problem.answer for problem in problems]


def test_the_file_is_what_its_maker_makes() -> None:
    assert [asdict(problem) for problem in make_problems()] == [asdict(problem) for problem in PROBLEMS]


def test_every_family_has_as_many_problems_and_no_question_comes_twice() -> None:
    families = [name for families in SUBJECTS.values() for name in families]
    assert sorted(problem.meta["family"] for problem in PROBLEMS) == sorted(families * PROBLEMS_A_FAMILY)
    assert len({problem.problem for problem in PROBLEMS}) == len({problem.name for problem in PROBLEMS}) == 312


def test_solutions_are_three_to_six_numbered_titled_paragraphs() -> None:
    for problem in PROBLEMS:
        paragraphs = problem.solution.split("\n\n")
        matches = [STEP.fullmatch(paragraph) for paragraph in paragraphs]
        assert all(matches), problem.name
        assert [int(match[1]) for match in matches if match] == list(range(1, len(paragraphs) + 1))
        assert 3 <= len(paragraphs) <= 6


def test_the_answer_stands_in_the_only_box_at_the_end() -> None:
    for problem in PROBLEMS:
        assert problem.solution.endswith(rf"$\boxed{{{problem.answer}}}$.")
        assert problem.solution.count(r"\boxed") == 1


def test_every_equation_between_numbers_holds() -> None:
    checked = 0
    for problem in PROBLEMS:
        for formula in re.findall(r"\$([^$]+)\$", problem.solution):
            values = [found for found in map(value, formula.split("=")) if found is not None]
            assert len(set(values)) <= 1, (problem.name, formula)
            checked += len(values) > 1
    assert checked > 900


def test_steps_of_one_place_and_family_differ() -> None:
    for family in {problem.meta["family"] for problem in PROBLEMS}:
        firsts = [bodies(problem)[0] for problem in PROBLEMS if problem.meta["family"] == family]
        assert len(set(firsts)) > PROBLEMS_A_FAMILY / 3, family


def test_every_problem_has_a_short_thought_that_comes_to_the_answer() -> None:
    for problem in PROBLEMS:
        assert problem.thinking.endswith(f" So it is {problem.answer}.")
        assert len(problem.thinking) < 400


def test_a_step_stays_short_for_the_embedded_model() -> None:
    tokenizer = load_tokenizer(EMBEDDED)
    lengths = [len(ids) for ids in tokenizer([body for problem in PROBLEMS for body in bodies(problem)])["input_ids"]]
    assert max(lengths) <= LONGEST_BODY
    assert sum(length <= 35 for length in lengths) > 0.95 * len(lengths)
