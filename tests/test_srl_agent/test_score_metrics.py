"""Metrics of a batch: means over all outputs and over the parts they are in."""

from __future__ import annotations

from srl_agent.domain import Score
from srl_agent.step_reward import Place, parts_of, score_metrics

SCORES = [Score(1.0, None, True), Score(0.5, None, False, capped=True), Score(-1.0, "no action", False)]
PLACES = [Place(1, "openhands", "edit"), Place(3, "nebius", "edit"), Place(4, "nebius", "")]


def test_the_reward_is_the_mean_over_outputs_and_over_each_part() -> None:
    assert score_metrics(SCORES, PLACES) == {
        "reward": 0.5 / 3,
        "format_error_rate": 1 / 3,
        "exact_match": 1 / 3,
        "capped": 1 / 3,
        "unanswered": 0.0,
        "scoring_faults": 0.0,
        "reward_depth/1-3": 0.75,
        "reward_depth/4-7": -1.0,
        "reward_kind/edit": 0.75,
        "reward_source/nebius": -0.25,
        "reward_source/openhands": 1.0,
    }


def test_an_output_without_an_answer_is_no_format_error() -> None:
    metrics = score_metrics([Score(0.0, None, False, unanswered=True), Score(1.0, None, True)], [Place(1)] * 2)
    assert (metrics["unanswered"], metrics["format_error_rate"]) == (0.5, 0.0)


def test_what_has_no_name_is_no_part() -> None:
    assert parts_of(Place(20)) == ["depth/16+"]
