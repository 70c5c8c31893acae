"""How many episodes and steps each gate objected to, with a few examples, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from trajectories.gates.base import Finding

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class GateCount:
    """What one gate found."""

    kind: str
    """`episode` or `step`: what a finding of it drops."""
    findings: int = 0
    episodes: int = 0
    """Episodes with a finding; those that an episode gate drops."""
    steps: int = 0
    """Steps that a step gate takes from the targets."""
    examples: tuple[Finding, ...] = ()
    idle: str = ""
    """Why it could find nothing, else empty."""
    blind: int = 0
    """Episodes that it could not judge: no row of their task has what it needs."""


@dataclass(frozen=True, slots=True)
class GateReport:
    """Counts by gate. One episode may be met by several gates; the totals count it once."""

    episodes_read: int = 0
    episodes_kept: int = 0
    steps_read: int = 0
    """Of all episodes."""
    steps_kept: int = 0
    """Steps of kept episodes that may be targets."""
    steps_dropped: int = 0
    """Steps of kept episodes that may not; one that several gates meet counts once."""
    gates: Mapping[str, GateCount] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str, int, int, str]]:
        """(gate, what it drops, episodes concerned, steps dropped, first example or why idle), most findings first."""
        ordered = sorted(self.gates.items(), key=lambda item: -item[1].findings)
        return [(name, gate.kind, gate.episodes, gate.steps, _shown(gate)) for name, gate in ordered]


def _shown(gate: GateCount) -> str:
    if not gate.examples:
        return f"not run: {gate.idle}" if gate.idle else ""
    first = gate.examples[0]
    place = first.traj_id if first.step is None else f"{first.traj_id} step {first.step}"
    return f"{place}: {first.reason}" + (f": {first.excerpt}" if first.excerpt else "")


class GateTally:
    """Counts while episodes pass; `report()` takes a snapshot."""

    def __init__(self) -> None:
        self._gates: dict[str, GateCount] = {}
        self._totals = [0, 0, 0, 0, 0]

    def expect(self, gate: str, kind: str, idle: str) -> None:
        """Give a gate its row, also where it will find nothing."""
        self._gates[gate] = GateCount(kind, idle=idle)

    def count(self, findings: Iterable[Finding]) -> None:
        """Count what the gates found in one episode."""
        by_gate: dict[str, list[Finding]] = {}
        for finding in findings:
            by_gate.setdefault(finding.gate, []).append(finding)
        for name, found in by_gate.items():
            old = self._gates[name]
            steps = len({finding.step for finding in found}) if old.kind == "step" else 0
            # One example an episode: three runs show more than three steps of one.
            examples = (*old.examples, found[0])[:EXAMPLES]
            self._gates[name] = replace(
                old,
                findings=old.findings + len(found),
                episodes=old.episodes + 1,
                steps=old.steps + steps,
                examples=examples,
            )

    def blind(self, gate: str) -> None:
        """Count one episode that a gate could not judge."""
        self._gates[gate] = replace(self._gates[gate], blind=self._gates[gate].blind + 1)

    def episode(self, steps: int, targets: int | None) -> None:
        """Count one episode: its steps, and how many may be targets; None where it was dropped."""
        dropped = 0 if targets is None else steps - targets
        for place, number in enumerate((1, targets is not None, steps, targets or 0, dropped)):
            self._totals[place] += int(number)

    def report(self) -> GateReport:
        """What was counted so far."""
        read, kept, steps, targets, dropped = self._totals
        return GateReport(read, kept, steps, targets, dropped, dict(self._gates))
