"""The shared loss pass on weights that FSDP2 shards over two processes: it trains as the plain one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor
from torch.distributed.fsdp import fully_shard
from torch.multiprocessing import spawn
from trl.distributed import DistributedBackend
from trl.generation.vllm_generation import VLLMGeneration

from srl_agent.launch import launch_file
from srl_agent.loss_pass import grouped_logps
from srl_agent.sharded import Twin, as_it_stands, is_sharded
from srl_agent.testing import save_tiny, tiny_model

SETTINGS = {
    "model.dtype": "float32",
    "stages": "[srl]",
    "srl.max_steps": 2,
    "srl.prompts_per_step": 4,
    "srl.rollouts": 3,
    "srl.learning_rate": 1e-3,
    "srl.max_completion_tokens": 8,
    "srl.dynamic_sampling.max_refills": 20,
    "trainer.threads": 1,
}


def train(folder: Path, name: str, **more: object) -> tuple[Path, str]:
    """The checkpoint and the terminal output of a run of two processes under the shipped FSDP2 settings."""
    settings = {**SETTINGS, "model.name": folder / "model", **more}
    words = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--config_file",
        str(launch_file("fsdp-4")),
        "--main_process_port",
        "0",
    ]
    words += ["--num_processes", "2", str(Path(__file__).with_name("fsdp_on_cpu.py")), "train"]
    words += ["--domain", "srl_agent.testing:ToyDomain", "--preset", "smoke", "--output", str(folder / name)]
    words += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / name / "srl" / "checkpoint-2", result.stdout


def test_under_fsdp_the_shared_pass_trains_as_the_plain_one_does(tmp_path: Path) -> None:
    save_tiny(tmp_path / "model")
    shared, output = train(tmp_path, "shared")
    plain, _ = train(tmp_path, "plain", **{"trainer.loss_pass": "plain"})
    assert "fsdp2" in output and "loss pass  shared" in output
    start = load_file(tmp_path / "model" / "model.safetensors")
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (shared, plain))
    assert ours.keys() == start.keys()
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, atol=1e-5, rtol=0)
        assert not torch.equal(weight, start[name])


def loss(model: Any, rank: int, recompute: bool) -> Tensor:
    """Of one process: three prompts on one trunk, or six on six, in rows of at most 20 tokens."""
    numbers = torch.Generator().manual_seed(rank)
    prompts, copies = (1, 3) if rank == 0 else (6, 1)
    prompt = torch.randint(250, (prompts, 60), generator=numbers).repeat_interleave(copies * 2, dim=0)
    ids = torch.cat([prompt, torch.randint(250, (len(prompt), 9), generator=numbers)], dim=1)
    logps, _ = grouped_logps(model, ids, torch.ones_like(ids), 9, 2, row_tokens=20, recompute=recompute)
    return logps.square().mean()


def compare(rank: int, rendezvous: str, family: str, recompute: bool) -> None:
    """In one of two processes: gradients of a sharded model against those of a whole one."""
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    alone, sharded = tiny_model(family), tiny_model(family)
    torch.stack([loss(alone, number, recompute) for number in range(2)]).mean().backward()
    twin = Twin(sharded)
    for layer in sharded.model.layers:
        fully_shard(layer)
    fully_shard(sharded)
    loss(twin.filled(sharded), rank, recompute).backward()
    for ours, theirs in zip(sharded.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(ours.grad.full_tensor(), theirs.grad, atol=1e-6, rtol=1e-5)
    dist.destroy_process_group()


@pytest.mark.parametrize("recompute", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_processes_with_unequal_numbers_of_trees_get_the_mean_gradient(tmp_path: Path, recompute: bool) -> None:
    spawn(compare, (str(tmp_path / "rendezvous"), "qwen3", recompute), nprocs=2)


def hand_over(rank: int, rendezvous: str) -> None:
    """In one of two processes: what TRL would give vLLM, before and after the weights are sharded."""
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    model = tiny_model("llama")
    whole = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    generation = object.__new__(VLLMGeneration)
    generation.model, generation.accelerator = model, SimpleNamespace(is_fsdp2=True, device=torch.device("cpu"))
    generation._dist = object.__new__(DistributedBackend)
    generation._dist.fsdp_version, generation._dist.zero_stage = 2, 0
    trainer = SimpleNamespace(
        model=model, accelerator=generation.accelerator, is_deepspeed_enabled=False, vllm_generation=generation
    )
    given = as_it_stands(trainer)(lambda: dict(generation._iter_named_params()))
    for _ in ("before", "after"):
        found = given()
        assert found.keys() == whole.keys() and generation._dist.is_fsdp
        assert all(torch.equal(found[name], weight) for name, weight in whole.items())
        if not is_sharded(model):
            fully_shard(model)
    dist.destroy_process_group()


def test_weights_are_handed_over_before_they_are_sharded_and_after(tmp_path: Path) -> None:
    spawn(hand_over, (str(tmp_path / "rendezvous"),), nprocs=2)


def test_a_twin_shares_what_the_model_shares_and_holds_no_weights() -> None:
    model = tiny_model("llama")
    model.lm_head.weight = model.model.embed_tokens.weight
    twin = Twin(model).module
    assert twin.lm_head.weight is twin.model.embed_tokens.weight
    assert all(weight.is_meta for weight in twin.parameters())
