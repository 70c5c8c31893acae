"""The math domain: problems with worked solutions, cut into steps; benchmarks and the grading of answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srl_agent.domains import Command

_BENCHMARKS = {
    "aime24": "AIME 2024",
    "aime25": "AIME 2025",
    "amc23": "AMC 12 of 2023",
    "minerva": "Minerva Math",
    "math500": "MATH-500",
    "gsm8k": "GSM8K",
    "math": "the paper's four (AMC23, AIME24, AIME25, Minerva Math)",
    "problems": "problems of your own (--rows FILE)",
}
_OPTIONS, _RUN = "math_track.commands.options", "math_track.commands"
COMMANDS: Mapping[str, Mapping[str, Command]] = {
    "eval": {
        **{
            name: Command(f"accuracy on {title}", f"{_OPTIONS}:add_benchmark", f"{_RUN}.benchmark:benchmark")
            for name, title in _BENCHMARKS.items()
        },
        "reasoning": Command(
            "how the outputs of evaluations reason: length, steps, think blocks",
            f"{_OPTIONS}:add_reasoning",
            f"{_RUN}.reasoning:reasoning_command",
        ),
    },
    "data": {
        "rewrite-steps": Command(
            "worked solutions of problems to numbered, titled steps, by a model behind a server",
            "math_track.commands.options:add_rewrite_steps",
            "math_track.commands.rewrite_steps:rewrite_steps",
        ),
    },
}
"""What the domain adds to `srl-agent eval` and `srl-agent data`; see `srl_agent.domains`."""

OPTIONS = "math_track.options:MathOptions"
"""The domain's own settings; see `srl_agent.domains.options_of`."""
IS_DATA = "math_track.forms:is_problem"
"""What tells its rows from episodes; see `srl_agent.domains.domain_of`."""


def __getattr__(name: str) -> Any:
    """`MathDomain` where it is asked for: importing the package costs little."""
    if name == "MathDomain":
        from math_track.domain import MathDomain

        return MathDomain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
