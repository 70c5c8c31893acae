"""Each hand-made leak and fault is found by its gate, and no harmless look-alike by any."""

from __future__ import annotations

import pytest
from gate_battery import CASES, MISSED, SETTINGS, Case

from trajectories.gates import DEFAULT_GATES, GATES, run_gates

BAD = [case for case in CASES if case.leaks]
FINE = [case for case in CASES if not case.leaks]
LEAKS = [gate for gate in GATES if gate.startswith("leak-")]


def named(case: Case) -> str:
    return f"{case.gate}: {case.name[:60]}"


@pytest.mark.parametrize("case", [case for case in BAD if case.name not in MISSED], ids=named)
def test_the_gate_finds_what_it_is_for(case: Case) -> None:
    found = run_gates([case.episode], [case.gate], SETTINGS).findings
    assert found
    assert not case.steps or {finding.step for finding in found} == case.steps


@pytest.mark.parametrize("case", FINE, ids=named)
def test_a_look_alike_passes_its_gate(case: Case) -> None:
    assert run_gates([case.episode], [case.gate], SETTINGS).findings == ()


@pytest.mark.parametrize("case", [case for case in FINE if case.gate.startswith("leak-")], ids=named)
def test_a_look_alike_of_one_leak_is_none_of_the_others(case: Case) -> None:
    # Two of them do what another gate is for, and both are said to be fine only for their own.
    others = [gate for gate in LEAKS if gate != case.gate]
    assert run_gates([case.episode], others, SETTINGS).findings == ()


def test_the_known_misses_still_are_misses() -> None:
    missed = [case for case in BAD if case.name in MISSED]
    assert [case.name for case in missed if run_gates([case.episode], [case.gate], SETTINGS).findings] == []
    assert len(missed) == len(MISSED)


@pytest.mark.parametrize("gate", LEAKS)
def test_each_leak_has_six_variants_and_six_look_alikes(gate: str) -> None:
    assert sum(case.gate == gate for case in BAD) >= 6
    assert sum(case.gate == gate for case in FINE) >= 6


def test_the_default_gates_leave_unresolved_runs_alone() -> None:
    unresolved = [case for case in CASES if case.gate == "unresolved" and case.leaks]
    assert run_gates([case.episode for case in unresolved], DEFAULT_GATES, SETTINGS).findings == ()
