"""Which Docker engine scores the patches: the one that is named, else the hardened one that runs, else the system's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from envs import harness_daemon
from envs.harness_images import bring_images
from envs.images import is_here
from srl_agent.swe_eval.harness_engine import check_engine, connect
from srl_agent.swe_eval.records import Task

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ScoringEngine:
    """An engine that may run patches."""

    docker_host: str
    """Its address; empty for DOCKER_HOST's or the system's."""
    second: bool
    """Whether it is the harness's own, which has its images from the main one."""

    def bring(self, tasks: Iterable[Task], say: Say) -> None:
        """See that it has the images that the main engine has. SandboxError where one cannot be brought."""
        names = sorted({task.image for task in tasks})
        brought = bring_images([name for name in names if is_here(name)]) if self.second else []
        if brought:
            say(f"brought to the harness's engine: {', '.join(brought)}")

    def image_ids(self, tasks: Iterable[Task]) -> dict[str, str]:
        """The tasks' images, those that are there, to their ids."""
        client = connect(self.docker_host)
        known = {tag: str(image.id) for image in client.images.list() for tag in image.tags}
        return {name: known[name] for name in sorted({task.image for task in tasks}) if name in known}


def scoring_engine(docker_host: str, unsafe_daemon: bool, say: Say) -> ScoringEngine:
    """The engine, with a line on which it is and why. ConfigError for one from which patches may reach the host."""
    running = None if docker_host else harness_daemon.find()
    host = docker_host or (running.docker_host if running else "")
    check_engine(connect(host), unsafe_daemon, say)
    why = "as named" if docker_host else "the hardened one that runs here" if running else "no other runs here"
    say(f"scored on: {host or 'the engine of the system'} ({why})")
    return ScoringEngine(host, running is not None)
