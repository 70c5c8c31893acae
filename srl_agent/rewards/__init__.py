"""Rewards by name: what an action earns for its likeness to the expert's, from two texts and no state.

A reward is built from the `reward` section of the configuration and is a pure function of (policy text,
expert text) pairs. It takes a batch, because the fast implementations spread a batch over the cores
themselves.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol

from srl_agent.config import RewardConfig
from srl_agent.errors import ConfigError

REWARDS = {
    "similarity": "srl_agent.rewards.similarity:Similarity",
    "exact": "srl_agent.rewards.exact:Exact",
    "gated": "srl_agent.rewards.gated:Gated",
    "state": "srl_agent.rewards.state:WithoutState",
}
"""Names of the configuration to import paths of factories `(RewardConfig) -> Reward`."""

WHOLE_CALLS = ("gated",)
"""Rewards that read tool and arguments: they are given whole calls, whatever `reward.text` says."""


class Reward(Protocol):
    """What a name in `REWARDS` builds."""

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """One float for each (policy text, expert text), in order; higher is better, -1.0 is never given."""
        ...

    def cut(self, text: str) -> str:
        """The part of a text that is compared: all of it, or as much as the reward's length cap leaves."""
        ...


def build_reward(config: RewardConfig) -> Reward:
    """The reward that the configuration names; ConfigError lists the known names."""
    if config.name not in REWARDS:
        raise ConfigError(f"reward.name: unknown reward '{config.name}'; known: {', '.join(REWARDS)}")
    module_name, _, attribute = REWARDS[config.name].partition(":")
    reward: Reward = getattr(importlib.import_module(module_name), attribute)(config)
    return reward
