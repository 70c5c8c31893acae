"""The `data` section of the configuration, and what all sections have in common; the tree is `srl_agent.config`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Section(BaseModel):
    """A branch of the tree: frozen, and with no keys but those declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=())


class DataConfig(Section):
    """Expert episodes and how they become steps."""

    path: str = ""
    """Expert episodes: a file, folder, glob, Hugging Face `owner/name:split` or `-` (standard input).

    Empty for the domain's bundled demonstration set.
    """
    format: str = ""
    """Name of the format; empty to detect it."""
    context: str = "window:2"
    """What the prompt of step k shows of steps 1..k-1: `window:N` (the last N rounds) or `full`."""
    max_prompt_tokens: int = Field(4096, ge=64)
    """Token budget of a prompt.

    Under `full` the oldest rounds are left out to keep it; steps still over it are dropped and counted.
    """
    max_observation_chars: int = Field(8000, ge=100)
    """Longer observations keep their head and tail, with a note of what was cut."""
    keep_last_step: bool = False
    """True trains on the last step (for swe: submit) as well; the paper makes N-1 instances of N steps."""
    held_out_episodes: int = Field(30, ge=0)
    """Episodes kept out of training, by whole `split`; 0 for none. Never more than a third of the episodes."""
    split: Literal["episode", "repository"] = "episode"
    """What is held out as a whole: `episode` all runs of a task, `repository` all tasks of a repository."""
    gates: tuple[str, ...] = ("default",)
    """Quality gates by name, or `none`, `default`, `all`; a list, or the names in one text with commas."""
    task_sets: tuple[str, ...] = ()
    """Files with the rows of the episodes' own tasks, for the gates on hidden tests and gold patches."""
    evaluation_sets: tuple[str, ...] = ()
    """Files with the rows of evaluation sets, which no episode may be of (gate `contamination`)."""
    held_out_steps: int = Field(0, ge=0)
    """Evaluate on at most this many held-out steps, spread evenly; 0 for all."""

    @field_validator("gates", "task_sets", "evaluation_sets", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    replayed: str = ""
    """Records of `srl-agent replay --json`: steps whose observation differs now are no targets; empty for none."""
    replay_share: float = Field(0.0, ge=0, le=1)
    """Replayed episodes of which a smaller share of the steps came again are left out."""
