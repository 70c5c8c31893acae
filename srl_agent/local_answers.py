"""Outputs of a model on this machine, sampled with transformers as training does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from srl_agent.answers import Answer, Done, Prompt, Redrawn, Sampling
from srl_agent.cpu import SamplingCopy
from srl_agent.held_out import prompt_ids
from srl_agent.models import load_policy
from srl_agent.rollout import MAX_SEQUENCES, end_tokens, sample_groups
from srl_agent.step_reward import decode


class LocalModel(Redrawn):
    """Answers prompts; see `srl_agent.answers.Answerer`.

    In float32 the same seed draws what the held-out evaluation of a run of one process draws from the same weights.
    """

    together = MAX_SEQUENCES
    threads = 0

    def __init__(self, name: str, dtype: str, tokenizer: Any, device: str, sampling: Sampling) -> None:
        self.tokenizer, self.sampling = tokenizer, sampling
        policy = load_policy(name)
        self.ends = end_tokens(policy, tokenizer)
        if dtype == "bfloat16":
            policy = SamplingCopy(policy).refreshed(policy) if device == "cpu" else policy.to(torch.bfloat16)
        self.model = policy.to(device)

    def __call__(
        self, prompts: Sequence[Prompt], rollouts: int, seeds: Sequence[Sequence[int]], done: Done
    ) -> list[list[Answer]]:
        """See `Answerer`."""
        at_once = max(1, self.together // rollouts)
        answers: list[list[Answer]] = []
        torch.manual_seed(seeds[0][0])
        for start in range(0, len(prompts), at_once):
            ids = [prompt_ids(self.tokenizer, prompt) for prompt in prompts[start : start + at_once]]
            found = [self._answer(row) for row in self._sample(ids, rollouts)]
            for place in range(0, len(found), rollouts):
                answers.append(found[place : place + rollouts])
                done(len(answers) - 1, answers[-1])
        return answers

    def _answer(self, ids: Sequence[int]) -> Answer:
        ends = {*self.ends, self.tokenizer.pad_token_id}
        return Answer(decode(self.tokenizer, ids, ends), len(ids), not ids or ids[-1] not in ends)

    def _sample(self, prompts: Sequence[Sequence[int]], rollouts: int) -> list[list[int]]:
        return sample_groups(
            self.model,
            prompts,
            rollouts,
            temperature=self.sampling.temperature,
            max_new_tokens=self.sampling.max_tokens,
            eos_ids=self.ends,
            pad_id=self.tokenizer.pad_token_id,
        )
