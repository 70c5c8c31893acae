"""Sampling with each prompt computed once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing import spawn
from transformers.integrations.deepspeed import set_hf_deepspeed_config

from srl_agent.prompt_tokens import PromptTokens, hit_rate
from srl_agent.rollout import evened, prefill, sample_groups
from srl_agent.testing import tiny_model

PROMPTS = [[1, 2, 3, 4, 5], [9], [7, 8, 7]]
END, PAD = 256, 257


def sample(model: Any, rollouts: int, temperature: float, eos_ids: tuple[int, ...] = (END,)) -> list[list[int]]:
    return sample_groups(
        model, PROMPTS, rollouts, temperature=temperature, max_new_tokens=7, eos_ids=eos_ids, pad_id=PAD
    )


def test_greedy_outputs_equal_those_of_each_prompt_alone() -> None:
    model = tiny_model()
    expected = []
    for prompt in PROMPTS:
        ids = torch.tensor([prompt])
        for _ in range(7):
            ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], dim=1)
        expected += [ids[0, len(prompt) :].tolist()] * 2
    assert sample(model, 2, 0.0) == expected


def test_prompts_of_one_episode_share_what_they_begin_with_and_change_nothing() -> None:
    model = tiny_model(dtype=torch.float64)
    trunk = list(range(3, 83))
    prompts = [trunk[:40], trunk[:60], [*trunk[:50], 9, 8, 7], trunk, [200, 100]]
    alone = [output for prompt in prompts for output in greedy(model, [prompt])]
    assert greedy(model, prompts) == alone
    counts = PromptTokens()
    caches = prefill(model, [torch.tensor(prompt) for prompt in prompts[:4]], counts)
    assert counts.computed == 79 + 2  # the longest but for its last token, and what the third has of its own
    assert [layers[0][0].shape[2] for layers in caches] == [39, 59, 52, 79]


def greedy(model: Any, prompts: list[list[int]]) -> list[list[int]]:
    return sample_groups(model, prompts, 1, temperature=0.0, max_new_tokens=6, eos_ids=(END,), pad_id=PAD)


def test_an_output_ends_with_the_first_end_token() -> None:
    model = tiny_model()
    first = sample(model, 1, 0.0)[0][2]
    outputs = sample(model, 1, 0.0, (first, END))
    assert outputs[0][-1] == first
    assert first not in outputs[0][:-1]


def test_a_model_whose_settings_switch_the_cache_off_samples_the_same() -> None:
    model, copy = tiny_model(), tiny_model()
    for settings in (copy.config, copy.generation_config):
        settings.use_cache = False
    assert sample(copy, 2, 0.0) == sample(model, 2, 0.0)


def test_sampling_defaults_of_the_model_do_not_reach_in() -> None:
    model, copy = tiny_model(), tiny_model()
    copy.generation_config.repetition_penalty = 5.0
    copy.generation_config.no_repeat_ngram_size = 1
    assert any(len(set(output)) < len(output) for output in sample(model, 1, 0.0))
    assert sample(copy, 1, 0.0) == sample(model, 1, 0.0)
    assert copy.generation_config.repetition_penalty == 5.0


def test_the_same_seed_draws_the_same_outputs() -> None:
    model = tiny_model()
    torch.manual_seed(3)
    once = sample(model, 4, 1.0)
    torch.manual_seed(3)
    assert sample(model, 4, 1.0) == once
    assert len({tuple(output) for output in once[:4]}) > 1


def test_more_sequences_than_fit_at_once_are_done_in_turns() -> None:
    assert len(sample(tiny_model(), 40, 1.0)) == 120


def test_the_training_mode_of_the_model_is_restored() -> None:
    model = tiny_model().train()
    sample(model, 1, 0.0)
    assert model.training


def test_the_share_of_prompt_tokens_that_were_not_computed_anew_is_counted() -> None:
    counts = PromptTokens()
    nested = [list(range(3, 43)), list(range(3, 83))]
    sample_groups(tiny_model(), nested, 3, temperature=1.0, max_new_tokens=2, eos_ids=(END,), pad_id=PAD, counts=counts)
    # Asked: 3 outputs of 40 and 80 tokens; computed: the longer prompt but its last token, and a last token an output.
    assert (counts.asked, counts.computed) == (360, 79 + 6)
    assert hit_rate(*counts.take()) == 1 - 85 / 360
    assert hit_rate(*counts.take()) == 0.0


def test_processes_that_send_equally_many_prompts_each_get_their_own_outputs() -> None:
    of_ranks, rollouts = [[[1]], [[2], [3], [4]], [[5], [6]]], 2
    sent = [evened(prompts, most=3, rollouts=rollouts) for prompts in of_ranks]
    gathered = [prompt for prompts in sent for prompt in prompts]
    for rank, prompts in enumerate(of_ranks):  # as trl/generation/vllm_generation.py cuts them
        mine = gathered[rank * len(sent[rank]) : (rank + 1) * len(sent[rank])][: len(prompts) * rollouts]
        assert mine == [prompt for prompt in prompts for _ in range(rollouts)]


class Zero3:
    """What transformers asks of DeepSpeed's settings."""

    def is_zero3(self) -> bool:
        return True


def sample_unequally(rank: int, rendezvous: str) -> None:
    """In one of two processes: one decodes twice, the other once, before both meet."""
    patience = timedelta(seconds=300)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2, timeout=patience)
    model, settings = tiny_model(), Zero3()
    set_hf_deepspeed_config(settings)
    for _ in range(2 - rank):
        sample(model, 1, 0.0)
    met = torch.tensor([10.0])
    dist.all_reduce(met)
    assert met.item() == 20
    dist.destroy_process_group()


def test_processes_that_decode_unequally_often_do_not_wait_for_each_other_under_zero_3(tmp_path: Path) -> None:
    spawn(sample_unequally, (str(tmp_path / "rendezvous"),), nprocs=2)
