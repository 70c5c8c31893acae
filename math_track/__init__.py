"""The math domain: problems with worked solutions, cut into steps; benchmarks and the grading of answers (to come)."""

from __future__ import annotations

from collections.abc import Mapping

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
