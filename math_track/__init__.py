"""The math domain: problems with worked solutions, cut into steps; benchmarks and the grading of answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srl_agent.domains import Command

COMMANDS: Mapping[str, Mapping[str, Command]] = {
    "data": {
        "rewrite-steps": Command(
            "worked solutions of problems to numbered, titled steps, by a model behind a server",
            "math_track.commands.options:add_rewrite_steps",
            "math_track.commands.rewrite_steps:rewrite_steps",
        ),
    },
}
"""What the domain adds to `srl-agent eval` and `srl-agent data`; see `srl_agent.domains`."""


def __getattr__(name: str) -> Any:
    """`MathDomain` where it is asked for: importing the package costs little."""
    if name == "MathDomain":
        from math_track.domain import MathDomain

        return MathDomain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
