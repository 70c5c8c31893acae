"""Quality gates: named filters that drop an episode, or keep a step from being a training target, and say why.

A gate is one class that `Gate` describes and one line in `GATES`. Gates look at one episode after the other, so that
a data set of any size passes through; what they remember of earlier ones is a few bytes a step.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from trajectories.errors import ParseError
from trajectories.gates.base import Finding, Gate, GateSettings
from trajectories.gates.report import GateReport, GateTally
from trajectories.gates.tasks import TaskFacts, read_tasks
from trajectories.records import Episode

__all__ = [
    "DEFAULT_GATES",
    "GATES",
    "Finding",
    "Gate",
    "GateReport",
    "GateResult",
    "GateSettings",
    "GateTally",
    "Gated",
    "TaskFacts",
    "find_gate",
    "gate_episodes",
    "read_tasks",
    "run_gates",
]

GATES: dict[str, str] = {
    "unresolved": "trajectories.gates.whole:Unresolved",
    "empty": "trajectories.gates.whole:Empty",
    "duplicate": "trajectories.gates.whole:Duplicate",
    "repeated-step": "trajectories.gates.single:RepeatedStep",
    "loop": "trajectories.gates.single:Loop",
    "long-action": "trajectories.gates.single:LongAction",
    "failed-format": "trajectories.gates.single:FailedFormat",
    "leak-git-history": "trajectories.gates.git_history:GitHistory",
    "leak-upstream-source": "trajectories.gates.upstream:UpstreamSource",
    "leak-hidden-tests": "trajectories.gates.hidden_tests:HiddenTests",
    "leak-gold-patch": "trajectories.gates.gold_patch:GoldPatch",
    "leak-asked-answer": "trajectories.gates.answers:AskedAnswer",
    "contamination": "trajectories.gates.contamination:Contamination",
}
"""Name of a gate to the import path of its class."""

DEFAULT_GATES = tuple(name for name in GATES if name != "unresolved")
"""All that only take what no one wants to learn from; an unresolved run may still have good steps."""


@dataclass(frozen=True, slots=True)
class Gated:
    """What the gates say of one episode."""

    episode: Episode
    kept: bool
    findings: tuple[Finding, ...] = ()
    dropped_steps: frozenset[int] = frozenset()
    """Steps, from 1, that are no training targets; empty where the episode is dropped."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gates made of a data set."""

    kept: list[Episode]
    findings: tuple[Finding, ...]
    dropped_steps: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """`traj_id` of a kept episode to its steps that are no training targets; ids without any are left out."""
    report: GateReport = field(default_factory=GateReport)


def find_gate(name: str) -> type[Gate]:
    """The class of that gate; ParseError lists the known names."""
    if name not in GATES:
        raise ParseError(f"gate: unknown name '{name}'; known: {', '.join(GATES)}")
    module, _, attribute = GATES[name].partition(":")
    return cast(type[Gate], getattr(importlib.import_module(module), attribute))


def gate_episodes(
    episodes: Iterable[Episode],
    names: Sequence[str] = DEFAULT_GATES,
    settings: GateSettings | None = None,
    tally: GateTally | None = None,
) -> Iterator[Gated]:
    """Every episode, kept or not, with what the gates found in it, one after the other, counting into `tally`."""
    settings = settings if settings is not None else GateSettings()
    tally = tally if tally is not None else GateTally()
    gates = {name: find_gate(name)(settings) for name in names}
    for name, gate in gates.items():
        tally.expect(name, gate.kind, gate.idle())
    for episode in episodes:
        gated = _look(episode, gates)
        tally.count(gated.findings)
        for name, gate in gates.items():
            if gate.blind(episode):
                tally.blind(name)
        tally.episode(len(episode.turns), len(episode.turns) - len(gated.dropped_steps) if gated.kept else None)
        yield gated


def run_gates(
    episodes: Iterable[Episode], names: Sequence[str] = DEFAULT_GATES, settings: GateSettings | None = None
) -> GateResult:
    """All of `gate_episodes` at once. ParseError where a name is unknown."""
    tally = GateTally()
    gated = list(gate_episodes(episodes, names, settings, tally))
    return GateResult(
        kept=[one.episode for one in gated if one.kept],
        findings=tuple(finding for one in gated for finding in one.findings),
        dropped_steps={one.episode.traj_id: one.dropped_steps for one in gated if one.dropped_steps},
        report=tally.report(),
    )


def _look(episode: Episode, gates: Mapping[str, Gate]) -> Gated:
    findings = tuple(
        Finding(name, episode.traj_id, step, reason, shown)
        for name, gate in gates.items()
        for step, reason, shown in gate.look(episode)
    )
    if any(gates[finding.gate].kind == "episode" for finding in findings):
        return Gated(episode, False, findings)
    for gate in gates.values():
        gate.remember(episode)
    return Gated(episode, True, findings, frozenset(f.step for f in findings if f.step is not None))
