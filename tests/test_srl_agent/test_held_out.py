"""The reward on held-out steps: one figure over all steps, however many processes share them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev

import pytest

from srl_agent.config import Config
from srl_agent.held_out import held_out_metrics
from srl_agent.step_reward import StepReward
from srl_agent.testing import ToyDomain, byte_tokenizer


def test_the_error_is_that_of_a_mean_over_steps() -> None:
    steps = ToyDomain().load_steps(Config(), len).held_out  # the expert's letters are c, d, e
    tokenizer = byte_tokenizer()
    reward = StepReward(ToyDomain().scorer(Config()), tokenizer)

    def sample(prompts: Sequence[Sequence[int]], rollouts: int) -> list[list[int]]:
        return [tokenizer("c")["input_ids"] for _ in prompts for _ in range(rollouts)]

    metrics = held_out_metrics(sample, reward, steps, 4, 0, 0, 1)
    means = [1.1, 0.1, 0.1]  # one letter of one is the expert's or not, and a letter of the alphabet earns 0.1
    assert metrics["reward"] == pytest.approx(sum(means) / 3)
    assert metrics["reward_stderr"] == pytest.approx(stdev(means) / 3**0.5)
