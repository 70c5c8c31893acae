"""The `state` reward: 1 where an action does what the expert's does, else 0.9 times the likeness of their texts.

Both are carried out in forks of the state before the step (`envs.state` says what equivalent means). Not carried out
are outputs that break the format, which cost 1 as ever, and the expert's very call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from envs.pool import ThreadPool
from envs.state import state_reward
from srl_agent.config import Config
from srl_agent.domain import Score, Scorer, StepKey
from srl_agent.effects import Deed, Effects
from srl_agent.errors import ScoreError
from srl_agent.output_format import ReadAction, parse_output
from srl_agent.rewards.similarity import Similarity
from srl_agent.sandboxes import walks_again


def build_state_scorer(config: Config, texts: Scorer, read_action: ReadAction) -> StateScorer:
    """The scorer over the episodes and the sandboxes that the configuration names; it reads the episodes again.

    ConfigError where they cannot be read twice or no sandbox can be had.
    """
    walks, episodes = walks_again(config, "reward.name: state")
    known = {episode.traj_id: episode for episode in episodes}
    return StateScorer(texts, read_action, Effects(walks, known, ThreadPool(config.sandbox.workers)))


class WithoutState(Similarity):
    """What the texts alone earn: for floors, and where a sandbox failed."""

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """See `Reward`; 1 for equal texts, else 0.9 times the similarity."""
        likeness = super().__call__(pairs)
        return [state_reward(value, policy == expert) for value, (policy, expert) in zip(likeness, pairs, strict=True)]


class StateScorer:
    """A scorer over `texts`, whose reward is `WithoutState`: equivalent actions are raised to 1, faults are marked."""

    def __init__(self, texts: Scorer, read_action: ReadAction, effects: Effects) -> None:
        self._texts, self._read, self._effects = texts, read_action, effects

    def __call__(self, outputs: Sequence[str], experts: Sequence[str], steps: Sequence[StepKey] = ()) -> list[Score]:
        """See `Scorer`."""
        if len(steps) != len(outputs):
            raise ScoreError(
                f"reward.name: state needs the step of every output; {len(steps)} for {len(outputs)} given"
            )
        scores = self._texts(outputs, experts)
        pairs: dict[int, tuple[Deed, Deed]] = {}
        for index, (score, output, expert, key) in enumerate(zip(scores, outputs, experts, steps, strict=True)):
            call = parse_output(output, self._read).action_text
            if call is not None and not score.exact:
                pairs[index] = Deed(key.traj_id, key.step, call), Deed(key.traj_id, key.step, expert)
        for index, same in zip(pairs, self._effects.equivalent(pairs.values()), strict=True):
            raised = 1.0 if same else scores[index].reward
            scores[index] = replace(scores[index], reward=raised, fault=same is None)
        return scores
