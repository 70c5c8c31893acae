"""What the configuration leaves open, and what a machine or a model cannot do."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from srl_agent.choices import Machine, check_lengths, check_processes, choose_attention, choose_engine
from srl_agent.config import Config, DataConfig, ModelConfig, SftConfig, SrlConfig, TrainerConfig
from srl_agent.cores import LAUNCHERS, choose_threads, usable_cores
from srl_agent.errors import ConfigError, ModelError
from srl_agent.models import load_tokenizer
from srl_agent.testing import TEMPLATE, byte_tokenizer, tiny_model

TWO = Machine("", 2, True)


def test_a_batch_that_the_processes_cannot_share_is_refused() -> None:
    sft = Config(stages=("sft",), sft=SftConfig(batch_size=6, micro_batch_size=2))
    with pytest.raises(ConfigError, match=r"sft\.batch_size \(6\)"):
        check_processes(sft, TWO)
    with pytest.raises(ConfigError, match=r"srl\.prompts_per_step \(3\)"):
        check_processes(Config(srl=SrlConfig(prompts_per_step=3)), TWO)
    check_processes(sft.model_copy(update={"stages": ("srl",)}), TWO)


def test_prompts_and_outputs_beyond_the_model_are_refused() -> None:
    config = Config(data=DataConfig(max_prompt_tokens=400), srl=SrlConfig(max_completion_tokens=113))
    with pytest.raises(ConfigError, match=r"\(400 \+ 113\) is more than the 512 positions"):
        check_lengths(config, 512)
    check_lengths(config, 513)
    check_lengths(config, 0)
    check_lengths(config.model_copy(update={"stages": ("sft",)}), 512)


def test_processes_wait_for_each_other_as_long_as_tests_may_take() -> None:
    """In a process of its own: accelerate keeps what it finds out."""
    group = "torch.distributed.distributed_c10d._get_default_group()._get_backend(torch.device('cpu'))"
    script = (
        f"import torch; from srl_agent.choices import *; this_machine(); print({group}.options._timeout == PATIENCE)"
    )
    single = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | single, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"


def test_processes_of_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = len(os.sched_getaffinity(0))
    assert usable_cores() == mine
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(mine))
    assert usable_cores() == 1


def test_threads_are_those_of_the_settings_then_of_the_user_s_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LAUNCHERS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert choose_threads(5) == (5, "5 (trainer.threads)")
    assert choose_threads(0) == (3, "3 (OMP_NUM_THREADS)")
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")  # for nested parallelism, which we have none of
    assert choose_threads(0)[0] == usable_cores()


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_threads_that_a_launcher_chose_do_not_count(monkeypatch: pytest.MonkeyPatch, launcher: str) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv(launcher, "1")
    assert choose_threads(0)[0] == usable_cores()


def test_a_template_that_opens_the_thought_itself_is_refused(tmp_path: Path) -> None:
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = TEMPLATE.replace("a:", "a:<think>\n")
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ModelError, match="opens <think>"):
        load_tokenizer(str(tmp_path))


@pytest.mark.parametrize(("target", "refused"), [("trace", True), ("outline", True), ("step", False)])
def test_whole_episodes_longer_than_the_model_has_positions_are_refused(target: str, refused: bool) -> None:
    config = Config.model_validate({"stages": ["sft"], "sft": {"target": target, "max_tokens": 513}})
    with pytest.raises(ConfigError, match=r"sft\.max_tokens") if refused else nullcontext():
        check_lengths(config, 512)


def test_attention_is_merged_where_the_kernels_are_and_refused_where_they_are_not() -> None:
    model, here, apple = tiny_model(), Machine("", 1, True), Machine("Apple GPU", 1, True)
    merge = Config(model=ModelConfig(dtype="float32"), trainer=TrainerConfig(attention="merge"))
    assert choose_attention(Config(), model, here)[0] == "merge"
    assert choose_attention(Config(), model, apple)[0] == "mask"
    assert choose_attention(Config(trainer=TrainerConfig(attention="mask")), model, here) == ("mask", "as configured")
    with pytest.raises(ConfigError, match=r"trainer\.attention: merge is impossible"):
        choose_attention(merge, model, apple)


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vllm is installed here")
@pytest.mark.parametrize(("accelerator", "remedy"), [("", "scripts/install-vllm-cpu"), ("H100", "pip install")])
def test_without_vllm_the_engine_is_refused_with_what_to_install(accelerator: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match=rf"trainer\.engine: vllm is not installed; {remedy}"):
        choose_engine(Config(trainer=TrainerConfig(engine="vllm")), Machine(accelerator, 1, True))
