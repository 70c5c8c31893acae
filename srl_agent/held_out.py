"""The mean reward of the policy on held-out steps, drawn with a seed of its own so that training is not disturbed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from accelerate.utils import gather_object

from srl_agent.answers import Prompt
from srl_agent.domain import Score, key_of
from srl_agent.step_reward import Place, StepReward, group_error, score_metrics
from trajectories.records import StepExample

Sample = Callable[[Sequence[Sequence[int]], int], list[list[int]]]
"""(prompts as token ids, outputs each) -> outputs as token ids, prompt by prompt."""
Group = tuple[Place, list[Score]]
"""Where a step stands, and the scores of its outputs."""


def chat(prompt: Prompt) -> list[dict[str, str]]:
    """The prompt as chat messages, the form that tokenizers and TRL take."""
    return [{"role": message.role, "content": message.content} for message in prompt]


def prompt_ids(tokenizer: Any, prompt: Prompt) -> list[int]:
    """The prompt as token ids, up to where the policy begins to write."""
    encoded = tokenizer.apply_chat_template(chat(prompt), add_generation_prompt=True, tokenize=True, return_dict=True)
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

    The error is that of a mean over steps: outputs of one step are alike. The same seed draws the same random numbers,
    so unchanged weights give the same figures.
    """

    def score(mine: Sequence[StepExample]) -> list[Score]:
        ids = sample([prompt_ids(reward.tokenizer, step.prompt) for step in mine], rollouts)
        experts = [step.expert_action for step in mine for _ in range(rollouts)]
        keys = [key_of(step) for step in mine for _ in range(rollouts)]
        return reward.scorer([reward.decode(row) for row in ids], experts, keys)

    return figures(scored_groups(score, reward.kind_of, steps, rollouts, seed, rank, world))


def scored_groups(
    score: Callable[[Sequence[StepExample]], list[Score]],
    kind_of: Callable[[str], str],
    steps: Sequence[StepExample],
    rollouts: int,
    seed: int,
    rank: int,
    world: int,
) -> list[Group]:
    """Each step with its `rollouts` scores, over all processes; `score` gives those of a process's share, in order."""
    # Every process samples as many prompts, as engines that gather them expect; what is over counts nowhere.
    places = range(rank, -(-len(steps) // world) * world, world)
    mine = [steps[place % len(steps)] for place in places]
    with torch.random.fork_rng([torch.cuda.current_device()] if torch.cuda.is_available() else []):
        torch.manual_seed(seed)
        scores = score(mine)
    groups = [
        (Place(step.step, step.source, kind_of(step.expert_action)), scores[i * rollouts : (i + 1) * rollouts])
        for i, step in enumerate(mine)
    ]
    counted = [group for place, group in zip(places, groups, strict=True) if place < len(steps)]
    return list(gather_object(counted)) if world > 1 else counted


def figures(groups: Sequence[Group]) -> dict[str, float]:
    """Mean scores, and the standard error of the mean reward over steps."""
    scores = [score for _, group in groups for score in group]
    places = [place for place, group in groups for _ in group]
    return {**score_metrics(scores, places), "reward_stderr": group_error([group for _, group in groups])}
