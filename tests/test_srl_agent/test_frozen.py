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
from srl_agent.frozen import (
    check_quantized,
    check_reference,
    check_targets,
    choose_frozen,
    goes_on,
    load_4bit,
    load_for_training,
    new_adapters,
    settle_adapters,
    stands_on,
    starts_alike,
)
from srl_agent.models import embedded_model, load_policy, rebase
from srl_agent.testing import save_tiny, tiny_model

CPU, GPU = Machine("", 1, True), Machine("NVIDIA H100", 1, True)
HAS_BITSANDBYTES = importlib.util.find_spec("bitsandbytes") is not None


def settings(quantize: str = "none", rank: int = 8, **more: Any) -> Config:
    return validate({"model": {"quantize": quantize, "dtype": "bfloat16"}, "lora": {"rank": rank}} | more)


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


def test_adapters_for_layers_that_the_model_lacks_are_refused_with_those_it_has() -> None:
    check_targets(settings(lora={"rank": 8, "targets": "q_proj, self_attn.v_proj"}), tiny_model())
    check_targets(settings(lora={"rank": 0, "targets": "q_pro"}), tiny_model())
    with pytest.raises(ConfigError, match=r"lora\.targets: .* no layer named 'q_pro'; there are .*q_proj"):
        check_targets(settings(lora={"rank": 8, "targets": "q_pro,v_proj"}), tiny_model())


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
    assert choose_frozen(config, machine, engine, "org/model")[0] == held


def with_adapters(folder: Path, model: Any, rank: int = 2, targets: Any = "all-linear") -> Any:
    """Adapters on a model that do something, saved as a stage leaves them."""
    settings = LoraConfig(r=rank, lora_alpha=validate({}).lora.alpha, target_modules=targets, task_type="CAUSAL_LM")
    adapted = get_peft_model(model, settings)
    torch.manual_seed(3)
    for weight in adapted.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.02)
    adapted.save_pretrained(str(folder))
    return adapted


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_stage_goes_on_with_exactly_the_weights_that_the_stage_before_left(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    base = str(save_tiny(tmp_path / "base"))
    left = with_adapters(tmp_path / "first", load_policy(base, dtype)).state_dict()
    policy = load_for_training(settings(rank=2), str(tmp_path / "first"), str(dtype).removeprefix("torch."))
    begun = policy.state_dict()
    assert left.keys() == begun.keys() and all(torch.equal(weight, begun[name]) for name, weight in left.items())
    assert {weight.dtype for weight in policy.parameters() if weight.requires_grad} == {torch.float32}
    assert new_adapters(settings(rank=2), policy) is None


@pytest.mark.parametrize(("rank", "targets"), [(4, "all-linear"), (2, ["q_proj"])])
def test_other_adapters_than_the_settings_ask_for_are_merged_into_weights_held_in_float32(
    tmp_path: Path, rank: int, targets: Any
) -> None:
    other = str(tmp_path / "other")
    with_adapters(tmp_path / "other", load_policy(str(save_tiny(tmp_path / "base"))), rank, targets)
    assert not goes_on(settings(rank=2), other)
    held, why = choose_frozen(settings(rank=2), GPU, "transformers", other)
    assert held == "float32" and other in why
    with pytest.raises(ConfigError, match=r"model\.quantize: .*lora\.rank"):
        choose_frozen(settings("4bit", rank=2), GPU, "transformers", other)


def test_adapters_are_the_ones_asked_for_however_peft_writes_their_layers_down(tmp_path: Path) -> None:
    base = str(save_tiny(tmp_path / "base"))
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    with_adapters(tmp_path / "listed", load_policy(base), targets=names)
    assert goes_on(settings(rank=2), str(tmp_path / "listed"))


def test_adapters_that_a_trainer_rounded_are_again_what_the_stage_before_left(tmp_path: Path) -> None:
    config, folder = settings(rank=2), str(tmp_path / "first")
    left = with_adapters(tmp_path / "first", load_policy(str(save_tiny(tmp_path / "base")))).state_dict()
    policy = load_for_training(config, folder, "float32")
    for weight in policy.parameters():
        weight.data = weight.data.bfloat16() if weight.requires_grad else weight.data
    settle_adapters(config, policy, folder)
    assert all(torch.equal(weight, left[name]) for name, weight in policy.state_dict().items())


@pytest.mark.parametrize(
    ("config", "machine", "engine", "same"),
    [
        (settings(rank=0), GPU, "vllm", True),
        (settings(), CPU, "vllm", True),
        (settings(), GPU, "transformers", True),
        (settings("4bit"), GPU, "transformers", True),
        # The sft stage samples with transformers and holds bfloat16, the srl stage beside vllm holds float32.
        (settings(), GPU, "vllm", False),
    ],
)
def test_figures_are_taken_over_only_where_both_stages_round_the_weights_alike(
    tmp_path: Path, config: Config, machine: Machine, engine: str, same: bool
) -> None:
    config = config.model_copy(update={"model": config.model.model_copy(update={"name": str(save_tiny(tmp_path))})})
    assert starts_alike(config, machine, ("transformers", engine)) is same


def test_adapters_on_a_rounded_base_are_trained_in_float32() -> None:
    adapted = get_peft_model(tiny_model(dtype=torch.bfloat16), LoraConfig(r=2, target_modules="all-linear"))
    for weight in adapted.parameters():
        weight.data = weight.data.bfloat16()
    settle_adapters(settings(rank=2), adapted, "org/model")
    kinds = {(weight.requires_grad, weight.dtype) for weight in adapted.parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}


def test_adapters_on_other_adapters_name_the_folder_that_they_stand_on(tmp_path: Path) -> None:
    base, first, second = str(save_tiny(tmp_path / "base")), tmp_path / "first", tmp_path / "second"
    with_adapters(first, load_policy(base))
    adapted = with_adapters(second, load_policy(str(first)), rank=4)
    config = settings(rank=4)
    assert (stands_on(config, base), stands_on(settings(rank=0), str(first))) == ("", "")
    assert stands_on(settings(rank=2), str(first)) == ""
    rebase(second, stands_on(config, str(first)))
    assert stands_on(config, str(second)) == str(first.resolve())  # for the stage that goes on training the second
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
    settle_adapters(settings(rank=2), adapted, name)
    ids = torch.tensor([exact.generation_config.eos_token_id, *range(400, 430)])[None]
    with torch.autocast("cpu", torch.bfloat16):
        loss = adapted(ids, labels=ids).loss
    loss.backward()
    assert abs(float(loss.detach()) - float(exact(ids, labels=ids).loss.detach())) < 0.5
    trained = [weight for weight in adapted.parameters() if weight.requires_grad]
    assert all(weight.grad is not None and weight.grad.dtype == torch.float32 for weight in trained)


def test_a_kl_term_from_merged_adapters_is_refused_as_its_reference_would_lack_them(tmp_path: Path) -> None:
    save_tiny(tmp_path / "base")
    with_adapters(tmp_path / "adapters", load_policy(str(tmp_path / "base")))
    weights, kl = str(tmp_path / "adapters"), {"srl": {"beta": 0.1}}
    # The name by which TRL reads the reference.
    assert load_policy(weights).config._name_or_path == str(tmp_path / "base")
    with pytest.raises(ConfigError, match=r"srl\.beta: the KL term's reference would be .*base without the adapters"):
        check_reference(settings(rank=0, **kl), "srl", weights)
    check_reference(settings(rank=2, **kl), "srl", weights)
    check_reference(settings(rank=0), "srl", weights)
    check_reference(settings(rank=0, **kl), "srl", str(tmp_path / "base"))
