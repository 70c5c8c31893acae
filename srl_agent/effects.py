"""Whether actions do what the expert's does at their step, each distinct action carried out once, many at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from envs.pool import Pool
from envs.state import Effect, act, differences
from envs.walks import Walks
from srl_agent.errors import ScoreError
from trajectories.records import Episode
from trajectories.render import parse_action


@dataclass(frozen=True, slots=True, order=True)
class Deed:
    """An action at a step."""

    traj_id: str
    step: int
    call: str
    """Canonical text."""


class Effects:
    """Remembers what every action left: the same call at the same step is not carried out again."""

    def __init__(self, walks: Walks, episodes: Mapping[str, Episode], pool: Pool) -> None:
        self._walks, self._episodes, self._pool = walks, episodes, pool
        self._left: dict[Deed, Effect] = {}

    def equivalent(self, pairs: Iterable[tuple[Deed, Deed]]) -> list[bool | None]:
        """Of each (policy's deed, expert's deed at that step) whether they do the same; None where a sandbox failed.

        ScoreError for an episode that is not of the data set.
        """
        pairs = list(pairs)
        missing = {deed for pair in pairs for deed in pair} - self._left.keys()
        # In order: a walk only goes forward, and neighbouring deeds share it.
        for outcome in self._pool.map(self._carry_out, sorted(missing)):
            if outcome.value is not None:
                self._left[outcome.item] = outcome.value
        return [self._same(*pair) for pair in pairs]

    def _same(self, policy: Deed, expert: Deed) -> bool | None:
        ours, theirs = self._left.get(policy), self._left.get(expert)
        return None if ours is None or theirs is None else not differences(ours, theirs)

    def _carry_out(self, deed: Deed) -> Effect:
        episode = self._episodes.get(deed.traj_id)
        if episode is None:
            raise ScoreError(f"reward.name: state needs the episode '{deed.traj_id}', which is not in data.path")
        with self._walks.before(episode, deed.step) as (tools, move):
            effect = act(tools, move(parse_action(deed.call)))
        output = hashlib.sha256("\n".join(effect.output).encode(errors="surrogatepass")).hexdigest()
        return replace(effect, output=(output,))  # thousands of these are kept
