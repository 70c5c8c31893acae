"""Tasks of the bundled set played to their end in sandboxes, by policies whose outputs are written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from needs import need

from envs.bubblewrap import BubblewrapBackend
from envs.places import Places
from envs.pool import ThreadPool
from envs.task_tests import demo_tests
from envs.walks import Walks
from srl_agent.config import RlvrConfig
from srl_agent.domain import StepKey
from srl_agent.output_format import format_output
from srl_agent.play import Request
from srl_agent.swe_player import SwePlayer
from srl_agent.testing import byte_tokenizer
from srl_agent.turns import answer_ids
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Action, Episode
from trajectories.render import render_action

TOKENIZER = byte_tokenizer()
END = TOKENIZER.eos_token_id
SUBMIT = Action("submit", ())
Build = Callable[..., SwePlayer]


def ids_of(*actions: Action) -> list[list[int]]:
    """Outputs that give these actions, with a thought and an end token."""
    texts = [format_output("so", render_action(action)) for action in actions]
    return [[*TOKENIZER(text)["input_ids"], END] for text in texts]


class Script:
    """A policy that writes the next of its outputs at each turn, the same in every rollout."""

    def __init__(self, *outputs: Sequence[int]) -> None:
        self.outputs = [list(ids) for ids in outputs]
        self.prompts: list[list[int]] = []

    def __call__(self, prompts: Sequence[Sequence[int]], rollouts: int) -> list[list[int]]:
        self.prompts = [list(prompt) for prompt in prompts]
        ids = self.outputs.pop(0)
        return [ids for _ in prompts for _ in range(rollouts)]


@pytest.fixture(scope="module")
def episode() -> Episode:
    return read_episodes(EPISODES)[0][0]


@pytest.fixture
def build(episode: Episode) -> Iterator[Build]:
    backend = BubblewrapBackend()
    if reason := backend.why_not():
        need(f"bubblewrap: {reason}")
    walks = Walks(Places("bubblewrap", backend, bundled=True))

    def make(**settings: Any) -> SwePlayer:
        config = RlvrConfig(**{"max_rollout_tokens": 100_000, "max_turns": 9, **settings})
        pools = ThreadPool(2), ThreadPool(2, retries=0)
        return SwePlayer(walks, [episode], demo_tests, pools, TOKENIZER, {END}, config, 8000)

    yield make
    walks.close()


def play(player: SwePlayer, episode: Episode, script: Script, step: int = 1, rollouts: int = 2) -> Any:
    start = StepKey(episode.instance_id, episode.traj_id, step)
    return player.play(Request([start], [[1, 2, 3]], rollouts, script, lambda yes: yes))


def test_the_experts_actions_solve_the_task(build: Build, episode: Episode) -> None:
    script = Script(*ids_of(*(turn.action for turn in episode.turns)))
    played = play(build(), episode, script)
    assert [one.score.reward for one in played] == [1.0, 1.0]
    assert [one.score.violation for one in played] == [None, None]


def test_a_task_that_is_given_up_is_unsolved(build: Build, episode: Episode) -> None:
    assert play(build(), episode, Script(*ids_of(SUBMIT)))[0].score.reward == 0.0


def test_a_rollout_may_begin_behind_the_experts_first_steps(build: Build, episode: Episode) -> None:
    last = len(episode.turns)
    assert play(build(), episode, Script(*ids_of(SUBMIT)), step=last)[0].score.reward == 1.0


def test_only_what_the_policy_wrote_carries_loss(build: Build, episode: Episode) -> None:
    look = Action("bash", (("command", "echo seen"),))
    outputs = ids_of(look, SUBMIT)
    script = Script(*outputs)
    (one,) = play(build(), episode, script, rollouts=1)
    answer = answer_ids(TOKENIZER, "seen")
    assert list(one.ids) == [*outputs[0], *answer, *outputs[1]]
    assert list(one.own) == [True] * len(outputs[0]) + [False] * len(answer) + [True] * len(outputs[1])
    assert script.prompts == [[1, 2, 3, *outputs[0], *answer]]
    assert TOKENIZER.decode(answer) == "u:seen<|end|>a:"


def test_a_broken_output_ends_the_rollout_and_costs_one(build: Build, episode: Episode) -> None:
    (one,) = play(build(), episode, Script([*TOKENIZER("no call")["input_ids"], END]), rollouts=1)
    assert (one.score.reward, one.score.violation) == (-1.0, "no think block")


def test_what_is_done_when_the_turns_are_over_is_scored(build: Build, episode: Episode) -> None:
    edit = next(turn.action for turn in episode.turns if dict(turn.action.arguments).get("command") == "str_replace")
    assert play(build(max_turns=1), episode, Script(*ids_of(edit)))[0].score.reward == 1.0


def test_a_rollout_ends_where_another_output_would_not_fit(build: Build, episode: Episode) -> None:
    shout = Action("bash", (("command", "seq 100"),))
    (one,) = play(build(max_rollout_tokens=300, max_completion_tokens=200), episode, Script(*ids_of(shout)), rollouts=1)
    assert (one.cut, one.score.reward) == (True, 0.0)
    assert len(one.ids) <= 300


@pytest.mark.parametrize("missing", [0, 1])
def test_an_output_may_take_the_room_that_is_left_and_no_more(build: Build, episode: Episode, missing: int) -> None:
    (look,) = ids_of(Action("bash", (("command", "echo seen"),)))
    last = [*TOKENIZER(format_output("so " * 20, render_action(SUBMIT)))["input_ids"], END]
    whole = [*look, *answer_ids(TOKENIZER, "seen"), *last]
    settings = {"max_rollout_tokens": len(whole) - missing, "max_completion_tokens": len(last) + 50}
    (one,) = play(build(**settings), episode, Script(look, last), rollouts=1)
    assert (list(one.ids), one.cut) == (whole[: len(whole) - missing], bool(missing))


def test_a_tool_that_is_not_there_is_told_to_the_policy(build: Build, episode: Episode) -> None:
    script = Script(*ids_of(Action("browser", (("url", "x"),)), SUBMIT))
    (one,) = play(build(), episode, script, rollouts=1)
    assert "no tool 'browser'" in one.text


def test_a_rollout_whose_sandbox_fails_has_a_void_reward(build: Build, episode: Episode) -> None:
    player = build()
    strange = replace(episode.turns[0], action=Action("browser", (("url", "x"),)))
    player.episodes[episode.traj_id] = replace(episode, turns=(strange, *episode.turns[1:]))
    (one,) = play(player, episode, Script(), step=2, rollouts=1)
    assert (one.score.fault, one.score.void, any(one.own)) == (True, True, False)
