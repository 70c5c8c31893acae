"""The command line under FSDP on CPUs: accelerate shards on accelerators only, so these processes pass for such."""

from __future__ import annotations

import os
import sys

from accelerate import PartialState
from accelerate.utils import DistributedType

from srl_agent.cli import main

settle = PartialState.set_device


def set_device(state: PartialState) -> None:
    """Choose the CPU as accelerate does, then call what it found GPUs."""
    settle(state)
    if state.distributed_type is DistributedType.MULTI_CPU:
        state.distributed_type = DistributedType.MULTI_GPU


if __name__ == "__main__":
    os.environ["ACCELERATE_USE_CPU"] = "true"
    PartialState.set_device = set_device  # type: ignore[method-assign]
    sys.exit(main())
