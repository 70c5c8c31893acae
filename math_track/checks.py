"""Refuses settings that mean nothing in mathematics: those of an agent's episodes, of sandboxes and of turns."""

from __future__ import annotations

from collections.abc import Sequence

from srl_agent.config import Config, RlvrConfig, SandboxConfig, Section
from srl_agent.errors import ConfigError

MEANINGLESS = ("format", "context", "max_observation_chars", "split", "task_sets", "replayed", "replay_share")
"""Settings of `data` that are about episodes of an agent."""
KEEP_ALL = ("none",)
GATES = (("default",), ("contamination",), KEEP_ALL)
"""What `data.gates` may be: the one gate that looks at no actions, or none."""
REWARDS = ("similarity", "exact")
"""Rewards of two texts; the others look at an agent's calls."""


def check_settings(config: Config) -> None:
    """ConfigError names what was changed and does nothing here."""
    check_reward(config)
    changed = [
        *_changed("data", config.data, MEANINGLESS),
        *(() if config.data.gates in GATES else ("data.gates (contamination or none)",)),
        *_changed("sandbox", config.sandbox, tuple(SandboxConfig.model_fields)),
        *_changed("rlvr", config.rlvr, ("start",)),
        *(["eval.tasks (stage rlvr is evaluated on whole problems)"] if _unplayed(config) else ()),
        *(_turns(config.rlvr) if "rlvr" in config.stages or config.eval.tasks else ()),
    ]
    if changed:
        raise ConfigError(
            f"{', '.join(changed)}: nothing in the math domain depends on it; leave it at its default, and take a "
            "preset for math (smoke-math, paper-math) where a preset set it"
        )


def check_reward(config: Config) -> None:
    """ConfigError for a reward that needs an agent's calls."""
    if config.reward.name not in REWARDS:
        raise ConfigError(
            f"reward.name: '{config.reward.name}' is not one of the math domain, whose steps are texts; known: "
            f"{', '.join(REWARDS)}"
        )


def _unplayed(config: Config) -> bool:
    """Whether `eval.tasks` is set without a stage that plays tasks beside its evaluation."""
    return config.stages == ("rlvr",) and config.eval.tasks > 0


def _changed(name: str, section: Section, fields: Sequence[str]) -> list[str]:
    defaults = type(section).model_fields
    return [f"{name}.{field}" for field in fields if getattr(section, field) != defaults[field].default]


def _turns(rlvr: RlvrConfig) -> list[str]:
    """A rollout is one output: it has one turn, and the length of an output."""
    defaults = type(rlvr).model_fields
    limits = {"max_turns": 1, "max_rollout_tokens": rlvr.max_completion_tokens}
    return [
        f"rlvr.{field} (or set it to {only}: a rollout is one output)"
        for field, only in limits.items()
        if getattr(rlvr, field) not in (only, defaults[field].default)
    ]
