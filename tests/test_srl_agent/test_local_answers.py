"""Outputs of a model on this machine: which tokens end them, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import GenerationConfig

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
    settings = {"model": {"name": str(save_tiny(tmp_path)), "dtype": dtype}, "srl": {"max_completion_tokens": 5}}
    config = Config.model_validate(settings)
    model, steps = LocalModel(config, byte_tokenizer(), "cpu"), ToyDomain().load_steps(config, len).train
    told: list[int] = []
    answers = model(steps, 7, told.append)
    assert [len(group) for group in answers] == [7] * 12
    assert told == [63, 84]  # at most 64 sequences at once, groups whole
    assert answers == model(steps, 7, told.append)
    assert {answer.cut for group in answers for answer in group if answer.tokens == 5 and answer.text} >= {True}
