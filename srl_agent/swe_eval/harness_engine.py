"""The engine that the harness runs on: whether it may, the images it needs, and the containers that it left."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence

import docker.errors

import docker
from envs.docker_engine import CALL_TIMEOUT, engine, engine_errors
from envs.images import split_tag
from srl_agent.errors import ConfigError
from srl_agent.swe_eval.records import Task

CONTAINER = "sweb.eval."
"""How the harness's containers are named: this, the task's id in lower case, a dot and the run id."""
SHOWN = 3


def connect(docker_host: str) -> docker.DockerClient:
    """A client of the engine, the system's where no address is given. SandboxError where none answers."""
    if not docker_host:
        return engine()
    with engine_errors(f"docker at {docker_host}"):
        return docker.DockerClient(base_url=docker_host, version="auto", timeout=CALL_TIMEOUT)


def check_engine(client: docker.DockerClient, unsafe_daemon: bool, say: Callable[[str], None]) -> None:
    """Refuse an engine from which a patch may reach the host, and a machine without the `docker` command.

    The harness gives its containers SYS_ADMIN and stops them by that command. ConfigError with the remedy.
    """
    if shutil.which("docker") is None:
        raise ConfigError(
            "the harness stops its containers by the command `docker`; install it (apt-get install docker.io)"
        )
    with engine_errors("docker"):
        why = hardened(client)
    if why and not unsafe_daemon:
        raise ConfigError(
            f"patches would run as root with SYS_ADMIN on an engine that is not hardened ({why}); start one that is: "
            "srl-agent sandbox daemon start; or accept it with --unsafe-daemon for patches that you trust as your own"
        )
    if why:
        say(f"patches run on an engine that is not hardened, as you allowed: {why}")


def hardened(client: docker.DockerClient) -> str:
    """Why a patch may reach the host from this engine; empty where none may."""
    info = client.info()
    if any("userns" in option for option in info.get("SecurityOptions") or ()):
        return ""
    return f"root in its containers is root outside, under cgroup v{info.get('CgroupVersion')}"


def image_ids(
    client: docker.DockerClient, tasks: Iterable[Task], pull: bool, say: Callable[[str], None]
) -> dict[str, str]:
    """Ids of the tasks' images by name. ConfigError where one is not here, and is not to be pulled, or cannot be.

    The harness would pull by itself, whatever the registry's image has become since.
    """
    names = sorted({task.image for task in tasks})
    found = {name: _image_id(client, name) for name in names}
    absent = [name for name, id in found.items() if not id]
    if absent and not pull:
        raise ConfigError(
            f"{len(absent)} of {len(names)} images are not here ({', '.join(absent[:SHOWN])}"
            f"{', ...' if len(absent) > SHOWN else ''}); get them with --pull or docker pull, or build them without a "
            "registry: srl-agent sandbox build --instance"
        )
    for number, name in enumerate(absent, start=1):
        say(f"pulling image {number} of {len(absent)}: {name}")
        repository, tag = split_tag(name)
        with engine_errors(f"image {name} is not here and cannot be pulled"):
            found[name] = str(client.images.pull(repository, tag=tag).id)
    return found


def _image_id(client: docker.DockerClient, name: str) -> str:
    with engine_errors(f"image {name}"):
        try:
            return str(client.images.get(name).id)
        except docker.errors.ImageNotFound:
            return ""


def remove_containers(client: docker.DockerClient, runs: Sequence[str]) -> list[str]:
    """Remove the containers of these runs of the harness; returns their names. SandboxError where the engine fails."""
    removed = []
    with engine_errors("removing what the harness left"):
        for row in client.api.containers(all=True, filters={"name": CONTAINER}):
            name = (row.get("Names") or ["/"])[0].removeprefix("/")
            # Behind the run id the harness may add a time, where a name was taken.
            if name.startswith(CONTAINER) and set(runs) & set(name.split(".")[-2:]):
                client.api.remove_container(row["Id"], force=True, v=True)
                removed.append(name)
    return removed
