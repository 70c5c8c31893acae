"""What our settings become in transformers' and TRL's hands."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from transformers import TrainingArguments, get_scheduler

from srl_agent.config import Config, SftConfig, SrlConfig
from srl_agent.trl_trainer import grpo_arguments, sft_arguments


def rates(args: TrainingArguments) -> list[float]:
    """Learning rates of four optimiser steps."""
    optimiser = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=args.learning_rate)
    schedule = get_scheduler(args.lr_scheduler_type, optimiser, args.get_warmup_steps(4), 4)
    found = []
    for _ in range(4):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


@pytest.mark.parametrize("name", ["constant", "linear", "cosine"])
def test_the_rate_rises_over_the_warm_up_whatever_the_schedule(
    name: Literal["constant", "linear", "cosine"], tmp_path: Path
) -> None:
    srl = SrlConfig(learning_rate=1.0, lr_scheduler=name, warmup_steps=2, prompts_per_step=4)
    sft = SftConfig(learning_rate=1.0, lr_scheduler=name, warmup_ratio=0.5)
    config = Config(srl=srl, sft=sft)
    for args in (grpo_arguments(config, "srl", tmp_path, 4, 1, False), sft_arguments(config, tmp_path, 4, 1, False)):
        assert rates(args)[:3] == [0.0, 0.5, 1.0]


def test_a_constant_rate_without_warm_up_is_constant(tmp_path: Path) -> None:
    config = Config(srl=SrlConfig(learning_rate=1.0, lr_scheduler="constant", prompts_per_step=4))
    assert rates(grpo_arguments(config, "srl", tmp_path, 4, 1, False)) == [1.0] * 4
