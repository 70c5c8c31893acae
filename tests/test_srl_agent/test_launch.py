"""The shipped settings for accelerate: the installed version accepts each, and the command line starts under them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType
from accelerate.utils.launch import prepare_multi_gpu_env
from torch.multiprocessing import spawn

from srl_agent.choices import choose_sharding, leave_the_others, this_machine
from srl_agent.errors import ConfigError
from srl_agent.launch import launch_file, launch_names
from srl_agent.testing import save_tiny

KINDS = {
    "ddp": DistributedType.MULTI_GPU,
    "fsdp": DistributedType.FSDP,
    "zero2": DistributedType.DEEPSPEED,
    "zero3": DistributedType.DEEPSPEED,
}
SIZES = {"4": (1, 4), "8": (1, 8), "2x8": (2, 16)}


def test_each_kind_is_shipped_for_four_and_eight_gpus_and_two_nodes() -> None:
    assert launch_names() == sorted([*(f"{kind}-{size}" for kind in KINDS for size in SIZES), "cpu-2", "gpu-1"])


@pytest.mark.parametrize("name", launch_names())
def test_accelerate_reads_from_a_file_what_its_name_says(name: str) -> None:
    words = ["--config_file", str(launch_file(name)), "-m", "srl_agent", "train"]
    args, read, _ = _validate_launch_command(launch_command_parser().parse_args(words))
    kind, _, size = name.partition("-")
    nodes, processes = SIZES.get(size, (1, int(size)) if size.isdigit() else (0, 0))
    assert (args.num_machines, args.num_processes) == (nodes, processes)
    assert args.use_cpu == (kind == "cpu")
    if kind in KINDS:
        assert read.distributed_type == KINDS[kind]
    assert args.use_fsdp == (kind == "fsdp") and (not args.use_fsdp or args.fsdp_version == 2)
    assert args.use_deepspeed == kind.startswith("zero") and (not args.use_deepspeed or args.zero_stage == int(kind[4]))


@pytest.mark.parametrize("name", [name for name in launch_names() if name.startswith("fsdp")])
def test_what_accelerate_tells_the_processes_of_a_shipped_fsdp_file_is_not_refused(name: str) -> None:
    words = ["--config_file", str(launch_file(name)), "--machine_rank", "0", "-m", "srl_agent", "train"]
    args, _, _ = _validate_launch_command(launch_command_parser().parse_args(words))
    assert choose_sharding(prepare_multi_gpu_env(args), cpu_only=False) == "fsdp2"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"fsdp-16.*fsdp-8"):
        launch_file("fsdp-16")


def test_accelerate_launch_starts_two_processes_on_a_cpu(tmp_path: Path) -> None:
    save_tiny(tmp_path / "model")
    words = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--config_file",
        str(launch_file("cpu-2")),
        "--main_process_port",
        "0",
    ]
    words += ["-m", "srl_agent", "train", "--domain", "srl_agent.testing:ToyDomain", "--preset", "smoke"]
    settings = {"model.name": tmp_path / "model", "model.dtype": "float32", "stages": "[sft]", "sft.max_steps": 1}
    words += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = tmp_path / "run"
    result = subprocess.run([*words, "--output", str(run)], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads((run / "run.json").read_text())["processes"] == 2


def join_and_leave(rank: int, port: int) -> None:
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank), MASTER_ADDR="localhost")
    os.environ.update(MASTER_PORT=str(port), ACCELERATE_USE_CPU="true")
    assert this_machine().processes == 2 and dist.is_initialized()
    leave_the_others()
    assert not dist.is_initialized()


def test_processes_leave_their_group_as_gloo_would_abort_one_that_ends_in_it() -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    spawn(join_and_leave, (port,), nprocs=2)


FSDP2 = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}


def test_what_accelerate_was_told_about_sharding_is_read_from_its_variables() -> None:
    assert choose_sharding({}, cpu_only=True) == ""
    assert choose_sharding({"ACCELERATE_USE_DEEPSPEED": "true"}, cpu_only=False) == "deepspeed"
    assert choose_sharding(FSDP2, cpu_only=False) == "fsdp2"


@pytest.mark.parametrize(
    ("environment", "cpu_only", "words"),
    [
        (FSDP2, True, "MULTI_GPU with use_cpu"),
        ({"ACCELERATE_USE_FSDP": "true"}, False, "fsdp_version: 2"),
        ({**FSDP2, "FSDP_OFFLOAD_PARAMS": "true"}, False, "fsdp_offload_params cannot be used"),
        ({**FSDP2, "FSDP_ACTIVATION_CHECKPOINTING": "true"}, False, "trainer.gradient_checkpointing"),
        ({**FSDP2, "FSDP_CPU_RAM_EFFICIENT_LOADING": "true"}, False, "leaves zeros .* set it to false"),
    ],
)
def test_sharding_that_would_fail_is_refused_with_the_remedy(
    environment: dict[str, str], cpu_only: bool, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        choose_sharding(environment, cpu_only)
