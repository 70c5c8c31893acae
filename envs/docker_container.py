"""How a sandbox's container is made: its first process, and what it may do and use."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker.errors

from envs.base import Spec
from envs.docker_engine import engine, engine_errors
from envs.owner import Owner, to_labels

FIRST_PROCESS = """shopt -s execfail
trap 'kill -9 -1; exec "$BASH" -c "$BASH_EXECUTION_STRING" sandbox $(($1 + 1)) $2' USR1
trap : CHLD
[ -e /proc/self/fd/3 ] || exec 3<> <(:)
while printf -v now '%(%s)T' -1 && [ $2 = 0 -o $now -lt $2 ]; do read -r -t 10 -u 3; done"""
"""Arguments: how often it has killed, and when it ends (seconds since 1970; 0: never). It reaps what is orphaned, and
on USR1 kills everything inside but itself, then runs itself anew with the count one higher, which the engine's list
of processes shows. All by builtins: a new process is what a fork bomb would refuse it."""
NAME = "sandbox"
COUNT = re.compile(r"-u 3; done sandbox (\d+) \d+$")


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
    api = engine().api
    answer = api.create_container(
        image,
        ["-c", FIRST_PROCESS, NAME, "0", str(int(time.time() + ttl) if ttl else 0)],
        entrypoint=["bash"],
        user=hardening.user,
        environment=dict(spec.environment),
        working_dir=spec.workdir,
        labels=to_labels(owner),
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
    return made


def kill_all(container: str, patience: float) -> None:
    """Kill everything inside but the first process, and return when it is dead; SandboxError when the engine fails.

    Where that takes longer than `patience` seconds the container is started again, its files as they are.
    """
    with engine_errors("a sandbox"):
        before, _ = _processes(container)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            engine().api.kill(container, "SIGUSR1")
            # Sent again only after a while: a second one kills what is opened meanwhile.
            for _ in range(20):
                count, others = _processes(container)
                if count > before and not others:
                    return
                time.sleep(0.02)
        engine().api.restart(container, timeout=0)


def _processes(container: str) -> tuple[int, int]:
    """(how often the first process has killed, how many others are alive)."""
    commands = [row[-1] for row in engine().api.top(container)["Processes"] or []]
    counts = [int(found[1]) for line in commands if (found := COUNT.search(line))]
    return max(counts, default=-1), sum(not (COUNT.search(line) or "<defunct>" in line) for line in commands)


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


def written_bytes(container: str) -> int:
    """Bytes in the container's own layer, as the engine counts them; 0 when the container is gone."""
    with engine_errors("a sandbox's disk"):
        rows = engine().api.containers(all=True, size=True, filters={"id": container})
    return int(rows[0].get("SizeRw") or 0) if rows else 0
