"""Which of the sampled groups a batch keeps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from srl_agent.config import DynamicSamplingConfig
from srl_agent.domain import Score
from srl_agent.fill import RECORDED, Fill
from srl_agent.step_reward import Output

ROW = {**dict.fromkeys(RECORDED, ""), "step": 1, "source": "demo"}


def filled(*groups: list[Score], enabled: bool = True) -> Fill:
    """What is kept of these groups, whose row numbers are their places."""
    outputs = [Output("", score, 1, False) for group in groups for score in group]
    reward: Any = SimpleNamespace(outputs=outputs, kind_of=lambda action: "")
    fill, size = Fill(), len(groups[0])
    batch = {"completion_ids": torch.arange(len(outputs))[:, None]}
    fill.add(range(len(groups)), [ROW] * len(groups), batch, reward, size, DynamicSamplingConfig(enabled=enabled))
    return fill


def numbers(fill: Fill) -> list[list[int]]:
    return [group["completion_ids"][:, 0].tolist() for group in fill.kept]


def scores(first: float, second: float, *, fault: bool = False, void: bool = False) -> list[Score]:
    """The marks are those of the second."""
    return [Score(first, None, exact=False), Score(second, None, exact=False, fault=fault, void=void)]


def test_a_group_with_a_void_reward_is_neither_kept_nor_taken_for_dull() -> None:
    groups = scores(0, 1), scores(1, 0, fault=True, void=True), scores(1, 1)
    assert numbers(filled(*groups)) == [[0, 1]]
    assert filled(*groups).dull == [2]
    assert numbers(filled(*groups, enabled=False)) == [[0, 1], [4, 5]]


def test_a_fault_that_was_scored_by_its_text_is_kept_and_counted() -> None:
    fill = filled(scores(1, 0.5, fault=True))
    assert numbers(fill) == [[0, 1]]
    assert fill.metrics()["scoring_faults"] == 0.5
