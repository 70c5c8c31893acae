"""Settings of the ways to produce a patch; how prompts look is training's to say (`DataConfig`)."""

from __future__ import annotations

from pydantic import Field, field_validator

from srl_agent.config_data import Section
from srl_agent.errors import ConfigError

ISSUE, ROOT, COMMIT = "{issue}", "{root}", "{commit}"
"""What a framing's placeholders are."""


class PatchConfig(Section):
    """Limits and shapes of one task's work."""

    framing: str = ISSUE
    """How the issue is put to the agent: `{issue}` is its text, `{root}` the repository's folder, `{commit}` its base
    commit. Where none is given `srl-agent eval` takes that of the episodes in `data.path`, which the model was trained
    on (`srl_agent.patchers.framing`)."""
    max_steps: int = Field(50, ge=1)
    """Outputs of the agent, unreadable ones included (a guess: the paper has no agent loop)."""
    max_tokens: int = Field(0, ge=0)
    """Tokens of all prompts and outputs of the agent on one task; 0 for no limit."""
    max_seconds: float = Field(3600.0, ge=0)
    """Wall time of the agent on one task, waiting for the model included; 0 for no limit."""
    command_seconds: float = Field(60.0, gt=0)
    """Longest time of one action of the agent."""
    max_format_errors: int = Field(3, ge=0)
    """Unreadable outputs in a row that the agent is told of before the next one ends its work; 0 ends at the first, as
    a rollout in training does."""
    window: int = Field(28_672, ge=1024)
    """Tokens of a prompt of `oracle` and `agentless`: the model's context less its longest output. The default leaves
    4,096 of Qwen2.5-Coder-7B-Instruct's 32,768."""
    listing_tokens: int = Field(16_384, ge=256)
    """Of these, what the listing of the repository may take."""
    max_files: int = Field(5, ge=1)
    """Files that `agentless` edits at most (the paper's value)."""
    samples: int = Field(1, ge=1)
    """Edits that `agentless` draws for each task, the most frequent being taken; above 1 the model has to be asked with
    a temperature above 0, or they are all the same."""

    @field_validator("framing")
    @classmethod
    def _names_the_issue(cls, value: str) -> str:
        if ISSUE not in value:
            raise ValueError(f"expected a text with {ISSUE} in it, where the issue's text goes")
        return value

    def check_temperature(self, temperature: float) -> None:
        """ConfigError where several samples would all be the same."""
        if self.samples > 1 and not temperature:
            raise ConfigError(
                f"options.samples: {self.samples} greedy outputs are all the same; set --temperature above 0, or take 1"
            )

    def task_text(self, issue: str, root: str, commit: str) -> str:
        """What the agent is asked."""
        return self.framing.replace(ROOT, root).replace(COMMIT, commit).replace(ISSUE, issue)
