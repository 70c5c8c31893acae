"""Rounds of mini-swe-agent's docker environment (`sandbox_latency.py` runs this with the rivals' interpreter)."""

from __future__ import annotations

import sys

from minisweagent.environments.docker import DockerEnvironment
from sandbox_round import serve


class MiniSweAgent:
    """A sandbox of mini-swe-agent, as its defaults make it."""

    def __init__(self, image: str) -> None:
        self.environment = DockerEnvironment(image=image, cwd="/")

    def run(self, command: str) -> str:
        """See `sandbox_round.Subject`."""
        return str(self.environment.execute({"command": command})["output"])

    def marks(self) -> list[str]:
        """See `sandbox_round.Subject`."""
        return [str(self.environment.container_id)]

    def stop(self) -> None:
        """See `sandbox_round.Subject`. It only begins to stop, and would again when collected."""
        self.environment.cleanup()
        self.environment.container_id = None


if __name__ == "__main__":
    serve(lambda: MiniSweAgent(sys.argv[1]))
