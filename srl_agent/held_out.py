"""The mean reward of the policy on held-out steps, drawn with a seed of its own so that training is not disturbed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import stdev
from typing import Any

import torch
from accelerate.utils import gather_object

from srl_agent.step_reward import StepReward, score_metrics
from trajectories.records import StepExample

Sample = Callable[[Sequence[Sequence[int]], int], list[list[int]]]
"""(prompts as token ids, outputs each) -> outputs as token ids, prompt by prompt."""


def chat(step: StepExample) -> list[dict[str, str]]:
    """The prompt as chat messages, the form that tokenizers and TRL take."""
    return [{"role": message.role, "content": message.content} for message in step.prompt]


def prompt_ids(tokenizer: Any, step: StepExample) -> list[int]:
    """The prompt as token ids, up to where the policy begins to write."""
    encoded = tokenizer.apply_chat_template(chat(step), add_generation_prompt=True, tokenize=True, return_dict=True)
    ids: list[int] = encoded["input_ids"]
    return ids


def held_out_metrics(
    sample: Sample,
    reward: StepReward,
    steps: Sequence[StepExample],
    rollouts: int,
    seed: int,
    rank: int,
    world: int,
) -> dict[str, float]:
    """Mean scores over all processes of `rollouts` outputs a step, and the standard error of the mean reward.

    The same seed draws the same random numbers, so unchanged weights give the same figures.
    """
    mine = steps[rank::world]
    scored = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if mine:
            ids = sample([prompt_ids(reward.tokenizer, step) for step in mine], rollouts)
            experts = [step.expert_action for step in mine for _ in range(rollouts)]
            scores = reward.scorer([reward.decode(row) for row in ids], experts)
            depths = [step.step for step in mine for _ in range(rollouts)]
            scored = list(zip(scores, depths, strict=True))
    scored = gather_object(scored) if world > 1 else scored
    scores, depths = [score for score, _ in scored], [depth for _, depth in scored]
    rewards = [score.reward for score in scores]
    error = stdev(rewards) / len(rewards) ** 0.5 if len(rewards) > 1 else 0.0
    return {**score_metrics(scores, depths), "reward_stderr": error}
