"""What a gate is, what it finds, and the settings all gates share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from trajectories.gates.tasks import TaskFacts
from trajectories.records import Episode

EXCERPT = 200
"""Characters of the action or text that a finding shows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a gate objects to."""

    gate: str
    traj_id: str
    step: int | None
    """From 1, as in `StepExample`; None where it concerns the episode as a whole."""
    reason: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Limits of the gates, and what is known of the tasks."""

    max_action_chars: int = 10_000
    """Longest sum of an action's argument values that stays a training target, in characters."""
    loop_repeats: int = 3
    """How often in a row a cycle of actions is a loop; its first time stays a target."""
    loop_cycle: int = 4
    """Longest cycle looked for, in actions."""
    unknown_is_unresolved: bool = False
    """Whether `unresolved` also drops episodes whose source does not say."""
    tasks: Mapping[str, TaskFacts] = field(default_factory=dict)
    """Rows of the episodes' own tasks by instance id (`read_tasks`): gold patches and hidden tests."""
    evaluation: tuple[TaskFacts, ...] = ()
    """Rows of the evaluation sets, which no episode may be of."""
    same_statement: float = 0.65
    """Share of an evaluation problem statement's word 5-grams whose presence in a task makes it the same.

    Two rows of SWE-bench Verified that share an issue template reach 0.63; a statement that lost 3 % of
    its words at random keeps 0.97 ** 5 = 0.86 of its 5-grams.
    """
    gold_share: float = 0.8
    """Share of the gold patch's added lines, written verbatim and never seen, that is a copy."""
    gold_lines: int = 8
    """Fewest telling added lines (12 characters or more) that a gold patch must have to be judged at all."""


class Gate(Protocol):
    """A named filter; made once for a data set, so it may remember earlier episodes."""

    kind: Literal["episode", "step"]
    """Whether a finding drops its episode, or its step as a training target (it stays as context)."""

    def __init__(self, settings: GateSettings) -> None: ...

    def look(self, episode: Episode) -> Iterable[tuple[int | None, str, str]]:
        """(step or None, reason, excerpt) of what it objects to; a step gate always gives a step."""
        ...

    def remember(self, episode: Episode) -> None:
        """Take in an episode that all gates kept; what they drop is not held against others."""
        ...

    def idle(self) -> str:
        """Why it can find nothing (no task rows given), empty where it can."""
        ...

    def blind(self, episode: Episode) -> bool:
        """Whether it lacks what it needs to judge this episode (no row of its task among those given)."""
        ...


class Forgetful:
    """For gates that judge each episode for itself."""

    def remember(self, episode: Episode) -> None:
        """Nothing."""


class Seeing:
    """For gates that need no row of the episode's own task."""

    def blind(self, episode: Episode) -> bool:
        """Never."""
        return False


class Always(Seeing, Forgetful):
    """For gates that also need nothing but the episode."""

    def idle(self) -> str:
        """Empty: it always works."""
        return ""


def excerpt(text: str) -> str:
    """The beginning of a text on one line."""
    return " ".join(text[: 2 * EXCERPT].split())[:EXCERPT]
