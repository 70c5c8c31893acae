"""vLLM as the offline engine of evaluations: the model's own outputs, each told as it ends. Needs the CPU build."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, GenerationConfig, LlamaConfig

from srl_agent.answers import Sampling
from srl_agent.commands.eval.engines import choose_offline
from srl_agent.config import Config, ModelConfig, TrainerConfig
from srl_agent.errors import ConfigError
from srl_agent.held_out import prompt_ids
from srl_agent.local_answers import LocalModel
from srl_agent.testing import SHAPE, byte_tokenizer
from srl_agent.vllm_answers import VllmAnswers, why_not_vllm
from trajectories.records import Message

PROMPTS = [[Message("user", f"say {number} " * (number + 1))] for number in range(5)]
SEEDS = [[10 * number + place for place in range(20)] for number in range(1, 6)]  # as many as any test draws

# vllm's import looks up a name that torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def has_vllm() -> bool:
    return importlib.util.find_spec("vllm") is not None


def need_vllm() -> None:
    """Skips where the package is absent, fails where it was promised (.ci/run, after installing it)."""
    if not has_vllm():
        message = "vllm is not installed; scripts/install-vllm-cpu"
        if os.environ.get("SRL_AGENT_NEEDS_VLLM"):
            pytest.fail(message)
        pytest.skip(message)


def save_model(folder: Path) -> Path:
    """A random model whose heads are wide enough for vLLM's kernels, and a second token that ends outputs."""
    torch.manual_seed(0)
    shape = {**SHAPE, "head_dim": 32, "tie_word_embeddings": True, "initializer_range": 0.2}
    model = AutoModelForCausalLM.from_config(LlamaConfig(**shape))
    model.generation_config = GenerationConfig(eos_token_id=[256, 101], temperature=0.1, top_k=1, do_sample=True)
    model.save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def engine(folder: Path) -> VllmAnswers:
    """One for all tests: a process holds one vLLM."""
    need_vllm()
    return VllmAnswers(str(folder), "float32", byte_tokenizer(), "cpu", 200, Sampling(0.0, 12))


def silent(number: int, answers: list[Any]) -> None:
    """Hears nothing."""


def test_greedy_outputs_are_those_of_transformers(engine: VllmAnswers, folder: Path) -> None:
    other = LocalModel(str(folder), "float32", byte_tokenizer(), "cpu", Sampling(0.0, 12))
    assert engine(PROMPTS, 1, SEEDS, silent) == other(PROMPTS, 1, SEEDS, silent)


def test_what_is_drawn_depends_on_the_seed_of_the_output_alone(engine: VllmAnswers) -> None:
    model = engine.drawing(Sampling(1.0, 12))
    together = model(PROMPTS, 3, SEEDS, silent)
    alone = [model([prompt], 3, [seed], silent)[0] for prompt, seed in zip(PROMPTS, SEEDS, strict=True)]
    assert together == alone
    assert len({answer.text for answer in together[0]}) == 3
    assert model(PROMPTS[:1], 2, [[11, 12]], silent)[0] == together[0][1:]


def test_none_of_the_model_s_own_sampling_defaults_is_taken(engine: VllmAnswers) -> None:
    """The folder asks for top_k 1, under which all outputs of a prompt were equal."""
    drawn = engine.drawing(Sampling(1.0, 12))(PROMPTS[:1], 8, SEEDS[:1], silent)[0]
    assert len({answer.text for answer in drawn}) > 4


def test_prompts_are_told_as_they_end_with_all_their_outputs(engine: VllmAnswers) -> None:
    told: dict[int, list[Any]] = {}
    under_way = []

    def tell(number: int, answers: list[Any]) -> None:
        told[number] = answers
        under_way.append(engine.llm.llm_engine.has_unfinished_requests())

    found = engine.drawing(Sampling(1.0, 20))(PROMPTS, 20, SEEDS, tell)  # more than are drawn at once
    assert [told[number] for number in range(5)] == found
    assert under_way[0] and not under_way[-1]


def test_outputs_end_before_the_end_tokens_or_are_cut(engine: VllmAnswers) -> None:
    drawn = engine.drawing(Sampling(1.0, 100))(PROMPTS, 8, SEEDS, silent)
    answers = [answer for group in drawn for answer in group]
    assert all(answer.cut == (answer.tokens == 100) for answer in answers)
    ended = [answer for answer in answers if not answer.cut]
    assert ended, "no output ended: the test is blind"
    ends = byte_tokenizer().convert_ids_to_tokens([101, 256])
    assert not any(end in answer.text for answer in ended for end in ends)


def test_the_longest_prompt_with_its_output_fits(engine: VllmAnswers) -> None:
    prompt = [Message("user", "x" * 184)]
    room = 200 - len(prompt_ids(byte_tokenizer(), prompt))
    (group,) = engine.drawing(Sampling(0.0, room))([prompt], 1, [[0]], silent)
    assert group[0].tokens <= room


def test_an_evaluation_runs_with_it(tmp_path: Path, folder: Path) -> None:
    need_vllm()
    rows = "".join(json.dumps({"problem": f"{number}?", "answer": number}) + "\n" for number in range(3))
    (tmp_path / "rows.jsonl").write_text(rows)
    words = ["eval", "problems", "--preset", "smoke", "--rows", str(tmp_path / "rows.jsonl"), "--avg", "2"]
    words += ["--model.name", str(folder), "--model.dtype", "float32", "--max-tokens", "8", "--trainer.threads", "1"]
    words += ["--trainer.engine", "vllm", "--output", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-m", "srl_agent", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "engine: vllm on cpu, float32" in done.stdout
    assert len((tmp_path / "out" / "items.jsonl").read_text().splitlines()) == 6


def config(engine: str, model: str = "smollm2-135m") -> Config:
    return Config(model=ModelConfig(name=model), trainer=TrainerConfig(engine=engine))  # type: ignore[arg-type]


def test_on_a_processor_transformers_is_taken_unless_vllm_is_asked_for(folder: Path) -> None:
    assert choose_offline(config("auto", str(folder)), "cpu") == ("transformers", "no accelerator here")
    assert choose_offline(config("transformers", str(folder)), "cuda") == ("transformers", "as configured")


def test_on_an_accelerator_vllm_is_taken_where_it_is_installed(folder: Path) -> None:
    if has_vllm():
        expected = ("vllm", "an accelerator and the package are present")
    else:
        expected = ("transformers", "vllm is not installed (pip install 'srl-agent[vllm]')")
    assert choose_offline(config("auto", str(folder)), "cuda") == expected


def test_adapters_are_left_to_transformers(tmp_path: Path) -> None:
    need_vllm()
    (tmp_path / "adapter_config.json").write_text("{}")
    assert "adapters" in why_not_vllm(str(tmp_path), "cuda")
    with pytest.raises(ConfigError, match=r"trainer\.engine: the folder holds adapters.*or take transformers"):
        choose_offline(config("vllm", str(tmp_path)), "cuda")
