"""Seconds for a batch of `state` rewards by the number of workers, beside the same batch scored by its texts.

`python benchmarks/reward_state.py [BACKEND]`: steps of the bundled set, 8 outputs each, all different and none the
expert's; a second pass over the same batch finds every effect remembered.
"""

from __future__ import annotations

import sys
import time

from srl_agent.config import Config
from srl_agent.domain import StepKey, key_of
from srl_agent.output_format import format_output
from srl_agent.swe import SweDomain
from trajectories.records import Action
from trajectories.render import render_action

STEPS, ROLLOUTS = 16, 8


def main() -> None:
    """One row for each number of workers."""
    backend = sys.argv[1] if len(sys.argv) > 1 else "auto"
    steps = SweDomain().load_steps(Config(), len).train[:STEPS]
    keys = [key_of(step) for step in steps for _ in range(ROLLOUTS)]
    experts = [step.expert_action for step in steps for _ in range(ROLLOUTS)]
    commands = (f"grep -n def *.py | head -{1 + number % ROLLOUTS}" for number in range(len(keys)))
    outputs = [format_output("t", render_action(Action("bash", (("command", line),)))) for line in commands]
    print(f"{len(outputs)} outputs of {STEPS} steps; seconds")
    for name in ("similarity", "gated"):
        print(
            f"{name:<12} {_seconds(Config.model_validate({'reward': {'name': name}}), outputs, experts, keys)[0]:.3f}"
        )
    for workers in (1, 2, 4, 8):
        sandbox = {"backend": backend, "workers": workers}
        config = Config.model_validate({"reward": {"name": "state"}, "sandbox": sandbox})
        first, second = _seconds(config, outputs, experts, keys)
        print(f"state, {workers} workers  {first:.1f}, again {second:.3f}")


def _seconds(config: Config, outputs: list[str], experts: list[str], keys: list[StepKey]) -> tuple[float, float]:
    scorer, found = SweDomain().scorer(config), []
    for _ in range(2):
        started = time.perf_counter()
        scores = scorer(outputs, experts, keys)
        found.append(time.perf_counter() - started)
        assert not any(score.fault or score.violation for score in scores)
    return found[0], found[1]


if __name__ == "__main__":
    main()
