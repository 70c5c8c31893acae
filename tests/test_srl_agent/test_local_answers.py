"""Outputs of a model on this machine: which tokens end them, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import GenerationConfig

from srl_agent.answers import Sampling
from srl_agent.config import Config
from srl_agent.local_answers import LocalModel
from srl_agent.rollout import end_tokens
from srl_agent.testing import ToyDomain, byte_tokenizer, save_tiny, tiny_model


@pytest.mark.parametrize(("own", "expected"), [(None, [256]), (5, [5, 256]), ([5, 256], [5, 256])])
def test_an_output_ends_with_the_tokenizer_s_end_or_one_of_the_model_s(own: object, expected: list[int]) -> None:
    model = tiny_model()
    model.generation_config = GenerationConfig(eos_token_id=own)
    assert end_tokens(model, byte_tokenizer()) == expected


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_answers_in_the_order_of_the_steps(tmp_path: Path, dtype: str) -> None:
    model = LocalModel(str(save_tiny(tmp_path)), dtype, byte_tokenizer(), "cpu", Sampling(1.0, 5))
    prompts = [step.prompt for step in ToyDomain().load_steps(Config(), len).train]
    told: list[int] = []
    answers = model(prompts, 7, [[0]] * 12, lambda number, group: told.append(number))
    assert [len(group) for group in answers] == [7] * 12
    assert told == list(range(12))
    assert answers == model(prompts, 7, [[0]] * 12, lambda number, group: None)
    first = model(prompts[: model.together // 7], 7, [[0]] * 9, lambda number, group: None)
    assert first == answers[:9]  # as many as are drawn together, asked again, are the same
    assert {answer.cut for group in answers for answer in group if answer.tokens == 5 and answer.text} >= {True}
