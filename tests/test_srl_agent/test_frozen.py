"""How weights that adapters leave alone are held, and where 4 bits are refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from srl_agent.choices import Machine, choose_engine
from srl_agent.cli import main
from srl_agent.config import Config
from srl_agent.config_load import validate
from srl_agent.errors import ConfigError
from srl_agent.frozen import check_quantized, choose_frozen, load_4bit, load_for_training, settle_adapters, stands_on
from srl_agent.models import embedded_model, load_policy, rebase
from srl_agent.testing import save_tiny, tiny_model

CPU, GPU = Machine("", 1, True), Machine("NVIDIA H100", 1, True)
HAS_BITSANDBYTES = importlib.util.find_spec("bitsandbytes") is not None


def settings(quantize: str = "none", rank: int = 8, **more: Any) -> Config:
    return validate({"model": {"quantize": quantize, "dtype": "bfloat16"}, "lora": {"rank": rank}, **more})


def test_4_bits_without_adapters_are_refused_with_the_setting_that_adds_them() -> None:
    with pytest.raises(ConfigError, match=r"model\.quantize: .*lora\.rank"):
        settings("4bit", rank=0)


def test_4_bits_beside_vllm_are_refused_and_auto_takes_transformers() -> None:
    with pytest.raises(ConfigError, match=r"model\.quantize: vllm .*trainer\.engine to transformers"):
        settings("4bit", trainer={"engine": "vllm"})
    assert choose_engine(settings("4bit"), GPU) == (
        "transformers",
        "vllm cannot take over 4-bit weights (model.quantize)",
    )


@pytest.mark.parametrize("machine", [CPU, Machine("Apple GPU", 1, True)])
def test_4_bits_are_refused_where_there_is_no_cuda_device(machine: Machine) -> None:
    with pytest.raises(ConfigError, match="needs a CUDA device"):
        check_quantized(settings("4bit"), machine)
    check_quantized(settings("none"), machine)


def test_the_command_line_refuses_4_bits_on_a_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--set", f"model.name={save_tiny(tmp_path)}", "--set", "model.quantize=4bit", "--set", "lora.rank=4"]
    assert main(["train", "--domain", "srl_agent.testing:ToyDomain", "--preset", "smoke", *options, "--dry-run"]) == 2
    assert "model.quantize" in capsys.readouterr().err


@pytest.mark.skipif(HAS_BITSANDBYTES, reason="bitsandbytes is installed here")
def test_4_bits_without_the_package_are_refused_with_what_to_install() -> None:
    with pytest.raises(ConfigError, match=r"pip install 'srl-agent\[quantized\]'"):
        check_quantized(settings("4bit"), GPU)


@pytest.mark.parametrize(
    ("config", "machine", "engine", "held"),
    [
        (settings(), GPU, "transformers", "bfloat16"),
        (settings("4bit"), GPU, "transformers", "4bit"),
        (settings(rank=0), GPU, "transformers", "float32"),
        (settings(), GPU, "vllm", "float32"),
        (settings(), Machine("NVIDIA H100", 8, True, "fsdp2"), "transformers", "float32"),
        (settings(), CPU, "transformers", "float32"),
    ],
)
def test_frozen_weights_are_small_only_where_nothing_rounds_them_again(
    config: Config, machine: Machine, engine: str, held: str
) -> None:
    assert choose_frozen(config, machine, engine)[0] == held


def with_adapters(folder: Path, model: Any) -> Any:
    """Adapters on a model that do something, saved as a stage leaves them."""
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    torch.manual_seed(3)
    for weight in adapted.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.02)
    adapted.save_pretrained(str(folder))
    return adapted


def test_adapters_are_merged_in_float32_before_the_sum_is_rounded(tmp_path: Path) -> None:
    base = str(save_tiny(tmp_path / "base"))
    with_adapters(tmp_path / "adapters", load_policy(base))
    exact, rounded = (load_for_training(str(tmp_path / "adapters"), held) for held in ("float32", "bfloat16"))
    for name, weight in exact.state_dict().items():
        assert torch.equal(rounded.state_dict()[name], weight.bfloat16())


def test_adapters_on_a_rounded_base_are_trained_in_float32() -> None:
    adapted = get_peft_model(tiny_model(dtype=torch.bfloat16), LoraConfig(r=2, target_modules="all-linear"))
    for weight in adapted.parameters():
        weight.data = weight.data.bfloat16()
    settle_adapters(adapted)
    kinds = {(weight.requires_grad, weight.dtype) for weight in adapted.parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}


def test_adapters_on_adapters_name_the_folder_that_they_stand_on(tmp_path: Path) -> None:
    base, first, second = str(save_tiny(tmp_path / "base")), tmp_path / "first", tmp_path / "second"
    with_adapters(first, load_policy(base))
    adapted = with_adapters(second, load_policy(str(first)))
    config = settings(rank=2)
    assert (stands_on(config, base), stands_on(settings(rank=0), str(first))) == ("", "")
    rebase(second, stands_on(config, str(first)))
    read = load_policy(str(second)).state_dict()
    for name, weight in adapted.merge_and_unload().state_dict().items():
        torch.testing.assert_close(read[name], weight, atol=1e-6, rtol=0)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_BITSANDBYTES, reason="bitsandbytes is not installed here")
def test_4_bits_take_adapters_and_give_nearly_the_same_probabilities() -> None:
    name = str(embedded_model())
    exact, small = load_policy(name), load_4bit(name, "cpu")
    assert small.get_memory_footprint() < exact.get_memory_footprint() / 3
    adapted = get_peft_model(small, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    settle_adapters(adapted)
    ids = torch.tensor([exact.generation_config.eos_token_id, *range(400, 430)])[None]
    with torch.autocast("cpu", torch.bfloat16):
        loss = adapted(ids, labels=ids).loss
    loss.backward()
    assert abs(float(loss.detach()) - float(exact(ids, labels=ids).loss.detach())) < 0.5
    trained = [weight for weight in adapted.parameters() if weight.requires_grad]
    assert all(weight.grad is not None and weight.grad.dtype == torch.float32 for weight in trained)
