"""Held-out tasks played beside the evaluation of other stages: which they are, and when there are none."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from srl_agent.config import Config
from srl_agent.domain import Score
from srl_agent.errors import ConfigError
from srl_agent.held_out_tasks import held_out_tasks, share_failed, share_solved
from srl_agent.stages import StageContext
from srl_agent.testing import ToyDomain, byte_tokenizer


def context(domain: object, tasks: int) -> StageContext:
    config = Config.model_validate({"eval": {"tasks": tasks}, "rlvr": {"start": "steps"}})
    steps = ToyDomain().load_steps(config, len)
    return SimpleNamespace(config=config, domain=domain, steps=steps, tokenizer=byte_tokenizer())  # type: ignore[return-value]


def test_none_are_played_unless_some_are_asked_for() -> None:
    assert held_out_tasks(context(ToyDomain(), 0), set()) is None


@pytest.mark.parametrize(("wanted", "expected"), [(1, [0]), (2, [0, 1]), (9, [0, 1, 2])])
def test_they_are_spread_evenly_over_what_is_held_out(wanted: int, expected: list[int]) -> None:
    some = context(ToyDomain(), wanted)
    found = held_out_tasks(some, set())
    assert found is not None
    assert list(found.tasks) == [some.steps.held_out[place] for place in expected]


def test_a_domain_without_tasks_to_play_is_refused() -> None:
    class Bare:
        """As much of a domain as has no tasks."""

    with pytest.raises(ConfigError, match="tasks"):
        held_out_tasks(context(Bare(), 1), set())


def test_data_without_a_held_out_task_are_refused() -> None:
    class Nothing(ToyDomain):
        """Holds no task out."""

        def problems(self, config: Config, steps: object) -> object:  # type: ignore[override]
            return SimpleNamespace(held_out=[])

    with pytest.raises(ConfigError, match=r"eval\.tasks: no held-out step begins a task"):
        held_out_tasks(context(Nothing(), 1), set())


def test_they_begin_at_the_task_wherever_the_rlvr_stage_begins() -> None:
    asked: list[str] = []

    class Noted(ToyDomain):
        """Notes where rollouts are to begin."""

        def problems(self, config: Config, steps: object) -> object:  # type: ignore[override]
            asked.append(config.rlvr.start)
            return steps

    held_out_tasks(context(Noted(), 1), set())
    assert asked == ["task"]


def test_rollouts_whose_sandbox_failed_are_counted_apart() -> None:
    scores = [Score(1.0, None, exact=False), Score(0.0, None, exact=False), Score(0.0, None, exact=False, fault=True)]
    groups = [(ToyDomain().load_steps(Config(), len).held_out[0], [score]) for score in scores]
    assert (share_solved(groups), share_failed(groups)) == pytest.approx((1 / 3, 1 / 3))
