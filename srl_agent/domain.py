"""The seam between the trainer and what it trains on: a domain supplies steps, scoring and targets by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from srl_agent.config import Config, Section
from srl_agent.config_load import read_options
from srl_agent.domains import DOMAINS, options_of
from srl_agent.errors import ConfigError
from trajectories.records import Message, StepExample


@dataclass(frozen=True)
class Score:
    """What one policy output earned against one expert action."""

    reward: float
    """-1.0 when the format is broken, else the reward of the chosen name, or of a task's outcome."""
    violation: str | None
    """Which rule of the output format was broken, None when it was kept."""
    exact: bool
    """Whether the action equals the expert's."""
    action: str = ""
    """The action text that was compared; empty on a violation."""
    capped: bool = False
    """Whether the length cap of the reward cut either text."""
    fault: bool = False
    """Whether what scores outputs failed, or did not come to an end."""
    void: bool = False
    """Whether the reward says nothing therefore; else the texts were compared instead. No group with a void reward is
    trained on: it would be part of the others' baseline."""
    unanswered: bool = False
    """Whether the output, which keeps the format, has nothing in it that an outcome could be told from."""


@dataclass(frozen=True)
class Dialogue:
    """One example of a supervised stage."""

    messages: tuple[Message, ...]
    learnt: tuple[int, ...]
    """Places of the assistant's messages that carry loss, in order."""


@dataclass(frozen=True)
class StepSets:
    """Training and held-out steps, and a few lines for the terminal on where they come from."""

    train: Sequence[StepExample]
    held_out: Sequence[StepExample]
    summary: Sequence[str] = field(default_factory=tuple)
    digest: str = ""
    """SHA-256 of the input files, recorded in run.json."""
    supervised: Sequence[Dialogue] = ()
    """What the sft stage trains on; empty for `supervised_target` behind the prompt of each step of `train`."""


@dataclass(frozen=True, slots=True)
class StepKey:
    """Which step an output answers, for rewards that need more than two texts."""

    instance_id: str
    traj_id: str
    step: int
    """k, from 1 on."""


def key_of(step: StepExample) -> StepKey:
    """The key of a step."""
    return StepKey(step.instance_id, step.traj_id, step.step)


class Scorer(Protocol):
    """What a domain's reward is to the trainer."""

    def __call__(self, outputs: Sequence[str], experts: Sequence[str], steps: Sequence[StepKey] = ()) -> list[Score]:
        """A score for each output against the expert's action of its place.

        Outputs are decoded with special tokens kept. `steps` says of each which step it answers; without it a reward
        that looks at more than the texts raises ScoreError.
        """
        ...


class Domain(Protocol):
    """What the trainer asks of a domain; it knows nothing else about it."""

    def load_steps(self, config: Config, count_tokens: Callable[[str], int]) -> StepSets:
        """Read the data set that the configuration names and split it into steps.

        Under `srl.target: episode` a step is a whole episode: the task, and all of the expert's actions as one text.
        ConfigError for a `sft.target` or `srl.target` that the domain does not have (`only_steps` refuses both).
        """
        ...

    def scorer(self, config: Config) -> Scorer:
        """The reward function that the configuration names."""
        ...

    def floors(self, config: Config, steps: Sequence[StepExample]) -> dict[str, float]:
        """Mean rewards of outputs that need no skill, to read the training reward against."""
        ...

    def supervised_target(self, step: StepExample) -> str:
        """The output a supervised stage teaches: the expert's thought and action in the output format."""
        ...

    def action_kind(self, expert_action: str) -> str:
        """A short name of what the expert's action does, for the metrics; empty where actions have no kinds."""
        ...


class PlaysTasks(Protocol):
    """What a domain has besides, whose tasks can be played to their end (stage rlvr)."""

    def problems(self, config: Config, steps: StepSets) -> StepSets:
        """Where rollouts begin, to train on and to hold out, of the steps that `load_steps` gave.

        ConfigError where an outcome cannot be had on this machine.
        """
        ...

    def player(self, config: Config, tokenizer: Any, ends: set[int]) -> Any:
        """A `srl_agent.play.Player`; `ends` are the tokens that end an output, and may grow."""
        ...


def facts_of(domain: Domain, config: Config) -> dict[str, str]:
    """Heading to text for the terminal: what the optional method `facts(config)` of a domain says of where outputs are
    scored. ConfigError where they cannot be."""
    facts: Callable[[Config], dict[str, str]] | None = getattr(domain, "facts", None)
    return facts(config) if facts else {}


def with_options(config: Config) -> Config:
    """The configuration with all settings of its domain's own, also those left at their default. ConfigError for
    others, where the domain is known to have any."""
    section = options_of(config.domain)
    if section is None:
        return config
    return config.model_copy(update={"options": read_options(config, section).model_dump(mode="json")})


METHODS = ("load_steps", "scorer", "floors", "supervised_target", "action_kind")


def tasks_of(domain: Domain, config: Config) -> PlaysTasks:
    """The domain as one whose tasks can be played. ConfigError where they cannot."""
    if not all(callable(getattr(domain, name, None)) for name in ("problems", "player")):
        raise ConfigError(
            f"stages, eval.tasks: domain '{config.domain}' does not offer tasks to be played to their end"
        )
    return cast(PlaysTasks, domain)


def find_domain(name: str) -> Domain:
    """The domain of that name or import path; ConfigError lists the known names."""
    path = DOMAINS.get(name, name)
    module_name, colon, attribute = path.partition(":")
    if not colon:
        raise ConfigError(
            f"domain: unknown name '{name}'; known: {', '.join(DOMAINS)}, or a path 'package.module:Class'"
        )
    try:
        factory = getattr(importlib.import_module(module_name), attribute)
    except ImportError as error:
        raise ConfigError(f"domain: '{name}' ({path}) cannot be imported: {error}") from error
    except AttributeError as error:
        raise ConfigError(f"domain: '{name}' is not built yet: {module_name} has no {attribute}") from error
    if not callable(factory):
        raise ConfigError(
            f"domain: {path} is not a class; expected one that follows the Protocol srl_agent.domain.Domain"
        )
    domain: Domain = factory()
    missing = [method for method in METHODS if not callable(getattr(domain, method, None))]
    if missing:
        raise ConfigError(f"domain: {path} lacks {', '.join(missing)}; see the Protocol srl_agent.domain.Domain")
    return domain


def supervised_examples(domain: Domain, sets: StepSets) -> Sequence[Dialogue]:
    """The examples of the sft stage."""
    return sets.supervised or [answered(step, domain.supervised_target(step)) for step in sets.train]


def answered(step: StepExample, target: str) -> Dialogue:
    """The prompt of a step with what the policy should write behind it."""
    return Dialogue((*step.prompt, Message("assistant", target)), (len(step.prompt),))


class NoOptions(Section):
    """Of domains without settings of their own: `read_options(config, NoOptions)` refuses any."""


def only_steps(config: Config) -> None:
    """For domains without whole episodes: ConfigError where one is asked for."""
    for name, target in (("sft.target", config.sft.target), ("srl.target", config.srl.target)):
        if target != "step":
            raise ConfigError(f"{name}: the domain '{config.domain}' has no {target}; set it to step")
