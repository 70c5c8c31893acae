"""How a sandbox's container is made: its first process, and what it may do and use."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import docker.errors

from envs.base import Spec
from envs.docker_engine import engine, engine_errors
from envs.owner import Owner, to_labels
from envs.shell_lines import guarded, unguarded

FIRST_PROCESS = """trap 'kill -9 -1' USR1
while printf -v now '%(%s)T' -1 && [ $1 = 0 -o $now -lt $1 ]; do sleep $2 & wait $!; done"""
"""Arguments: when it ends (seconds since 1970; 0: never), and for how long it sleeps (seconds). On USR1 it kills
everything inside but itself, by a builtin: a new process is what a fork bomb would refuse it. `wait` reaps what is
orphaned; waiting in `read` instead left up to 62 dead processes, which count against the limit (measured). It runs from
a copy of bash that cannot be read, so that nothing inside can look into it (`envs.shell_lines.guarded`)."""
NAP = 3600
"""Seconds at most between two looks at the clock."""
REST = '"${@:2}"'

READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", "/proc/pressure")
"""Docker's own list (moby, oci/defaults.go), and where anybody may have the kernel watch its load."""


@dataclass(frozen=True, slots=True)
class Hardening:
    """What a container may do besides what `envs.base.Limits` bounds."""

    capabilities: tuple[str, ...] = ()
    """Kept of root's, such as `DAC_OVERRIDE` for images whose files belong to another user."""
    user: str = "0:0"
    """Test suites expect to write anywhere: as uid 1000 four of five broke."""
    security: tuple[str, ...] = ("no-new-privileges",)
    runtime: str = ""
    """Another OCI runtime, such as `runsc` (gVisor); empty for the engine's own."""


def create_container(image: str, spec: Spec, owner: Owner, hardening: Hardening, ttl: float) -> tuple[str, bool]:
    """(id, whether the engine itself bounds its disk) of a new container, not started yet.

    SandboxError when the engine refuses.
    """
    with engine_errors(f"a sandbox of {image}"):
        if spec.limits.disk_mb and _engine_has_quotas():
            return _create(image, spec, owner, hardening, ttl, {"size": f"{spec.limits.disk_mb}m"}), True
        return _create(image, spec, owner, hardening, ttl, {}), not spec.limits.disk_mb


def _engine_has_quotas() -> bool:
    """Whether the engine can bound a container's disk: its storage on btrfs or zfs; XFS only if mounted for quotas."""
    return engine().info().get("Driver") in ("btrfs", "zfs", "windowsfilter")


def _create(image: str, spec: Spec, owner: Owner, hardening: Hardening, ttl: float, storage: Mapping[str, str]) -> str:
    name = f"srl-agent-{uuid.uuid4().hex}"
    start = guarded(f".{name}", f'-c "$1" sandbox {REST}') + f'exec bash -c "$1" sandbox {REST}'
    end = str(int(time.time() + ttl) if ttl else 0)
    answer = engine().api.create_container(
        image,
        ["-c", start, "sandbox", unguarded(f".{name}") + FIRST_PROCESS, end, str(int(min(ttl or NAP, NAP)))],
        entrypoint=["bash"],
        user=hardening.user,
        environment=dict(spec.environment),
        # The engine would make it where the image has none.
        working_dir="/",
        name=name,
        labels=to_labels(owner, name),
        # A person's `docker stop`, and the engine's own when it ends, are instant.
        stop_signal="SIGKILL",
        use_config_proxy=False,
        host_config=_host_config(spec, hardening, storage),
    )
    return str(answer["Id"])


def _host_config(spec: Spec, hardening: Hardening, storage: Mapping[str, str]) -> dict[str, Any]:
    limits = spec.limits
    disk = limits.disk_mb << 20
    config: dict[str, Any] = {
        # The first process must be ours: it reaps, and kills what it is asked to.
        "init": False,
        "auto_remove": True,
        "network_mode": "bridge" if limits.network else "none",
        "cap_drop": ["ALL"],
        "cap_add": list(hardening.capabilities),
        "security_opt": list(hardening.security),
        "log_config": docker.types.LogConfig(type="none"),
        "ulimits": [docker.types.Ulimit(name="core", soft=0, hard=0)],
    }
    if limits.memory_mb:
        config |= {"mem_limit": f"{limits.memory_mb}m", "memswap_limit": f"{limits.memory_mb}m"}
    if limits.pids:
        config["pids_limit"] = limits.pids
    if limits.cpus:
        config["nano_cpus"] = int(limits.cpus * 1e9)
    if disk:
        # One file is bounded by the kernel at once; the sum of them by a quota or, later, by the watch.
        config["ulimits"].append(docker.types.Ulimit(name="fsize", soft=disk, hard=disk))
    if storage:
        config["storage_opt"] = dict(storage)
    if hardening.runtime:
        config["runtime"] = hardening.runtime
    made: dict[str, Any] = engine().api.create_host_config(**config)
    return made | {"ReadonlyPaths": list(READ_ONLY)}


def kill_all(container: str, patience: float) -> None:
    """Kill everything inside but the first process, and return when it is dead; SandboxError when the engine fails.

    Where that takes longer than `patience` seconds the container is started again, its files as they are.
    """
    with engine_errors("a sandbox"):
        end = time.monotonic() + patience
        # The first process sleeps in a child, which goes with the rest: so one can see that the signal has arrived. If
        # late, it would kill what is opened next.
        while not (before := _others(container)) and time.monotonic() < end:
            time.sleep(0.02)
        send_kill(container)
        while (left := _others(container)) & before or len(left) > 1:
            if time.monotonic() > end:
                engine().api.restart(container, timeout=0)
                return
            time.sleep(0.02)


def send_kill(container: str) -> None:
    """Have the first process kill everything else, without waiting for it. SandboxError when the engine fails."""
    with engine_errors("a sandbox"):
        engine().api.kill(container, "SIGUSR1")


def _others(container: str) -> set[str]:
    """The process ids of what lives besides the first; its sleep is among them, once it has begun another."""
    listing = engine().api.top(container)
    pids = {str(row[listing["Titles"].index("PID")]) for row in listing["Processes"] or []}
    # podman counts as the container does, docker as the host.
    first = "1" if "1" in pids else str(engine().api.inspect_container(container)["State"]["Pid"])
    return pids - {first}


def state_of(container: str) -> str:
    """Why the container is dead; empty while it runs. SandboxError when the engine fails."""
    with engine_errors("a sandbox"):
        try:
            state = engine().api.inspect_container(container)["State"]
        except docker.errors.NotFound:
            return f"container {container[:12]} is gone: killed from outside, or its time was up"
    if state.get("Running"):
        return ""
    return f"container {container[:12]} is {state.get('Status')}, exit status {state.get('ExitCode')}"


def written_bytes(containers: Sequence[str]) -> dict[str, int]:
    """Bytes in the own layer of each container that is there, as the engine counts them."""
    with engine_errors("the disks of sandboxes"):
        rows = engine().api.containers(all=True, size=True, filters={"id": list(containers)})
    return {str(row["Id"]): int(row.get("SizeRw") or 0) for row in rows}
