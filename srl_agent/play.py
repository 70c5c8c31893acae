"""Rollouts that are scored by their outcome: what a domain plays, and how its result looks to the trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from srl_agent.domain import Score, StepKey
from srl_agent.held_out import Sample
from srl_agent.step_reward import Output, decode

Anyone = Callable[[bool], bool]
"""Whether any process says yes: all of them sample together, or none."""


def anyone_among(accelerator: Any) -> Anyone:
    """Over the processes of a trainer."""

    def anyone(yes: bool) -> bool:
        return bool(accelerator.gather(torch.tensor([int(yes)], device=accelerator.device)).max() > 0)

    return anyone


@dataclass(frozen=True)
class Rollout:
    """What the policy wrote after one prompt, and between it what the world answered."""

    ids: Sequence[int]
    own: Sequence[bool]
    """Of each token, whether the policy wrote it: only those carry loss."""
    text: str
    score: Score
    cut: bool = False
    """Whether an output, or the whole rollout, ended at the limit on its length."""


@dataclass(frozen=True)
class Request:
    """What a player is asked for."""

    starts: Sequence[StepKey]
    prompts: Sequence[Sequence[int]]
    """Token ids, one prompt a start."""
    rollouts: int
    """For each start."""
    sample: Sample
    """Called as often on every process: while `anyone` goes on."""
    anyone: Anyone


class Player(Protocol):
    """What a domain gives the rlvr stage."""

    def play(self, request: Request) -> list[Rollout]:
        """The rollouts of each start, start by start."""
        ...


class PlayedReward:
    """A player as the reward function of the trainer: it scores what it played last; see `OutputReward`."""

    __name__ = "outcome"

    def __init__(self, player: Player, ends: set[int]) -> None:
        self.player, self.ends = player, ends
        self.played: list[Rollout] = []
        self.outputs: list[Output] = []

    def play(self, request: Request) -> list[Rollout]:
        """See `Player`."""
        self.played = self.player.play(request)
        return self.played

    def kind_of(self, action: str) -> str:
        """Tasks have no kinds."""
        return ""

    def __call__(self, *arguments: Any, **columns: Any) -> list[float]:
        """The rewards of what was played."""
        self.outputs = [Output(one.text, one.score, sum(one.own), one.cut) for one in self.played]
        return [one.score.reward for one in self.played]


def own_tokens(ids: Tensor, played: Sequence[Rollout]) -> Tensor:
    """Which tokens of the rollouts the policy wrote, as numbers in the shape of `ids`, (B*G, C); padding counts too."""
    own = torch.ones_like(ids)
    for row, one in zip(own, played, strict=True):
        row[: len(one.own)] = torch.tensor(one.own, device=ids.device)
    return own


Grade = Callable[[Sequence[str], Sequence[StepKey]], Sequence[Score]]
"""(texts, where each began) -> the score of each."""


class OneTurn:
    """A player whose rollouts are one output, all graded at once by their texts."""

    def __init__(self, tokenizer: Any, ends: set[int], grade: Grade) -> None:
        self.tokenizer, self.ends, self.grade = tokenizer, ends, grade

    def play(self, request: Request) -> list[Rollout]:
        """See `Player`."""
        outputs = request.sample(request.prompts, request.rollouts)
        texts = [decode(self.tokenizer, ids, self.ends) for ids in outputs]
        scores = self.grade(texts, [start for start in request.starts for _ in range(request.rollouts)])
        return [
            Rollout(ids, [True] * len(ids), text, score, not ids or ids[-1] not in self.ends)
            for ids, text, score in zip(outputs, texts, scores, strict=True)
        ]
