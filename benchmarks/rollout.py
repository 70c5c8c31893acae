"""Seconds to sample the steps of one episode: nested prompts and G outputs at once, against one request an output.

`python benchmarks/rollout.py [--engine transformers vllm]`. The baseline asks for every output alone in the same engine
and run, its prefix cache emptied before each; greedy outputs of the two must be equal (float32).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from srl_agent.config import Config, DataConfig, ModelConfig
from srl_agent.models import resolve_model
from srl_agent.prompt_tokens import PromptTokens, hit_rate
from srl_agent.rollout import sample_groups
from srl_agent.vllm_engine import engine_on_cpu

Sample = Callable[[list[list[int]], int, float], list[list[int]]]
NEVER = 0
"""A token that ends no output: all run to their full length."""


def main() -> None:
    """One table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", nargs="+", default=["transformers", "vllm"])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    for name, default in (("steps", 8), ("outputs", 4), ("length", 48), ("first", 300), ("longest", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(resolve_model(args.model), dtype=getattr(torch, args.dtype)).eval()
    trunk = torch.randint(100, model.config.vocab_size - 100, (args.longest,), generator=torch.manual_seed(0)).tolist()
    ends = [args.first + (args.longest - args.first) * k // max(args.steps - 1, 1) for k in range(args.steps)]
    prompts = [trunk[:end] for end in ends]
    print(f"{args.model}, {args.steps} prompts of {ends[0]} to {ends[-1]} tokens, G {args.outputs}, {args.length} new")
    print("engine        how                       seconds   tokens/s   hit rate   x alone   greedy equal")
    for name in args.engine:
        counts = PromptTokens()
        sample, empty = (with_vllm if name == "vllm" else with_transformers)(model, args, counts)
        compare(name, sample, empty, prompts, args, counts)


def with_transformers(model: Any, args: argparse.Namespace, counts: PromptTokens) -> tuple[Sample, Callable[[], Any]]:
    """Our tree prefill; nothing is kept between calls."""

    def sample(prompts: list[list[int]], rollouts: int, temperature: float) -> list[list[int]]:
        settings = {"max_new_tokens": args.length, "eos_ids": [NEVER], "pad_id": NEVER}
        return sample_groups(model, prompts, rollouts, temperature=temperature, counts=counts, **settings)

    return sample, lambda: None


def with_vllm(model: Any, args: argparse.Namespace, counts: PromptTokens) -> tuple[Sample, Callable[[], Any]]:
    """vLLM's CPU build with the model's weights."""
    config = Config(model=ModelConfig(dtype=args.dtype), data=DataConfig(max_prompt_tokens=args.longest))
    engine = engine_on_cpu(model, config, args.length, counts)
    engine.update(0)

    def sample(prompts: list[list[int]], rollouts: int, temperature: float) -> list[list[int]]:
        settings = {"max_new_tokens": args.length, "eos_ids": [NEVER]}
        return engine.generate(prompts, rollouts, temperature=temperature, **settings).ids

    return sample, engine.llm.reset_prefix_cache


def compare(
    name: str,
    sample: Sample,
    empty: Callable[[], Any],
    prompts: list[list[int]],
    args: argparse.Namespace,
    counts: PromptTokens,
) -> None:
    """Two lines of the table."""
    sample(prompts[:1], 2, 1.0)  # warm up

    def alone(rollouts: int, temperature: float) -> list[list[int]]:
        found = []
        for prompt in [prompt for prompt in prompts for _ in range(rollouts)]:
            empty()
            found += sample([prompt], 1, temperature)
        return found

    def shared(rollouts: int, temperature: float) -> list[list[int]]:
        empty()
        return sample(prompts, rollouts, temperature)

    equal = sum(a == b for a, b in zip(alone(1, 0.0), shared(1, 0.0), strict=True))
    seconds = {}
    for how, run in (("one request an output", alone), ("nested, G a request", shared)):
        counts.take()
        start = time.perf_counter()
        tokens = sum(map(len, run(args.outputs, 1.0)))
        seconds[how] = time.perf_counter() - start
        ratio = seconds["one request an output"] / seconds[how]
        print(
            f"{name:<13} {how:<24} {seconds[how]:>8.1f} {tokens / seconds[how]:>10.1f} "
            f"{hit_rate(*counts.take()):>10.2f} {ratio:>9.2f} {equal:>9}/{len(prompts)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
