"""The weights that adapters leave alone: held in float32, bfloat16 or 4 bits, as machine and settings allow.

The adapters themselves stay float32: steps of reinforcement learning are smaller than bfloat16 can add to a weight.
For the same reason a stage goes on training the adapters of the stage before: merged into weights that are then
rounded, most of what they add would be lost.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from srl_agent.choices import Machine, choose_engine
from srl_agent.config import Config
from srl_agent.errors import ConfigError
from srl_agent.models import ADAPTER, base_of, empty_model, load_policy, require_peft, resolve_model
from srl_agent.trl_settings import adapters

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


def check_targets(config: Config, model: Any) -> None:
    """Refuse names in `lora.targets` that no layer of the model has: peft passes over them where another one fits."""
    leaves = [name for name, part in model.named_modules() if not any(part.children())]
    wanted = config.lora.targets.split(",") if config.lora.rank and config.lora.targets != "all-linear" else []
    missing = [target for target in wanted if not any(f".{name}".endswith(f".{target}") for name in leaves)]
    if missing:
        linear = sorted({name.rpartition(".")[2] for name in _layers(model, "all-linear")})
        raise ConfigError(
            f"lora.targets: '{config.model.name}' has no layer named {', '.join(map(repr, missing))}; there are "
            f"{', '.join(linear)}, or all-linear for all of them"
        )


def check_reference(config: Config, stage: str, weights: str) -> None:
    """Refuse a KL term that would measure from the wrong model: TRL reads its reference by the name that the policy's
    configuration keeps, and that of merged adapters is the model below them."""
    if config.grpo(stage).beta and not config.lora.rank and has_adapters(weights):
        raise ConfigError(
            f"{stage}.beta: the KL term's reference would be {base_of(Path(resolve_model(weights)))} without the "
            f"adapters in {weights}; set lora.rank to train adapters, save the merged model in a folder of its own and "
            "start from there, or set beta to 0"
        )


def choose_frozen(config: Config, machine: Machine, engine: str, weights: str) -> tuple[str, str]:
    """How the weights are held that the optimiser does not touch: `4bit`, `bfloat16` or `float32`, and why.

    ConfigError where other adapters than the settings ask for would have to be merged into 4 bits.
    """
    if not config.lora.rank:
        return "float32", "all weights are trained"
    if has_adapters(below := _below(config, weights)):
        if config.model.quantize == "4bit":
            raise ConfigError(
                f"model.quantize: 4bit would lose most of what the adapters in {below} add, which are other ones than "
                "lora asks for and would be merged first; set lora.rank, lora.alpha and lora.targets to what its "
                f"{ADAPTER} says, to go on training them, or model.quantize to none"
            )
        return "float32", f"other adapters are merged into them ({below}), whose share rounding would lose"
    if config.model.quantize == "4bit":
        return "4bit", "as configured"
    if machine.device == "cpu" or config.model.dtype != "bfloat16":
        return "float32", "bfloat16 only on an accelerator that computes in it"
    if machine.sharding:
        return "float32", f"shared out by {machine.sharding}"
    if engine == "vllm":
        return "float32", "TRL merges the adapters in place for vllm, and takes them out again, at each step"
    return "bfloat16", "adapters are trained, in float32"


def frozen_facts(config: Config, weights: str, held: tuple[str, str]) -> dict[str, str]:
    """What the terminal says of a stage with adapters; `held` as `choose_frozen` gives it."""
    if not config.lora.rank:
        return {}
    own = f"those of {weights}, trained on" if goes_on(config, weights) else f"new ones of rank {config.lora.rank}"
    return {"frozen weights": f"{held[0]} ({held[1]})", "adapters": own}


def engine_of(config: Config, machine: Machine, stage: str) -> str:
    """What a stage samples with: the supervised one needs no vllm."""
    return "transformers" if stage == "sft" else choose_engine(config, machine)[0]


def starts_alike(config: Config, machine: Machine, engines: Iterable[str]) -> bool:
    """Whether two stages of a run, with these engines, round the weights between them alike: figures of the weights
    that one left are then those of the weights that the next begins with."""
    held = {choose_frozen(config, machine, engine, config.model.name)[0] for engine in engines}
    return len(held) == 1


def has_adapters(weights: str) -> bool:
    """Whether it is a folder with adapters, as a stage with `lora.rank` leaves it."""
    return (Path(resolve_model(weights)) / ADAPTER).is_file()


def goes_on(config: Config, weights: str) -> bool:
    """Whether a stage from `weights` trains the adapters that stand there: they are such as the settings ask for."""
    wanted = adapters(config)
    if wanted is None or not has_adapters(weights):
        return False
    from peft import PeftConfig

    there = PeftConfig.from_pretrained(resolve_model(weights)).to_dict()
    differing = {name for name, value in wanted.to_dict().items() if there[name] != value}
    if differing - {"target_modules", "base_model_name_or_path", "inference_mode", "revision", "peft_version"}:
        return False
    model = empty_model(weights)
    return _layers(model, there["target_modules"]) == _layers(model, wanted.target_modules)


def _layers(model: Any, targets: str | set[str]) -> set[str]:
    """Names of the layers that peft's `target_modules` means, which it writes out or shortens in its record."""
    head = model.get_output_embeddings()
    named = {name for name, part in model.named_modules() if isinstance(part, torch.nn.Linear) and part is not head}
    if isinstance(targets, str):
        return named if targets == "all-linear" else {targets}
    return {name for name in named if any(f".{name}".endswith(f".{target}") for target in targets)}


def _below(config: Config, weights: str) -> str:
    """What stays as it is: the model below adapters that are trained on, else `weights` with theirs merged."""
    return base_of(Path(resolve_model(weights))) if goes_on(config, weights) else weights


def load_for_training(config: Config, weights: str, held: str) -> Any:
    """The policy a stage starts from, held as `choose_frozen` says; with adapters on it where the stage goes on
    training those of `weights`. ModelError if unavailable."""
    below = _below(config, weights)
    if held == "4bit":
        require_peft()
        model = load_4bit(resolve_model(below), PartialState().device)
    else:
        model = load_policy(below, torch.bfloat16 if held == "bfloat16" else torch.float32)
    if not goes_on(config, weights):
        return model
    from peft import PeftModel

    # Read on the CPU: by default every process would read them on its accelerator.
    return PeftModel.from_pretrained(model, resolve_model(weights), is_trainable=True, torch_device="cpu")


def new_adapters(config: Config, model: Any) -> Any:
    """peft's settings of the adapters that a trainer has to put on a policy; None where it has its own, or none."""
    return None if hasattr(model, "peft_config") else adapters(config)


def load_4bit(name: str, device: torch.device | str) -> Any:
    """A model in 4 bits on a device, ready for adapters: embeddings, norms and head in float32, nothing trained."""
    from peft import prepare_model_for_kbit_training

    settings = BitsAndBytesConfig(**NF4)
    model = AutoModelForCausalLM.from_pretrained(
        name, quantization_config=settings, dtype=torch.bfloat16, device_map={"": device}
    )
    # The loss pass recomputes by itself.
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)  # type: ignore[no-untyped-call]


def settle_adapters(config: Config, model: Any, weights: str) -> None:
    """Make the adapters on a trainer's policy float32, as `weights` has them where the stage goes on training those:
    TRL makes the adapters of a 4-bit model bfloat16."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    if not hasattr(model, "peft_config") or all(weight.dtype == torch.float32 for weight in trained):
        return
    for weight in trained:
        weight.data = weight.data.float()
    if goes_on(config, weights):
        from peft import load_peft_weights, set_peft_model_state_dict

        set_peft_model_state_dict(model, load_peft_weights(resolve_model(weights), device="cpu"))


def stands_on(config: Config, weights: str) -> str:
    """The folder of other adapters that those trained from `weights` have to be read on top of; empty for none.

    peft would record the model below all adapters, and the others would be lost.
    """
    below = _below(config, weights)
    return str(Path(resolve_model(below)).resolve()) if config.lora.rank and has_adapters(below) else ""
