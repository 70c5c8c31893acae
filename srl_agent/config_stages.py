"""The sections of the configuration that say how each stage trains; the tree is `srl_agent.config`."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from srl_agent.config_data import Section


class SftConfig(Section):
    """The supervised stage: the expert's thoughts and actions in the output format."""

    target: Literal["step", "trace", "outline"] = "step"
    """What an example teaches: `step` one thought and action behind the prompt that srl would show; `trace` every
    thought and action of an episode, in one conversation; `outline` the expert's actions of an episode without its
    thoughts, one after another in one output (the outputs that `srl.target: episode` asks for)."""
    max_tokens: int = Field(4096, ge=64)
    """Token budget of a whole `trace` or `outline`. A trace ends with the last turn that keeps it, a longer outline is
    left out; both are counted. Prompts of `step` have `data.max_prompt_tokens`."""
    max_steps: int = Field(0, ge=0)
    """Optimiser steps; 0 to count `epochs` instead."""
    epochs: float = Field(3.0, gt=0)
    """Passes over the training steps, where `max_steps` is 0."""
    batch_size: int = Field(64, ge=1)
    """Examples an optimiser step, over all processes."""
    micro_batch_size: int = Field(4, ge=1)
    """Examples a forward pass on each device."""
    learning_rate: float = Field(5e-6, ge=0)
    """The highest rate of AdamW."""
    lr_scheduler: Literal["constant", "linear", "cosine"] = "cosine"
    """How the rate goes on after the warm-up."""
    warmup_ratio: float = Field(0.3, ge=0, lt=1)
    """Share of the steps over which the learning rate rises from 0."""


class DynamicSamplingConfig(Section):
    """Drop groups whose rewards barely differ and sample on until the batch is full."""

    enabled: bool = True
    """False trains on every group that is sampled."""
    eps: float = Field(0.01, ge=0)
    """A group is kept when the population standard deviation of its rewards exceeds this (a guess: no paper value)."""
    max_refills: int = Field(8, ge=0)
    """Rounds of refilling before the step goes on with the groups it has."""
    max_oversampling: float = Field(1.0, ge=1)
    """Prompts drawn for each missing group, at most: as many as the recent kept ratio asks for. Above 1 fewer rounds
    are needed; kept groups that are over go into the next batch, one update old, which the loss's ratios know."""
    rest_epochs: int = Field(0, ge=0)
    """Passes over the data in which a step is left out after all its outputs earned alike (hopeless or solved)."""


class GrpoConfig(Section):
    """What the stages on groups of sampled outputs have in common; see each stage for its own."""

    max_steps: int = Field(0, ge=0)
    """Optimiser steps; 0 to count `epochs` instead."""
    epochs: float = Field(30.0, gt=0)
    """Passes over the training steps, where `max_steps` is 0; refills count towards them in the metrics."""
    prompts_per_step: int = Field(512, ge=1)
    """B: groups an optimiser step trains on, over all processes."""
    batching: str = "shuffle"
    """Which steps stand together in a batch, and so share the beginning of their prompts in the loss and in sampling:
    `shuffle` none, `episode` all of an episode, `steps:M` M consecutive ones. Groups of a micro-batch
    (`micro_batch_prompts`) share; full contexts gain most. Where M does not divide `prompts_per_step`, some go on in
    the next batch."""
    rollouts: int = Field(8, ge=2)
    """G: sampled outputs of one step."""
    micro_batch_prompts: int = Field(1, ge=1)
    """Groups a forward pass on each device."""
    learning_rate: float = Field(5e-7, ge=0)
    """The highest rate of AdamW; 0 samples and scores without learning."""
    lr_scheduler: Literal["constant", "linear", "cosine"] = "constant"
    """How the rate goes on after the warm-up."""
    warmup_steps: int = Field(0, ge=0)
    """Optimiser steps over which the rate rises from 0."""
    temperature: float = Field(1.0, gt=0)
    """Of sampling, and of the log-probabilities in the loss."""
    max_completion_tokens: int = Field(1024, ge=1)
    """Longest output, thinking included."""
    beta: float = Field(0.0, ge=0)
    """KL coefficient; 0 (the paper's) loads no reference model."""
    clip_epsilon: float = Field(0.2, gt=0)
    """PPO clip range (the paper gives no number)."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Longer gradients are scaled down to this norm."""
    dynamic_sampling: DynamicSamplingConfig = DynamicSamplingConfig()

    @field_validator("batching")
    @classmethod
    def _known_batching(cls, value: str) -> str:
        if not re.fullmatch(r"shuffle|episode|steps:[1-9]\d*", value):
            raise PydanticCustomError("batching", "shuffle, episode, or steps:M with a number M such as steps:4")
        return value


class SrlConfig(GrpoConfig):
    """The reinforcement stage on step-wise expert rewards."""

    target: Literal["step", "episode"] = "step"
    """What an output has to match: `step` the expert's next action; `episode` all of its actions at once, the policy
    thinking only once and seeing no observation (the paper's baseline of holistic one-step similarity)."""


class RlvrConfig(GrpoConfig):
    """The reinforcement stage on verifiable outcomes: 1 for a task that the policy solves to its end, else 0."""

    prompts_per_step: int = Field(128, ge=1)
    """B: tasks an optimiser step trains on, over all processes (the paper's value)."""
    start: Literal["task", "steps"] = "task"
    """Where a rollout begins: `task` at the task alone; `steps` before every training step of the expert's episodes,
    whose actions so far are carried out first (swe only)."""
    max_turns: int = Field(30, ge=1)
    """Actions of one rollout, where the domain has turns (swe)."""
    max_rollout_tokens: int = Field(8192, ge=1)
    """Outputs and observations of one rollout together; what is done by then is scored. An output near the end has
    what is left, though less than `max_completion_tokens`."""
    dynamic_sampling: DynamicSamplingConfig = DynamicSamplingConfig(eps=0.0)
