"""The weights that adapters leave alone: held in float32, bfloat16 or 4 bits, as machine and settings allow.

The adapters themselves stay float32: steps of reinforcement learning are smaller than bfloat16 can add to a weight.
"""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from srl_agent.choices import Machine
from srl_agent.config import Config
from srl_agent.errors import ConfigError
from srl_agent.models import ADAPTER, load_policy, require_peft, resolve_model

NF4 = {
    "load_in_4bit": True,
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_use_double_quant": True,
    "bnb_4bit_compute_dtype": torch.bfloat16,
}
"""QLoRA's settings (Dettmers et al., arXiv 2305.14314, section 3)."""


def check_quantized(config: Config, machine: Machine) -> None:
    """Refuse 4 bits where they cannot be trained on. (That they need adapters, the configuration says itself.)"""
    if config.model.quantize == "none":
        return
    remedy = "set model.quantize to none"
    if machine.device != "cuda":
        raise ConfigError(f"model.quantize: 4bit needs a CUDA device, and there is none here; {remedy}")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ConfigError(
            f"model.quantize: 4bit needs the package bitsandbytes: pip install 'srl-agent[quantized]', or {remedy}"
        )
    if machine.sharding:
        raise ConfigError(
            f"model.quantize: 4-bit weights cannot be shared out by {machine.sharding}; take an accelerate config with "
            f"whole weights on each device (`python -m srl_agent.launch` lists ddp), or {remedy}"
        )


def choose_frozen(config: Config, machine: Machine, engine: str) -> tuple[str, str]:
    """How the weights are held that the optimiser does not touch: `4bit`, `bfloat16` or `float32`, and why."""
    if not config.lora.rank:
        return "float32", "all weights are trained"
    if config.model.quantize == "4bit":
        return "4bit", "as configured"
    if machine.device == "cpu" or config.model.dtype != "bfloat16":
        return "float32", "bfloat16 only on an accelerator that computes in it"
    if machine.sharding:
        return "float32", f"shared out by {machine.sharding}"
    if engine == "vllm":
        return "float32", "TRL merges the adapters in place for vllm, and takes them out again, at each step"
    return "bfloat16", "adapters are trained, in float32"


def load_for_training(weights: str, held: str) -> Any:
    """The policy a stage starts from, its adapters merged, held as `choose_frozen` says. ModelError if unavailable."""
    if held == "4bit":
        return _quantised(weights)
    return load_policy(weights, torch.bfloat16 if held == "bfloat16" else torch.float32)


def _quantised(weights: str) -> Any:
    require_peft()
    device = PartialState().device
    folder = Path(resolve_model(weights))
    if not (folder / ADAPTER).is_file():
        return load_4bit(resolve_model(weights), device)
    # transformers quantises while it reads a folder, and adapters cannot be merged into 4 bits without loss.
    with tempfile.TemporaryDirectory(prefix="srl-agent-merged.") as work:
        load_policy(weights, torch.bfloat16).save_pretrained(work)
        return load_4bit(work, device)


def load_4bit(name: str, device: torch.device | str) -> Any:
    """A model in 4 bits on a device, ready for adapters: embeddings, norms and head in float32, nothing trained."""
    from peft import prepare_model_for_kbit_training

    settings = BitsAndBytesConfig(**NF4)
    model = AutoModelForCausalLM.from_pretrained(
        name, quantization_config=settings, dtype=torch.bfloat16, device_map={"": device}
    )
    # The loss pass recomputes by itself.
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)  # type: ignore[no-untyped-call]


def settle_adapters(model: Any) -> None:
    """Make the adapters that a trainer has put on a policy float32: TRL makes those of a 4-bit model bfloat16."""
    for weight in model.parameters() if hasattr(model, "peft_config") else ():
        if weight.requires_grad:
            weight.data = weight.data.float()


def stands_on(config: Config, weights: str) -> str:
    """The folder of adapters that new ones, trained from `weights`, have to be read on top of; empty for none.

    peft would record the model below all adapters, and those of the stage before would be lost.
    """
    folder = Path(resolve_model(weights))
    return str(folder.resolve()) if config.lora.rank and (folder / ADAPTER).is_file() else ""
