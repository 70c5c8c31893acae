"""What an evaluation on issues comes to: shares over the whole set, intervals, parts, effort, paired differences."""

from __future__ import annotations

import pytest

from srl_agent.intervals import mcnemar, paired_difference, wilson
from srl_agent.swe_eval.compare import compare
from srl_agent.swe_eval.records import Prediction, Status, Task, Verdict
from srl_agent.swe_eval.results import outcomes, summarise, table


def task(name: str, repo: str = "a/a", difficulty: str = "") -> Task:
    return Task(name, repo, "0" * 40, "broken", "", "", ("t",), (), "1.0", "image", difficulty)


def verdicts(**found: Status) -> dict[str, Verdict]:
    return {name: Verdict(name, status) for name, status in found.items()}


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20, 1/29.
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_the_interval_of_a_share_is_wilson_s(successes: int, trials: int, expected: tuple[float, float]) -> None:
    assert wilson(successes, trials) == pytest.approx(expected, abs=5e-5)


def test_nothing_is_known_without_trials() -> None:
    assert wilson(0, 0) == (0, 1)
    assert paired_difference(0, 0, 0) == (0, -1, 1)


@pytest.mark.parametrize(
    ("first", "second", "expected"), [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (1, 7, 0.0703125), (7, 1, 0.0703125)]
)
def test_mcnemar_s_test_is_a_fair_coin_s(first: int, second: int, expected: float) -> None:
    assert mcnemar(first, second) == pytest.approx(expected)


def test_the_paired_difference_is_as_observed_and_its_interval_holds_it() -> None:
    difference, low, high = paired_difference(2, 12, 100)
    assert difference == pytest.approx(0.10)
    assert low < difference < high
    # By hand: (12.5 - 2.5) / 102 -+ 1.96 * sqrt(15 - 100 / 102) / 102
    assert (low, high) == pytest.approx((0.0980392 - 0.0719468, 0.0980392 + 0.0719468), abs=1e-5)


def test_every_task_stands_in_the_denominator() -> None:
    tasks = [task(name) for name in "abcdefgh"]
    statuses = dict(zip("abcdefg", Status, strict=True))
    summary = summarise(tasks, {}, verdicts(**statuses))
    assert (summary["resolved"], summary["tasks"], summary["resolve_rate"]) == (1, 8, 0.125)
    assert summary["counts"] == {str(status): 1 + (status is Status.MISSING) for status in Status}


def test_a_flagged_patch_never_counts_though_the_harness_resolves_it() -> None:
    flagged = {"a": Verdict("a", Status.FLAGGED, "conftest.py", harness_resolved=True)}
    summary = summarise([task("a")], {}, flagged)
    assert (summary["resolved"], summary["flagged_but_resolved"]) == (0, 1)


def test_parts_are_shown_where_there_are_several() -> None:
    tasks = [task("a", "x/x", "easy"), task("b", "x/x", "hard"), task("c", "y/y", "easy")]
    summary = summarise(tasks, {}, verdicts(a=Status.RESOLVED, c=Status.UNRESOLVED))
    rows = table(summary)
    assert [row[:3] for row in rows] == [
        ("all", "1", "3"),
        ("x/x", "1", "2"),
        ("y/y", "0", "1"),
        ("easy", "1", "2"),
        ("hard", "0", "1"),
    ]
    assert [row[0] for row in table(summarise(tasks[:1], {}, {}))] == ["all"]


def test_effort_is_of_the_predictions_that_say_it() -> None:
    said = [Prediction("a", "m", "p", {"steps": 2, "ended": "submit"}), Prediction("b", "m", "p", {"steps": 5})]
    of_others = Prediction("c", "m", "p")
    effort = summarise([task(name) for name in "abc"], {one.instance_id: one for one in (*said, of_others)}, {})[
        "effort"
    ]
    assert effort == {"predictions": 3, "ended": {"submit": 1}, "steps": {"mean": 3.5, "median": 3.5}}


def test_an_effort_of_another_agent_s_form_is_left_out() -> None:
    some = [
        Prediction("a", "m", "p", {"steps": "many", "seconds": None, "ended": 3}),
        Prediction("b", "m", "p", {"steps": 5}),
    ]
    effort = summarise([task("a"), task("b")], {one.instance_id: one for one in some}, {})["effort"]
    assert effort == {"predictions": 2, "ended": {"3": 1}, "steps": {"mean": 5, "median": 5}}


def test_time_outs_are_counted_among_the_unresolved() -> None:
    late = {"a": Verdict("a", Status.UNRESOLVED, timed_out=True), "b": Verdict("b", Status.UNRESOLVED)}
    assert summarise([task("a"), task("b")], {}, late)["timed_out"] == 1


def test_whether_a_task_is_resolved_is_not_known_where_its_environment_failed() -> None:
    found = outcomes(verdicts(a=Status.RESOLVED, b=Status.FLAGGED, c=Status.ERROR, d=Status.EMPTY))
    assert found == {"a": True, "b": False, "d": False}


def test_two_evaluations_are_compared_on_what_both_have() -> None:
    yes, no = Status.RESOLVED, Status.UNRESOLVED
    found = compare(verdicts(a=yes, b=yes, c=no, d=no, e=yes), verdicts(a=yes, b=no, c=yes, d=Status.EMPTY, f=yes))
    assert (found.both, found.only_first, found.only_second, found.neither) == (("a",), ("b",), ("c",), ("d",))
    assert (found.apart, found.difference, found.p_value) == (("e", "f"), 0, 1)


def test_tasks_whose_environment_failed_are_counted_for_each_side() -> None:
    error, yes = Status.ERROR, Status.RESOLVED
    found = compare(verdicts(a=error, b=yes, c=error), verdicts(a=yes, b=yes, d=error))
    assert (found.failed_first, found.failed_second) == (1, 0)
