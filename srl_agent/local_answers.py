"""Outputs of a model on this machine, sampled with transformers as training does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from srl_agent.config import Config
from srl_agent.cpu import SamplingCopy
from srl_agent.evaluation import Answer
from srl_agent.held_out import prompt_ids
from srl_agent.models import load_policy
from srl_agent.rollout import MAX_SEQUENCES, end_tokens, sample_groups
from srl_agent.step_reward import decode
from trajectories.records import StepExample


class LocalModel:
    """Answers steps; see `srl_agent.evaluation.Answerer`.

    In float32 the same seed draws what the held-out evaluation of a run of one process draws from the same weights.
    """

    def __init__(self, config: Config, tokenizer: Any, device: str) -> None:
        self.config, self.tokenizer = config, tokenizer
        policy = load_policy(config.model.name)
        self.ends = end_tokens(policy, tokenizer)
        if config.model.dtype == "bfloat16":
            policy = SamplingCopy(policy).refreshed(policy) if device == "cpu" else policy.to(torch.bfloat16)
        self.model = policy.to(device)

    def __call__(self, steps: Sequence[StepExample], rollouts: int, tell: Callable[[int], None]) -> list[list[Answer]]:
        """See `Answerer`."""
        ends = {*self.ends, self.tokenizer.pad_token_id}
        at_once = max(1, MAX_SEQUENCES // rollouts)
        answers: list[list[Answer]] = []
        torch.manual_seed(self.config.seed)
        for start in range(0, len(steps), at_once):
            prompts = [prompt_ids(self.tokenizer, step) for step in steps[start : start + at_once]]
            rows = self._sample(prompts, rollouts)
            found = [
                Answer(decode(self.tokenizer, row, ends), len(row), not row or row[-1] not in ends) for row in rows
            ]
            answers += [found[i : i + rollouts] for i in range(0, len(found), rollouts)]
            tell(len(answers) * rollouts)
        return answers

    def _sample(self, prompts: Sequence[Sequence[int]], rollouts: int) -> list[list[int]]:
        return sample_groups(
            self.model,
            prompts,
            rollouts,
            temperature=self.config.srl.temperature,
            max_new_tokens=self.config.srl.max_completion_tokens,
            eos_ids=self.ends,
            pad_id=self.tokenizer.pad_token_id,
        )
