"""The memory estimate's parts against counted numbers of tiny models, and how it moves with the settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig as PeftConfig
from peft import get_peft_model
from torch import Tensor
from transformers import AutoModelForCausalLM, Qwen2Config

from srl_agent.choices import Machine
from srl_agent.cli import main
from srl_agent.config import LoraConfig
from srl_agent.config_load import load_config, validate
from srl_agent.memory import Shape, Sizes, activation_bytes, estimate, layer_bytes, peak, shape_of
from srl_agent.memory_plan import Lengths, Plan, disk_line, lengths_of, plans, remedy
from srl_agent.models import empty_model
from srl_agent.prompt_tokens import PromptTokens
from srl_agent.rollout import prefill
from srl_agent.testing import FAMILIES, SHAPE, ToyDomain, save_tiny, tiny_model
from srl_agent.trl_settings import adapters

WIDE = {**SHAPE, "hidden_size": 128, "intermediate_size": 384, "head_dim": 32}
SIZES = Sizes(
    held="float32",
    adapters=False,
    half=False,
    recompute=False,
    shared=True,
    copies_keys=False,
    prompts=2,
    outputs=4,
    prompt_tokens=300,
    output_tokens=50,
    row_tokens=100,
    sampled=8,
)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shape_without_weights_is_that_of_the_model_with_them(tmp_path: Path, family: str) -> None:
    model = tiny_model(family)
    model.save_pretrained(tmp_path)
    empty = empty_model(str(tmp_path))
    assert all(weight.device.type == "meta" for weight in empty.parameters())
    assert shape_of(empty, LoraConfig(rank=4)) == shape_of(model, LoraConfig(rank=4))
    assert shape_of(empty, LoraConfig()).parameters == model.num_parameters()


@pytest.mark.parametrize("targets", ["all-linear", "q_proj,v_proj"])
def test_the_adapters_are_as_many_as_peft_makes(targets: str) -> None:
    model = tiny_model()
    counted = shape_of(model, LoraConfig(rank=4, targets=targets)).adapters
    wanted = targets if targets == "all-linear" else targets.split(",")
    adapted = get_peft_model(model, PeftConfig(r=4, target_modules=wanted, task_type="CAUSAL_LM"))
    assert counted == adapted.get_nb_trainable_parameters()[0]


def test_weights_gradients_and_optimiser_are_those_that_torch_holds() -> None:
    model = tiny_model()
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.arange(9)[None]).logits.sum().backward()
    optimiser.step()
    parts = estimate(shape_of(model, LoraConfig()), SIZES)
    assert parts["weights"] == sum(weight.nbytes for weight in model.parameters())
    assert parts["gradients"] == sum(weight.grad.nbytes for weight in model.parameters())
    states = [value for state in optimiser.state.values() for value in state.values() if value.dim()]
    assert parts["optimiser"] == sum(value.nbytes for value in states)


def test_the_cache_is_as_large_as_the_one_that_is_filled() -> None:
    model = tiny_model()
    rows = prefill(model, [torch.arange(30)], PromptTokens())
    held = sum(part.numel() for row in rows for pair in row for part in pair)
    assert held == 29 * shape_of(model, LoraConfig()).cached


def kept_bytes(model: Any, tokens: int, half: bool) -> int:
    """Bytes that autograd keeps of one pass through the layers, beside the weights."""
    weights = {weight.data_ptr() for weight in model.parameters()}
    kept: dict[int, tuple[int, Tensor]] = {}  # the tensors too, so that no address is used twice

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in weights:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=half),
    ):
        model.model(torch.arange(tokens)[None] % 200, use_cache=False)
    return sum(size for size, _ in kept.values())


@pytest.mark.parametrize("half", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_activations_of_a_layer_are_what_autograd_keeps(family: str, half: bool) -> None:
    def growth(layers: int) -> int:
        model = AutoModelForCausalLM.from_config(FAMILIES[family](**{**WIDE, "num_hidden_layers": layers}))
        return kept_bytes(model, 512, half) - kept_bytes(model, 256, half)

    measured = (growth(3) - growth(1)) / 2 / 256
    estimated = layer_bytes(shape_of(AutoModelForCausalLM.from_config(FAMILIES[family](**WIDE)), LoraConfig()), half)
    assert measured <= estimated <= 1.1 * measured


SHAPE_7B = Shape(7_615_616_512, 6_525_288_448, 40_370_176, 28, 3584, 18944, 3584, 512, 152_064)


def test_a_7b_model_takes_what_its_precisions_say() -> None:
    adapters = replace(SIZES, adapters=True, half=True)
    held = {held: estimate(SHAPE_7B, replace(adapters, held=held))["weights"] for held in ("bfloat16", "4bit")}
    full = estimate(SHAPE_7B, SIZES)
    assert full["weights"] + full["gradients"] + full["optimiser"] == 16 * SHAPE_7B.parameters
    assert held["bfloat16"] == pytest.approx(15.4e9, rel=0.01)  # 2 bytes a weight, 4 an adapter's
    assert held["4bit"] == pytest.approx(7.89e9, rel=0.01)  # 3.4 of the layers, 4.4 of embeddings and head, 0.2


@pytest.mark.parametrize(
    "more",
    [
        {"prompts": 3},
        {"outputs": 5},
        {"prompt_tokens": 400},
        {"output_tokens": 60},
        {"copies_keys": True},
    ],
)
@pytest.mark.parametrize("recompute", [False, True])
def test_activations_grow_with_the_work(more: dict[str, Any], recompute: bool) -> None:
    sizes = replace(SIZES, recompute=recompute, row_tokens=10_000)
    assert activation_bytes(SHAPE_7B, replace(sizes, **more)) > activation_bytes(SHAPE_7B, sizes)


def test_sharing_the_prompts_keeps_less() -> None:
    plain = replace(SIZES, shared=False)
    assert activation_bytes(SHAPE_7B, plain) / activation_bytes(SHAPE_7B, SIZES) == 2800 / 1000  # tokens


@pytest.mark.parametrize("shared", [True, False])
def test_recomputing_and_shorter_rows_take_less(shared: bool) -> None:
    sizes = replace(SIZES, shared=shared)
    less = replace(sizes, recompute=True)
    assert activation_bytes(SHAPE_7B, less) < activation_bytes(SHAPE_7B, sizes) / 2
    assert activation_bytes(SHAPE_7B, replace(less, row_tokens=50)) <= activation_bytes(SHAPE_7B, less)


@pytest.mark.parametrize("sharding", ["fsdp2", "zero2", "zero3"])
def test_more_devices_hold_less_each(sharding: str) -> None:
    two, eight = (replace(SIZES, half=True, sharding=sharding, devices=devices) for devices in (2, 8))
    assert peak(estimate(SHAPE_7B, eight)) < peak(estimate(SHAPE_7B, two))
    assert estimate(SHAPE_7B, eight)["optimiser"] == SHAPE_7B.parameters  # 8 bytes over 8 devices


def test_prompts_are_measured_by_the_longest_text() -> None:
    steps = ToyDomain().load_steps(load_config(), len).train
    lengths = lengths_of(steps, len)
    assert lengths.longest == max(len(f"write\n{step.prompt[1].content}") for step in steps) + 16
    assert 0 < lengths.mean <= lengths.longest and lengths.target == 1


LONG = replace(
    SIZES, held="bfloat16", adapters=True, half=True, prompt_tokens=8000, output_tokens=1000, row_tokens=8000
)
LEAN = replace(LONG, prompts=1, recompute=True)


@pytest.mark.parametrize(
    ("limit", "sizes", "sections", "setting"),
    [
        (80e9, SIZES, {}, "lora.rank"),
        (14e9, LONG, {"lora": {"rank": 16}}, "model.quantize"),
        (48e9, LONG, {}, "trainer.gradient_checkpointing"),
        (48e9, replace(LONG, recompute=True), {"trainer": {"gradient_checkpointing": True}}, "srl.micro_batch_prompts"),
        (48e9, LEAN, {"trainer": {"gradient_checkpointing": True}}, "trainer.row_tokens"),
        (48e9, replace(LEAN, row_tokens=1000, sampled=64), {}, "trainer.sample_at_once"),
    ],
)
def test_what_does_not_fit_names_the_setting_to_change(
    limit: float, sizes: Sizes, sections: dict[str, Any], setting: str
) -> None:
    config = validate({"lora": {"rank": 16 if sizes.adapters else 0}, **sections})
    plan = Plan("srl", sizes, estimate(SHAPE_7B, sizes), limit)
    assert not plan.fits
    assert setting in remedy(config, plan)


@pytest.mark.parametrize(
    ("preset", "machine", "limit", "changes"),
    [
        ("paper-swe", Machine("NVIDIA H100", 8, True, "fsdp2"), 80e9, {}),
        ("paper-math", Machine("NVIDIA H100", 8, True, "fsdp2"), 80e9, {}),
        ("single-gpu", Machine("NVIDIA A6000", 1, True), 40e9, {}),
        (
            "single-gpu",
            Machine("NVIDIA L4", 1, True),
            25e9,
            {"model.quantize": "4bit", "rlvr.max_rollout_tokens": "1024"},
        ),
    ],
)
def test_the_presets_fit_their_devices_at_the_greatest_lengths(
    tmp_path: Path, preset: str, machine: Machine, limit: float, changes: dict[str, str]
) -> None:
    shape = {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28}
    Qwen2Config(**shape, num_key_value_heads=4, vocab_size=152_064).save_pretrained(tmp_path)
    own = {"model.name": str(tmp_path), "stages": "[sft, srl, rlvr]", "trainer.attention": "mask", **changes}
    config = load_config(preset=preset, overrides=list(own.items()))
    longest = config.data.max_prompt_tokens
    found = plans(config, machine, Lengths(longest, longest, 1000), limit)
    assert [plan.stage for plan in found if not plan.fits] == []


def test_the_settings_make_a_plan_for_each_stage(tmp_path: Path) -> None:
    config = validate({"stages": ["sft", "srl", "rlvr"], "model": {"name": str(save_tiny(tmp_path))}})
    found = plans(config, Machine("", 1, True), Lengths(3000, 2000, 40), 64e9)
    assert [(plan.stage, plan.sizes.shared, plan.fits) for plan in found] == [
        ("sft", False, True),
        ("srl", True, True),
        ("rlvr", True, True),
    ]
    assert [plan.sizes.output_tokens for plan in found] == [40, 1024, 8192]


@pytest.mark.parametrize("rank", [0, 4])
def test_a_checkpoint_is_announced_as_large_as_what_training_saves(tmp_path: Path, rank: int) -> None:
    config = validate({"model": {"name": str(save_tiny(tmp_path))}, "lora": {"rank": rank}})
    (plan,) = plans(config, Machine("", 1, True), Lengths(30, 20, 4), 64e9)
    model = tiny_model()
    model = get_peft_model(model, adapters(config)) if rank else model
    assert plan.saved == 12 * sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    line = disk_line([replace(plan, saved=2_000_000_000)], lambda stage: 3, 50_000_000_000)
    assert line == "disk: checkpoints take about 6.00 GB at the most (srl 3 of 2.00 GB), and 50 GB are free"


def test_a_dry_run_prints_every_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--set", f"model.name={save_tiny(tmp_path)}", "--domain", "srl_agent.testing:ToyDomain"]
    assert main(["train", *options, "--preset", "smoke", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    for part in ("Memory of sft", "Memory of srl", "optimiser", "KV cache", "activations", "logits", "tokens a step"):
        assert part in shown
