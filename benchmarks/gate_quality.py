"""Precision and recall of each quality gate on the hand-made episodes that its tests use.

The episodes are made by the same hands as the gates, so the figures say what is covered, not what is met in the wild.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "test_trajectories"))

from gate_battery import CASES, SETTINGS, Case

from trajectories.gates import GATES, run_gates


def objects(case: Case) -> bool:
    """Whether the case's gate finds what it should, or anything at all where it should not."""
    found = run_gates([case.episode], [case.gate], SETTINGS).findings
    steps = {finding.step for finding in found}
    return bool(found) and (not case.leaks or not case.steps or steps == case.steps)


def main() -> None:
    """Print a row a gate and every case that it has wrong."""
    print(f"{'gate':22}{'bad':>5}{'found':>7}{'fine':>6}{'false':>7}{'precision':>11}{'recall':>8}")
    wrong = []
    for gate in GATES:
        cases = [(case, objects(case)) for case in CASES if case.gate == gate]
        bad, fine = ([said for case, said in cases if case.leaks == leaks] for leaks in (True, False))
        wrong += [case for case, said in cases if said != case.leaks]
        if bad:
            true, false = sum(bad), sum(fine)
            precision = true / (true + false) if true + false else 0.0
            print(f"{gate:22}{len(bad):5}{true:7}{len(fine):6}{false:7}{precision:11.3f}{true / len(bad):8.3f}")
    for case in wrong:
        print(f"{'missed' if case.leaks else 'false alarm'}: {case.gate}: {case.name!r}")


if __name__ == "__main__":
    main()
