"""Make the most of a CPU: memory that is kept between steps, and a low-precision copy of the policy to sample with."""

from __future__ import annotations

import ctypes
import platform
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from srl_agent.config import Config

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEEP_BELOW = 1 << 30
"""Blocks up to this many bytes stay with the process when they are freed."""


def keep_freed_memory() -> bool:
    """Tell glibc not to give freed tensors back to the system, which costs a page fault a page at the next step.

    Sampling with SmolLM2 took 27 s without and 17 s with it (32 outputs of 60 tokens, two cores, float32). Returns
    whether it took effect: only on Linux with glibc.
    """
    libc = _glibc()
    return libc is not None and bool(
        libc.mallopt(M_MMAP_THRESHOLD, KEEP_BELOW) and libc.mallopt(M_TRIM_THRESHOLD, KEEP_BELOW)
    )


def give_back_memory() -> None:
    """Return what is free between two optimiser steps, or holes of all sizes add up (4 GB became 9 in 15 steps)."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL("libc.so.6") if platform.libc_ver()[0] == "glibc" else None


class SamplingCopy:
    """A bfloat16 copy of a policy whose own weights are float32: autocast would cast all of them for every token.

    It attends with plain matrix products: torch's fused attention takes 8 ms a layer for one token of 32 sequences in
    bfloat16 on two cores, the products 1.
    """

    def __init__(self, policy: Any) -> None:
        copy = AutoModelForCausalLM.from_config(policy.config, dtype=torch.bfloat16, attn_implementation="eager")
        self.model = copy.eval()

    def refreshed(self, policy: Any) -> Any:
        """The copy with the policy's present weights."""
        self.model.load_state_dict(policy.state_dict())
        return self.model


def sampling_copy(trainer: Any, config: Config) -> SamplingCopy | None:
    """What to sample with where autocast would be slow: on CPUs in bfloat16."""
    on_cpu = trainer.accelerator.device.type == "cpu"
    wanted = on_cpu and trainer.args.bf16 and not config.lora.rank and not getattr(trainer, "use_vllm", False)
    return SamplingCopy(trainer.model) if wanted else None
