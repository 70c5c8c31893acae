"""The CPU build of vLLM in this process: weights, prefixes and draws. Needs scripts/install-vllm-cpu."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig

from srl_agent.config import Config, DataConfig, ModelConfig
from srl_agent.prompt_tokens import PromptTokens
from srl_agent.testing import SHAPE, byte_tokenizer
from srl_agent.vllm_engine import (
    BLOCK_TOKENS,
    Sampled,
    VllmEngine,
    checkpoint_weights,
    engine_on_cpu,
    load_weights,
    nested_order,
)

TRUNK = [index * 7 % 251 + 3 for index in range(200)]
NESTED = [TRUNK, TRUNK[:100], TRUNK[:150]]
END = 256

# vllm's import looks up a name that torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def policy(seed: int) -> Any:
    """A random model whose heads are wide enough for vLLM's kernels, with tied embeddings as SmolLM2 has."""
    torch.manual_seed(seed)
    shape = {**SHAPE, "head_dim": 32, "tie_word_embeddings": True, "initializer_range": 0.2}
    return AutoModelForCausalLM.from_config(LlamaConfig(**shape)).eval()


def need_vllm() -> None:
    """Skips where the package is absent, fails where it was promised (.ci/run, after installing it)."""
    if importlib.util.find_spec("vllm") is None:
        message = "vllm is not installed; scripts/install-vllm-cpu"
        if os.environ.get("SRL_AGENT_NEEDS_VLLM"):
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture(scope="module")
def engine() -> VllmEngine:
    """One for all tests: a process holds one vLLM. It samples with the weights of `engine.policy`."""
    need_vllm()
    config = Config(model=ModelConfig(dtype="float32"), data=DataConfig(max_prompt_tokens=300))
    held = policy(0)
    made = engine_on_cpu(held, config, 16, PromptTokens())
    made.policy = held  # type: ignore[attr-defined]
    return made


class KeepsItsCache:
    """vLLM but for the reset of its prefix cache."""

    def __init__(self, llm: Any) -> None:
        self.llm_engine = llm.llm_engine

    def reset_prefix_cache(self) -> bool:
        return True


def become(engine: VllmEngine, seed: int) -> Any:
    """The policy with the weights of another seed, handed over."""
    engine.policy.load_state_dict(policy(seed).state_dict())  # type: ignore[attr-defined]
    engine.hand_over()
    return engine.policy  # type: ignore[attr-defined]


def sample(engine: VllmEngine, prompts: list[list[int]], rollouts: int, temperature: float) -> Sampled:
    return engine.generate(prompts, rollouts, temperature=temperature, max_new_tokens=8, eos_ids=[END])


@torch.no_grad()
def logps_of(model: Any, prompt: list[int], output: list[int], temperature: float) -> torch.Tensor:
    logits = model(torch.tensor([prompt + output])).logits[0, len(prompt) - 1 : -1] / temperature
    return torch.log_softmax(logits, -1).gather(-1, torch.tensor(output)[:, None])[:, 0]


def greedy(model: Any, prompt: list[int]) -> list[int]:
    ids = torch.tensor([prompt])
    while ids.shape[1] < len(prompt) + 8 and ids[0, -1] != END:
        ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], dim=1)
    return ids[0, len(prompt) :].tolist()


def test_nested_prompts_go_out_together_the_shorter_first() -> None:
    prompts = [TRUNK[:9], [9, 9], TRUNK[:3], [9], TRUNK[:6]]
    ordered = [prompts[number] for number in nested_order(prompts)]
    assert ordered == [TRUNK[:3], TRUNK[:6], TRUNK[:9], [9], [9, 9]]


def test_after_new_weights_no_prefix_of_the_old_ones_is_used(engine: VllmEngine) -> None:
    become(engine, 1)
    sample(engine, NESTED, 2, 1.0)
    engine.counts.take()
    sample(engine, NESTED, 1, 0.0)
    asked, computed = engine.counts.take()
    assert computed < asked / 4, "the cache of the old weights is not warm: the test would show nothing"
    new = become(engine, 2)
    sampled = sample(engine, NESTED, 1, 0.0)
    assert sampled.ids == [greedy(new, prompt) for prompt in NESTED]
    for prompt, output, logps in zip(NESTED, sampled.ids, sampled.logps, strict=True):
        torch.testing.assert_close(torch.tensor(logps), logps_of(new, prompt, output, 1.0), atol=1e-4, rtol=0)


def test_a_prefix_that_was_kept_would_show(engine: VllmEngine) -> None:
    """The test above can fail: with the cache of the old weights, the new ones give other log-probabilities."""
    become(engine, 1)
    sample(engine, NESTED, 1, 0.0)
    new = policy(2)
    load_weights(KeepsItsCache(engine.llm), checkpoint_weights(new))
    sampled = sample(engine, [TRUNK], 1, 0.0)
    apart = torch.tensor(sampled.logps[0]) - logps_of(new, TRUNK, sampled.ids[0], 1.0)
    assert float(apart.abs().max()) > 1e-2


def test_weights_are_handed_over_once_a_step(engine: VllmEngine) -> None:
    handed: list[int] = []
    counting = VllmEngine(engine.llm, lambda: handed.append(1), PromptTokens())
    for step in (0, 0, 1, 1, 1, 3):
        counting.update(step)
    assert len(handed) == 3


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_log_probabilities_are_those_of_the_distribution_drawn_from(engine: VllmEngine, temperature: float) -> None:
    model = become(engine, 3)
    sampled = sample(engine, NESTED, 3, temperature)
    assert len(sampled.ids) == len(sampled.logps) == 9
    assert len({tuple(output) for output in sampled.ids[:3]}) == 3
    for number, (output, logps) in enumerate(zip(sampled.ids, sampled.logps, strict=True)):
        expected = logps_of(model, NESTED[number // 3], output, temperature)
        torch.testing.assert_close(torch.tensor(logps), expected, atol=1e-4, rtol=0)


def test_nested_prompts_and_their_outputs_compute_what_they_share_once(engine: VllmEngine) -> None:
    become(engine, 4)
    engine.counts.take()
    sample(engine, NESTED, 4, 1.0)
    asked, computed = engine.counts.take()
    assert asked == 4 * 450
    # At most the longest prompt, and of each request what is behind its last whole block (its last token at least).
    assert computed <= 200 + 12 * BLOCK_TOKENS


def test_the_seed_of_torch_decides_what_is_drawn(engine: VllmEngine) -> None:
    become(engine, 4)
    drawn = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        drawn.append(sample(engine, NESTED, 3, 1.0).ids)
    assert drawn[0] == drawn[1] != drawn[2]


def test_an_output_ends_with_the_first_end_token(engine: VllmEngine) -> None:
    model = become(engine, 5)
    third = greedy(model, TRUNK)[2]
    sampled = engine.generate([TRUNK], 2, temperature=0.0, max_new_tokens=8, eos_ids=[END, third])
    assert sampled.ids[0] == sampled.ids[1]
    assert sampled.ids[0].index(third) == len(sampled.ids[0]) - 1


def test_adapters_reach_the_engine_and_the_policy_keeps_its_weights(engine: VllmEngine) -> None:
    settings = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    adapted = get_peft_model(policy(6), settings).eval()
    before = {name: weight.clone() for name, weight in adapted.state_dict().items()}
    load_weights(engine.llm, checkpoint_weights(adapted))
    sampled = sample(engine, [TRUNK], 1, 0.0)
    expected = logps_of(adapted, TRUNK, sampled.ids[0], 1.0)
    torch.testing.assert_close(torch.tensor(sampled.logps[0]), expected, atol=1e-4, rtol=0)
    assert all(torch.equal(weight, before[name]) for name, weight in adapted.state_dict().items())


def test_training_samples_with_it(tmp_path: Path) -> None:
    need_vllm()
    policy(0).save_pretrained(tmp_path / "model")
    byte_tokenizer().save_pretrained(tmp_path / "model")
    settings = {
        "stages": "[srl]",
        "model.name": tmp_path / "model",
        "model.dtype": "float32",
        "srl.max_steps": 2,
        "srl.learning_rate": 1e-3,
        "srl.max_completion_tokens": 8,
        "trainer.threads": 1,
        "trainer.engine": "vllm",
    }
    words = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    start = [sys.executable, "-m", "srl_agent", "train", "--domain", "srl_agent.testing:ToyDomain"]
    done = subprocess.run(
        [*start, "--preset", "smoke", *words, "--output", str(tmp_path / "run")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "weights through reload_weights" in done.stdout
    metrics = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert metrics.count("srl/prefix_cache_hit_rate") == 2
    assert (tmp_path / "run" / "srl" / "checkpoint-2" / "complete.json").is_file()
