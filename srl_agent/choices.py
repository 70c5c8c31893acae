"""Settle what the configuration leaves to `auto`, each with the reason that the terminal prints."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import PartialState

from srl_agent.config import Config
from srl_agent.errors import ConfigError
from srl_agent.loss_pass import why_not_shared


@dataclass(frozen=True)
class Machine:
    """What training runs on."""

    accelerator: str
    """Name of the accelerator, empty where there is none."""
    processes: int
    main: bool
    """Whether this is the process that prints and writes."""


def this_machine() -> Machine:
    """The accelerator and the number of processes, as torch and accelerate see them."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    if not name and torch.backends.mps.is_available():
        name = "Apple GPU"
    state = PartialState(cpu=not name)
    return Machine(name, state.num_processes, state.is_main_process)


def choose_dtype(config: Config, machine: Machine) -> tuple[str, str]:
    """Precision of the passes, and why. It makes a step of SmolLM2 four times as fast on CPUs."""
    wanted = config.model.dtype
    if wanted != "auto":
        return wanted, "as configured"
    if machine.accelerator:
        native = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if native:
        return "bfloat16", "computed natively here; the weights stay float32"
    return "float32", "no bfloat16 instructions here"


def choose_engine(config: Config, machine: Machine) -> tuple[str, str]:
    """The engine that samples, and why. ConfigError where the wanted one is not installed."""
    wanted = config.trainer.engine
    has_vllm = importlib.util.find_spec("vllm") is not None
    if wanted == "vllm" and not has_vllm:
        raise ConfigError("trainer.engine: vllm is not installed; pip install 'srl-agent[vllm]', or take transformers")
    if wanted != "auto":
        return wanted, "as configured"
    if not machine.accelerator:
        return "transformers", "no accelerator here"
    if not has_vllm:
        return (
            "transformers",
            "vllm is not installed (pip install 'srl-agent[vllm]' makes rollouts much faster)",
        )
    return "vllm", "an accelerator and the package are present"


def choose_loss_pass(config: Config, machine: Machine, model: Any) -> tuple[str, str]:
    """How the loss is computed, and why. ConfigError where the wanted way would be wrong."""
    wanted = config.trainer.loss_pass
    obstacle = why_not_shared(model)
    if config.trainer.gradient_checkpointing:
        obstacle = "gradient checkpointing, which switches the key/value cache off"
    if machine.processes > 1:
        obstacle = f"{machine.processes} processes (it is built for one)"
    if wanted == "shared" and obstacle:
        raise ConfigError(f"trainer.loss_pass: shared cannot be used with {obstacle}; set it to auto or plain")
    if wanted != "auto":
        return wanted, "as configured"
    return ("plain", f"the shared pass cannot be used with {obstacle}") if obstacle else ("shared", "it is exact here")


def check_processes(config: Config, machine: Machine) -> None:
    """Refuse batch sizes that do not divide among the processes."""
    each = config.srl.micro_batch_prompts * machine.processes
    if config.srl.prompts_per_step % each:
        raise ConfigError(
            f"srl.prompts_per_step ({config.srl.prompts_per_step}) must be a multiple of srl.micro_batch_prompts x "
            f"processes ({config.srl.micro_batch_prompts} x {machine.processes})"
        )
