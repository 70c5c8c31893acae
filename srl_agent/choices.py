"""Settle what the configuration leaves to `auto`, each with the reason that the terminal prints."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType
from transformers.integrations import get_available_reporting_integrations

from srl_agent.config import Config
from srl_agent.errors import ConfigError
from srl_agent.loss_pass import why_not_shared
from srl_agent.merge_attention import why_not_merged

APPLE = "Apple GPU"
PATIENCE = timedelta(hours=12)
"""How long processes wait for each other. torch's own, 10 minutes with NCCL, is less than one process's tests may take,
and the process group is made here, before TrainingArguments could give it `ddp_timeout`."""


@dataclass(frozen=True)
class Machine:
    """What training runs on."""

    accelerator: str
    """Name of the accelerator, empty where there is none."""
    processes: int
    main: bool
    """Whether this is the process that prints and writes."""
    sharding: str = ""
    """How accelerate shares the weights out among the processes: empty (each has all), `fsdp2` or `deepspeed`."""

    @property
    def device(self) -> str:
        """torch's name for the kind of device."""
        return "cpu" if not self.accelerator else "mps" if self.accelerator == APPLE else "cuda"


def this_machine() -> Machine:
    """The accelerator and the number of processes, as torch and accelerate see them."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    if not name and torch.backends.mps.is_available():
        name = APPLE
    state = PartialState(cpu=not name, timeout=PATIENCE)
    return Machine(name, state.num_processes, state.is_main_process, choose_sharding(os.environ, _cpu_only(state)))


def leave_the_others() -> None:
    """Leave the process group that `this_machine` joined, once all is done.

    A process that ends while gloo's threads still run may abort ("terminate called without an active exception",
    pytorch issue 190489). Not for a run that failed: others may be in the middle of a collective, and this would wait.
    """
    PartialState().destroy_process_group()


def _cpu_only(state: Any) -> bool:
    return state.distributed_type in (DistributedType.MULTI_CPU, DistributedType.NO) and state.device.type == "cpu"


def choose_sharding(environment: Mapping[str, str], cpu_only: bool) -> str:
    """What `accelerate launch` was told about sharding, from the variables that it sets. ConfigError for what fails."""
    if environment.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true":
        return "deepspeed"
    if environment.get("ACCELERATE_USE_FSDP", "").lower() != "true":
        return ""
    if cpu_only:
        raise ConfigError(
            "the accelerate config asks for FSDP, which accelerate leaves out on CPUs without a word; "
            "take `python -m srl_agent.launch cpu-2` (MULTI_GPU with use_cpu)"
        )
    if environment.get("FSDP_VERSION", "1") != "2":
        raise ConfigError("the accelerate config asks for the first FSDP; set fsdp_version: 2 in its fsdp_config")
    for name in ("FSDP_OFFLOAD_PARAMS", "FSDP_ACTIVATION_CHECKPOINTING"):
        if environment.get(name, "").lower() == "true":
            raise ConfigError(
                f"{name.lower()} cannot be used; leave it out of the accelerate config "
                "(trainer.gradient_checkpointing saves activations, lora.rank the optimiser's memory)"
            )
    if environment.get("FSDP_CPU_RAM_EFFICIENT_LOADING", "").lower() == "true":
        # transformers then fills the weights of all local ranks but 0 with zeros, and accelerate sends them the real
        # ones when it wraps the policy: too late for the first evaluation, and never for TRL's KL reference.
        raise ConfigError(
            "fsdp_cpu_ram_efficient_loading, which accelerate takes for true where nothing is said, leaves zeros for "
            "weights on all processes but one until training begins; set it to false in the fsdp_config"
        )
    return "fsdp2"


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
    if wanted == "vllm":
        return wanted, _how_vllm(config, machine, has_vllm)
    if wanted != "auto":
        return wanted, "as configured"
    if not machine.accelerator:
        return "transformers", "no accelerator here"
    if config.model.quantize != "none":
        return "transformers", "vllm cannot take over 4-bit weights (model.quantize)"
    if not has_vllm:
        return (
            "transformers",
            "vllm is not installed (pip install 'srl-agent[vllm]' makes rollouts much faster)",
        )
    return "vllm", "an accelerator and the package are present"


def _how_vllm(config: Config, machine: Machine, has_vllm: bool) -> str:
    """Where vLLM runs and how it gets the weights. ConfigError where it cannot."""
    if not has_vllm:
        how = "pip install 'srl-agent[vllm]'" if machine.accelerator else "scripts/install-vllm-cpu"
        raise ConfigError(f"trainer.engine: vllm is not installed; {how}, or take transformers")
    if config.trainer.vllm_mode == "server":
        if not machine.accelerator:
            raise ConfigError(
                "trainer.vllm_mode: a server takes its weights through NCCL, which needs an accelerator; take colocate"
            )
        return "as configured; a server, which TRL sends the weights to"
    if machine.accelerator:
        return "as configured; in this process, TRL hands over the weights"
    if machine.processes > 1:
        raise ConfigError("trainer.engine: on CPUs vllm works in one process; start one, or take transformers")
    return "as configured; in this process on the CPU, weights through reload_weights"


def choose_loss_pass(config: Config, model: Any, sharding: str = "") -> tuple[str, str]:
    """How the loss is computed, and why. ConfigError where the wanted way would be wrong."""
    wanted = config.trainer.loss_pass
    obstacle = why_not_shared(model) or why_not_sharded(config, sharding)
    if wanted == "shared" and obstacle:
        raise ConfigError(f"trainer.loss_pass: shared cannot be used with {obstacle}; set it to auto or plain")
    if wanted != "auto":
        return wanted, "as configured"
    return ("plain", f"the shared pass cannot be used with {obstacle}") if obstacle else ("shared", "it is exact here")


def choose_attention(config: Config, model: Any, machine: Machine) -> tuple[str, str]:
    """How the branches of the shared pass see their trunk, and why. ConfigError where merging was asked in vain."""
    wanted = config.trainer.attention
    device = "cpu" if not machine.accelerator else "cuda" if torch.cuda.is_available() else "mps"
    obstacle = why_not_merged(model, device, config.model.dtype)
    if wanted == "merge" and obstacle:
        raise ConfigError(f"trainer.attention: merge is impossible: {obstacle}; set it to auto or mask")
    if wanted != "auto":
        return wanted, "as configured"
    return ("mask", obstacle) if obstacle else ("merge", "torch has its kernels here")


def why_not_sharded(config: Config, sharding: str) -> str:
    """Why the shared loss pass cannot run on weights that are shared out that way, empty where it can."""
    if sharding == "deepspeed":
        return "DeepSpeed, whose hooks expect as many forward passes of every process (FSDP2 can)"
    if sharding == "fsdp2" and any(config.grpo(stage).beta for stage in config.stages if stage != "sft"):
        return "a sharded KL reference (beta); beta 0 needs none"
    return ""


def check_processes(config: Config, machine: Machine) -> None:
    """Refuse batch sizes that do not divide among the processes."""
    sft = ("batch_size", config.sft.batch_size, "micro_batch_size", config.sft.micro_batch_size)
    grpo = {stage: config.grpo(stage) for stage in config.stages if stage != "sft"}
    batches = {"sft": sft} | {
        stage: ("prompts_per_step", section.prompts_per_step, "micro_batch_prompts", section.micro_batch_prompts)
        for stage, section in grpo.items()
    }
    for stage in config.stages:
        name, size, micro_name, micro = batches[stage]
        if size % (micro * machine.processes):
            raise ConfigError(
                f"{stage}.{name} ({size}) must be a multiple of {stage}.{micro_name} x processes "
                f"({micro} x {machine.processes})"
            )


def check_tracker(config: Config) -> None:
    """Refuse a tracker that transformers does not know or that is not installed."""
    wanted, here = config.trainer.report_to, get_available_reporting_integrations()
    if wanted not in ("none", *here):
        raise ConfigError(
            f"trainer.report_to: '{wanted}' is unknown or not installed (pip install {wanted}); installed here: "
            f"{', '.join(here) or 'no tracker'}"
        )


def check_lengths(config: Config, positions: int) -> None:
    """Refuse prompts and outputs that together go beyond what the model was built for (0: it does not say)."""
    if "sft" in config.stages and config.sft.target != "step" and 0 < positions < config.sft.max_tokens:
        raise ConfigError(
            f"sft.max_tokens ({config.sft.max_tokens}) is more than the {positions} positions of "
            f"'{config.model.name}'; lower it, or take a model with a longer context"
        )
    outputs = {
        "srl": ("srl.max_completion_tokens", config.srl.max_completion_tokens),
        "rlvr": ("rlvr.max_rollout_tokens", config.rlvr.max_rollout_tokens),
    }
    prompt = config.data.max_prompt_tokens
    for stage in [stage for stage in config.stages if stage in outputs]:
        name, output = outputs[stage]
        if 0 < positions < prompt + output:
            raise ConfigError(
                f"data.max_prompt_tokens + {name} ({prompt} + {output}) is more than the {positions} positions of "
                f"'{config.model.name}'; lower one of them, or take a model with a longer context"
            )
