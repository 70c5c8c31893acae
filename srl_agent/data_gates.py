"""The quality gates that the settings choose: names to gates, task files to what the gates know, counts to lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from srl_agent.config import DataConfig
from srl_agent.errors import ConfigError
from srl_agent.wording import plural
from trajectories.errors import ParseError
from trajectories.gates import DEFAULT_GATES, GATES, GateReport, GateSettings, TaskFacts, read_tasks

GROUPS: dict[str, tuple[str, ...]] = {"none": (), "default": DEFAULT_GATES, "all": tuple(GATES)}
"""Names that stand for several gates."""


def chosen_gates(names: Sequence[str]) -> tuple[str, ...]:
    """The gates that `data.gates` names, in the order of `GATES`; ConfigError lists the known names."""
    unknown = [name for name in names if name not in GATES and name not in GROUPS]
    if unknown:
        raise ConfigError(f"data.gates: unknown name '{unknown[0]}'; known: {', '.join([*GROUPS, *GATES])}")
    wanted = {gate for name in names for gate in GROUPS.get(name, (name,))}
    return tuple(name for name in GATES if name in wanted)


def gate_settings(data: DataConfig) -> GateSettings:
    """What the gates know of the tasks; ParseError where a task file cannot be read."""
    own = {facts.instance_id: facts for facts in _facts("data.task_sets", data.task_sets)}
    evaluation = tuple(_facts("data.evaluation_sets", data.evaluation_sets))
    return replace(GateSettings(), tasks=own, evaluation=evaluation)


def _facts(setting: str, paths: Iterable[str]) -> list[TaskFacts]:
    try:
        return [facts for path in paths for facts in read_tasks(path)]
    except ParseError as error:
        raise ParseError(f"{setting}: {error}") from error


def gates_line(report: GateReport) -> str:
    """One line of counts for a run's terminal; empty where no gate was asked."""
    if not report.gates:
        return ""
    episodes = report.episodes_read - report.episodes_kept
    found = [
        f"{name} {gate.episodes if gate.kind == 'episode' else gate.steps}"
        for name, gate in report.gates.items()
        if gate.findings
    ]
    counts = f": {', '.join(found)}" if found else ""
    return (
        f"gates: {len(report.gates)} asked, {plural(episodes, 'episode')} and "
        f"{plural(report.steps_dropped, 'single step')} left out as targets{counts} (data.gates)"
    )
