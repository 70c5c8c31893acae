"""Rounds of SWE-ReX, `docker IMAGE` or `local` (`sandbox_latency.py` runs this with the rivals' interpreter).

Its docker deployment needs an image that holds its server, and the network between host and container.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys

from sandbox_round import serve
from swerex.deployment.docker import DockerDeployment
from swerex.deployment.local import LocalDeployment
from swerex.runtime.abstract import BashAction, CreateBashSessionRequest

LOOP = asyncio.new_event_loop()


class SweRex:
    """A deployment with one open session, which is how SWE-agent runs commands."""

    def __init__(self, image: str) -> None:
        self.image = image
        self.deployment = DockerDeployment(image=image, pull="never") if image else LocalDeployment()
        LOOP.run_until_complete(self.deployment.start())
        LOOP.run_until_complete(self.deployment.runtime.create_session(CreateBashSessionRequest()))

    def run(self, command: str) -> str:
        """See `sandbox_round.Subject`."""
        done = self.deployment.runtime.run_in_session(BashAction(command=command, timeout=30))
        return str(LOOP.run_until_complete(done).output)

    def marks(self) -> list[str]:
        """See `sandbox_round.Subject`: the client, and by the id the engine's helper. The local one has none."""
        if not self.image:
            return []
        name = str(self.deployment.container_name)
        question = ["docker", "inspect", "-f", "{{.Id}}", name]
        identifier = subprocess.run(question, check=True, capture_output=True, text=True).stdout.strip()
        return [name, identifier, f"-host-port {self.deployment._config.port} "]

    def stop(self) -> None:
        """See `sandbox_round.Subject`."""
        LOOP.run_until_complete(self.deployment.stop())


if __name__ == "__main__":
    serve(lambda: SweRex(sys.argv[2] if sys.argv[1] == "docker" else ""))
