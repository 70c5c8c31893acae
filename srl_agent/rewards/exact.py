"""The `exact` reward: 1.0 where the two texts are equal, else 0.0."""

from __future__ import annotations

from collections.abc import Sequence

from srl_agent.config import RewardConfig


class Exact:
    """Equality of the whole texts; `reward.max_chars` does not apply, comparing is cheap."""

    def __init__(self, config: RewardConfig) -> None:
        del config  # nothing to set

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """See `Reward`."""
        return [float(policy == expert) for policy, expert in pairs]

    def cut(self, text: str) -> str:
        """See `Reward`."""
        return text
