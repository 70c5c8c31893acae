"""Tasks played to their end: the policy acts turn by turn in a sandbox, and the task's tests say what it solved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from envs.outcome import judge
from envs.pool import Pool
from envs.task_tests import TaskTests
from envs.toolbox import Toolbox
from envs.walks import Walks
from srl_agent.config import RlvrConfig
from srl_agent.domain import Score, StepKey
from srl_agent.output_format import parse_output
from srl_agent.play import Request, Rollout
from srl_agent.step_reward import decode
from srl_agent.swe import read_call
from srl_agent.turns import answer_ids
from trajectories.records import Action, Episode
from trajectories.render import parse_action
from trajectories.steps import observation_text

SUBMIT = "submit"
SOLVED, UNSOLVED, BROKEN = 1.0, 0.0, -1.0
"""Rewards; an output that breaks the format ends the rollout and costs as much as in the srl stage."""

LEAST_ROOM = 64
"""Tokens that the shortest thought with a call needs, about; a rollout with less room is over. A guess."""


@dataclass
class Play:
    """One rollout while it is played."""

    start: StepKey
    prompt: list[int]
    ids: list[int] = field(default_factory=list)
    own: list[bool] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    action: Action | None = None
    """Of its last output."""
    tools: Toolbox | None = None
    move: Callable[[Action], Action] = lambda action: action
    open: ExitStack = field(default_factory=ExitStack)
    over: bool = False
    cut: bool = False
    violation: str | None = None
    fault: str = ""
    """Why a sandbox failed; nothing is learnt from the rollout then, and it is counted."""

    def add(self, ids: Sequence[int], own: bool) -> None:
        """Go on with these tokens."""
        self.ids += ids
        self.own += [own] * len(ids)


class SwePlayer:
    """Plays the tasks of expert episodes from the task, or from the state before one of the expert's steps."""

    def __init__(
        self,
        walks: Walks,
        episodes: Sequence[Episode],
        tests_of: Callable[[str], TaskTests],
        pools: tuple[Pool, Pool],
        tokenizer: Any,
        ends: set[int],
        settings: RlvrConfig,
        max_observation_chars: int,
    ) -> None:
        """`pools`: one that repeats a job whose sandbox failed, and one that does not, for actions."""
        self.walks, self.tests_of = walks, tests_of
        self.pool, self.once = pools
        self.episodes = {episode.traj_id: episode for episode in episodes}
        self.tokenizer, self.ends, self.settings = tokenizer, ends, settings
        self.max_observation_chars = max_observation_chars

    def play(self, request: Request) -> list[Rollout]:
        """See `Player`."""
        places = zip(request.starts, request.prompts, strict=True)
        plays = [Play(start, list(ids)) for start, ids in places for _ in range(request.rollouts)]
        try:
            self._each(self.pool, self._open, plays)
            for _ in range(self.settings.max_turns):
                active = [play for play in plays if not play.over]
                if not request.anyone(bool(active)):
                    break
                outputs = request.sample([[*play.prompt, *play.ids] for play in active], 1)
                for play, ids in zip(active, outputs, strict=True):
                    self._read(play, ids[: self._room(play)])
                self._each(self.once, self._act, [play for play in active if not play.over])
            solved = self._each(self.pool, self._judge, [play for play in plays if not (play.violation or play.fault)])
        finally:
            for play in plays:
                play.open.close()
        return [self._rollout(play, solved.get(id(play), False)) for play in plays]

    def _each(self, pool: Pool, work: Callable[[Play], bool], plays: Sequence[Play]) -> dict[int, bool]:
        """Do it for all of them at once; one whose sandbox fails is over."""
        found: dict[int, bool] = {}
        for outcome in pool.map(work, plays):
            if outcome.value is None:
                outcome.item.over, outcome.item.fault = True, outcome.error
            else:
                found[id(outcome.item)] = outcome.value
        return found

    def _open(self, play: Play) -> bool:
        episode = self.episodes[play.start.traj_id]
        play.tools, play.move = play.open.enter_context(self.walks.before(episode, play.start.step))
        return True

    def _read(self, play: Play, ids: Sequence[int]) -> None:
        """Take in an output: over where it is cut, breaks the format or submits."""
        play.add(ids, own=True)
        text = decode(self.tokenizer, ids, self.ends)
        play.texts.append(text)
        parsed = parse_output(text, read_call)
        play.cut = not ids or ids[-1] not in self.ends
        play.action = parse_action(parsed.action_text) if parsed.action_text is not None else None
        play.violation = parsed.violation
        play.over = play.action is None or play.cut or play.action.tool == SUBMIT

    def _room(self, play: Play) -> int:
        return self.settings.max_rollout_tokens - len(play.ids)

    def _act(self, play: Play) -> bool:
        assert play.tools is not None and play.action is not None, "opened, and its output read"
        seen = play.tools.told(play.move(play.action))
        answer = answer_ids(self.tokenizer, observation_text(seen, self.max_observation_chars))
        if self._room(play) - len(answer) < min(LEAST_ROOM, self.settings.max_completion_tokens):
            play.over = play.cut = True
        else:
            play.texts.append(seen)
            play.add(answer, own=False)
        return True

    def _judge(self, play: Play) -> bool:
        assert play.tools is not None, "opened before its first turn"
        episode = self.episodes[play.start.traj_id]
        with self.walks.before(episode, 1) as (fresh, _):
            tests = self.tests_of(play.start.instance_id)
            return judge(tests, play.tools.sandbox, fresh.sandbox, root=play.tools.root).resolved

    def _rollout(self, play: Play, solved: bool) -> Rollout:
        reward = BROKEN if play.violation else SOLVED if solved else UNSOLVED
        fault = bool(play.fault)
        score = Score(reward, play.violation, exact=False, fault=fault, void=fault)
        if not play.ids:  # its sandbox did not even start
            play.add([min(self.ends)], own=False)
        return Rollout(play.ids, play.own, "\n".join(play.texts), score, play.cut)
