"""How an engine for the SWE-bench harness is configured, and whether any engine is fit to run untrusted patches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker.errors
import requests.exceptions

import docker
from envs.base import Limits
from envs.docker_engine import CALL_TIMEOUT
from envs.errors import SandboxError

SOCKET = "docker.sock"
INSIDE = "/run/srl-agent-harness"
"""Where the engine has its files, in its own mount namespace: an empty folder to everybody else."""
FIRST_ID, IDS = 0x70000000, 1 << 24
"""User ids that containers are mapped to: far above what useradd (100,000 on) and systemd (524,288 on) give out, and
enough for images whose files kept the ids of who built them (conda's packages have some over a million)."""
BOUNDED = "srl-agent.bounded"
"""A label of the engine: `docker info` does not tell the group that its containers are bounded by."""
BOUNDS = ("init", "memory", "pids", "cpu")
"""What the label must name."""


def settings(folder: Path, limits: Limits, cgroup_parent: str) -> dict[str, object]:
    """The engine's configuration (docs.docker.com/reference/cli/dockerd, daemon configuration file)."""
    # Counted within each container's own user namespace from Linux 5.14 on, over all of them before.
    processes = max(256, limits.pids // 4)
    return {
        "hosts": [f"unix://{folder / SOCKET}"],
        "data-root": f"{INSIDE}/data",
        "exec-root": f"{INSIDE}/exec",
        "pidfile": f"{INSIDE}/dockerd.pid",
        "userns-remap": "daemon",
        "init": True,
        "no-new-privileges": True,
        "log-driver": "none",
        "log-level": "warn",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "cgroup-parent": cgroup_parent,
        "default-ulimits": {
            name: {"Name": name, "Soft": value, "Hard": value} for name, value in (("core", 0), ("nproc", processes))
        },
        # Each container has its own loopback, and nothing between them. In the host's network namespace this setting
        # would delete the bridge of the first engine.
        "bridge": "none",
        "iptables": False,
        "ip6tables": False,
        "shutdown-timeout": 2,
        "labels": [f"{BOUNDED}={','.join(BOUNDS)}"],
    }


def client_of(docker_host: str) -> docker.DockerClient:
    """A client of that engine (empty: the system's), for the caller to close; DockerException if it does not answer."""
    return docker.DockerClient(base_url=docker_host or None, timeout=CALL_TIMEOUT)


def why_not_hardened(docker_host: str) -> str:
    """Why patches that nobody has read must not be scored on that engine, with the remedy; empty where they may.

    Judged from what the engine says of itself; one that is not ours promises its bounds by a label
    (`"labels": ["srl-agent.bounded=init,memory,pids,cpu"]` in its daemon.json). SandboxError where it does not answer.
    """
    name = docker_host or "unix:///var/run/docker.sock"
    try:
        with contextlib.closing(client_of(docker_host)) as client:
            reasons = list(unfit(client.info()))
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise SandboxError(f"the engine at {name} does not answer: {error}") from error
    remedy = "start one that is hardened: srl-agent sandbox daemon start"
    return f"the engine at {name}: {'; '.join(reasons)}; {remedy}" if reasons else ""


def unfit(info: Mapping[str, Any]) -> Iterator[str]:
    """What an engine lacks that says this of itself (`docker info`), a phrase each."""
    options = [str(option) for option in info.get("SecurityOptions") or []]
    if not any(option.startswith(("name=userns", "name=rootless")) for option in options):
        yield "root in a container is root of this machine (neither userns-remap nor rootless)"
    if not any("name=seccomp" in option and "unconfined" not in option for option in options):
        yield "no seccomp filter"
    labels = dict(str(label).partition("=")[::2] for label in info.get("Labels") or [])
    if missing := [bound for bound in BOUNDS if bound not in labels.get(BOUNDED, "").split(",")]:
        yield f"nothing says that its containers have {', '.join(missing)} (label {BOUNDED})"
    kernel = {"MemoryLimit": "memory", "PidsLimit": "pids", "CpuCfsQuota": "cpu"}
    if absent := [bound for key, bound in kernel.items() if not info.get(key)]:
        yield f"its kernel cannot bound {', '.join(absent)}"
