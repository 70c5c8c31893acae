"""The records everything else speaks of: Action, Turn, Episode and StepExample, frozen and without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

EPISODE_SCHEMA = "srl-agent/episode-1"


@dataclass(frozen=True, slots=True)
class Action:
    """One environment-consumable command: a canonical tool name and its arguments in the expert's order.

    Argument values are text; a value that was not text in the source is kept as its JSON (`[1, 20]`, `true`).
    """

    tool: str
    arguments: tuple[tuple[str, str], ...] = ()
    original: str = field(default="", compare=False)
    """The tool name or command text of the source where it differed from the canonical one, else empty."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The expert's thought, its action, and the observation that the action produced."""

    thought: str
    action: Action
    observation: str


@dataclass(frozen=True, slots=True)
class Episode:
    """One expert run on one task."""

    instance_id: str
    """The task, without a run suffix; runs of one task share it."""
    traj_id: str
    """This run; unique within a data set."""
    task: str
    """What the expert was asked: the issue with its framing, as the first user message had it."""
    turns: tuple[Turn, ...]
    resolved: bool | None
    """Whether the run solved the task; None where the source does not say."""
    source: str
    """The format it was read from, a key of `trajectories.formats.FORMATS`."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """Facts of the source kept for the reader (`file`, `index`, `repo`, `model`, ...); nothing depends on them."""


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class StepExample:
    """One training instance: the context before step k and the expert's action k (SRL paper, section 3)."""

    prompt: tuple[Message, ...]
    expert_action: str
    """Canonical text of the expert's action."""
    expert_thought: str
    """For supervised stages only; never part of a prompt or of the SRL target."""
    instance_id: str
    traj_id: str
    step: int
    """k, counted from 1."""
    n_steps: int
    """Steps of the whole episode."""
    source: str
    resolved: bool | None
