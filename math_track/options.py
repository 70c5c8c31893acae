"""The settings of the math domain, which stand under `options` in the configuration."""

from __future__ import annotations

from pydantic import Field

from srl_agent.config import Section

OF_STEPS = ("next_title", "solution_tag")
"""Settings that do nothing where a whole problem is asked."""


class MathOptions(Section):
    """What only mathematics needs; see `srl_agent.config_load.read_options`."""

    next_title: bool = True
    """Whether the prompt of a step announces its number and title, which the paper finds helpful."""
    solution_tag: bool = False
    """Whether the step stands in `<solution>...</solution>` behind the thought, as in the paper's figure (its printed
    prompt has no such tag)."""
    grader_workers: int = Field(1, ge=1)
    """Processes that compare answers, of each process of the rlvr stage."""
    grader_timeout: float = Field(5.0, gt=0)
    """Seconds of computing after which a comparison of two answers is given up, and its process is killed."""
