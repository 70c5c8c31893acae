"""What the contract suite needs to know of a backend: how to start a sandbox, and which properties it can promise."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from envs.base import Backend, Limits, Sandbox, Spec
from envs.bubblewrap_sandbox import BubblewrapSandbox
from envs.docker_engine import engine
from envs.docker_sandbox import DockerSandbox

OWN = os.environ.get("SRL_AGENT_TEST_BACKEND", "")
"""A backend of one's own, package.module:Class, in place of ours; SRL_AGENT_TEST_IMAGE is then what it starts."""
ISOLATING = ("docker", "bubblewrap", *([OWN] if os.environ.get("SRL_AGENT_TEST_ISOLATES") == "1" else []))
"""The others are never given a fork bomb, or anything else that would reach the host."""
SMALL = Limits(memory_mb=256, pids=64, cpus=2.0, disk_mb=64, output_bytes=4096, flood_bytes=8 << 20)


@dataclass(frozen=True)
class Subject:
    """A backend under test."""

    name: str
    backend: Backend
    image: str

    @contextlib.contextmanager
    def started(self, spec: Spec | None = None) -> Iterator[Sandbox]:
        """A sandbox with small limits, closed at the end."""
        sandbox = self.backend.start(spec or Spec(self.image, limits=SMALL))
        try:
            yield sandbox
        finally:
            sandbox.close()


def kill_from_outside(sandbox: Sandbox) -> None:
    """End a sandbox behind its back."""
    if isinstance(sandbox, DockerSandbox):
        engine().api.kill(sandbox.container)
    elif isinstance(sandbox, BubblewrapSandbox):
        os.kill(sandbox.holder, signal.SIGKILL)
    else:
        pytest.skip(f"no way known to kill {type(sandbox).__name__}")
