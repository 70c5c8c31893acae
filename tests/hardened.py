"""A hardened engine for tests: small bounds, and a disk of its own that keeps its images from one run to the next."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from envs.base import Limits

LIMITS = Limits(memory_mb=1024, pids=1024, cpus=2, disk_mb=6144)
STATE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "srl-agent/test-engine"


@contextlib.contextmanager
def own_state() -> Iterator[None]:
    """State of the tests' engine in place of the user's, who may have one running."""
    before = os.environ.get("SRL_AGENT_STATE")
    os.environ["SRL_AGENT_STATE"] = str(STATE)
    try:
        yield
    finally:
        os.environ.pop("SRL_AGENT_STATE") if before is None else os.environ.update(SRL_AGENT_STATE=before)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two runs of the tests on one machine take turns."""
    STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (STATE / "tests.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def docker(host: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line of Docker on that engine."""
    return subprocess.run(["docker", "-H", host, *arguments], capture_output=True, text=True, check=False, timeout=120)
