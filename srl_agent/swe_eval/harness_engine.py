"""The engine that the harness runs on: whether it may, the images it needs, and the containers that it left."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import docker.errors

import docker
from envs import harness_daemon
from envs.docker_engine import CALL_TIMEOUT, engine_errors, engine_name, why_no_engine
from envs.harness_images import bring_images
from envs.harness_settings import why_not_hardened
from envs.images import is_here, pull_image, split_tag
from srl_agent.errors import ConfigError
from srl_agent.swe_eval.records import Task

CONTAINER = "sweb.eval."
"""How the harness's containers are named: this, the task's id in lower case, a dot and the run id."""
SHOWN = 3


@dataclass(frozen=True, slots=True)
class HarnessEngine:
    """An engine that answers."""

    docker_host: str
    """Its address."""
    client: docker.DockerClient
    beside: bool
    """Whether it is our hardened one beside the main engine: without a network, its images come from there."""


def find_engine(docker_host: str, unsafe_daemon: bool, say: Callable[[str], None]) -> HarnessEngine:
    """The engine that is named, else the hardened one that runs here, else the system's; refused as by `connect`.

    Asked before any work; what `unsafe_daemon` allows is told when it is done, by `connect`.
    """
    running = None if docker_host else harness_daemon.find()
    found = connect(docker_host or (running.docker_host if running else ""), unsafe_daemon, lambda line: None)
    why = "as named" if docker_host else "the hardened one that runs here" if running else "no other runs here"
    say(f"scored on {found.docker_host} ({why})")
    return found


def connect(docker_host: str, unsafe_daemon: bool, say: Callable[[str], None]) -> HarnessEngine:
    """The engine at an address, by default DOCKER_HOST's or the system's.

    ConfigError, with the remedy, for one from which a patch may reach the host, unless that is allowed, and on a
    machine without the `docker` command, by which the harness stops its containers. SandboxError where none answers.
    """
    if shutil.which("docker") is None:
        raise ConfigError("the harness stops its containers by the command `docker`: apt-get install docker.io")
    address = docker_host or engine_name()
    why = why_not_hardened(address)
    if why and not unsafe_daemon:
        raise ConfigError(
            f"patches would run as root with SYS_ADMIN on {why}; or accept it with --unsafe-daemon, for patches that "
            "you trust as your own"
        )
    if why:
        say(f"patches run unconfined, as you allowed, on {why}")
    ours = harness_daemon.find()
    beside = ours is not None and ours.docker_host == address != engine_name()
    with engine_errors(f"docker at {address}"):
        client = docker.DockerClient(base_url=address, version="auto", timeout=CALL_TIMEOUT)
    return HarnessEngine(address, client, beside)


def image_ids(found: HarnessEngine, tasks: Iterable[Task], pull: bool, say: Callable[[str], None]) -> dict[str, str]:
    """Ids of the tasks' images by name. ConfigError where one is not here and not to be pulled.

    SandboxError where it cannot be, or the engine fails. The harness would pull by itself, whatever the registry's
    image has become since.
    """
    names = sorted({task.image for task in tasks})
    if found.beside and not why_no_engine():
        _bring(found, names, say)
    absent = [name for name in names if not _image_id(found, name)]
    if absent and not pull:
        raise ConfigError(how_to_get(absent, len(names)))
    for number, name in enumerate(absent, start=1):
        say(f"pulling image {number} of {len(absent)}: {name}")
        _pull(found, name, say)
    return {name: _image_id(found, name) for name in names}


def how_to_get(absent: Sequence[str], number: int) -> str:
    """What a message says where these of `number` images are not here."""
    return (
        f"{len(absent)} of {number} images are not here ({', '.join(absent[:SHOWN])}"
        f"{', ...' if len(absent) > SHOWN else ''}); get them with --pull or docker pull, or build them without a "
        "registry: srl-agent sandbox build --instance"
    )


def known_images(found: HarnessEngine, tasks: Iterable[Task]) -> dict[str, str]:
    """Ids of those of the tasks' images that are here, by name."""
    ids = {name: _image_id(found, name) for name in sorted({task.image for task in tasks})}
    return {name: id for name, id in ids.items() if id}


def _bring(found: HarnessEngine, names: Sequence[str], say: Callable[[str], None]) -> None:
    """Those of the main engine: what was built anew there is what is scored on."""
    if brought := bring_images([name for name in names if is_here(name)]):
        say(f"brought {len(brought)} of {len(names)} images from {engine_name()} to {found.docker_host}")


def _pull(found: HarnessEngine, name: str, say: Callable[[str], None]) -> None:
    if found.beside:
        pull_image(name, say)
        bring_images([name])
        return
    repository, tag = split_tag(name)
    with engine_errors(f"image {name} is not here and cannot be pulled"):
        found.client.images.pull(repository, tag=tag)


def _image_id(found: HarnessEngine, name: str) -> str:
    """Of its configuration, which names the layers; empty where the image is not here."""
    with engine_errors(f"image {name}"):
        try:
            return str(found.client.images.get(name).id)
        except docker.errors.ImageNotFound:
            return ""


def remove_containers(found: HarnessEngine, runs: Sequence[str]) -> list[str]:
    """Remove the containers of these runs of the harness; returns their names. SandboxError where the engine fails."""
    removed = []
    with engine_errors("removing what the harness left"):
        for row in found.client.api.containers(all=True, filters={"name": CONTAINER}):
            name = (row.get("Names") or ["/"])[0].removeprefix("/")
            # Behind the run id the harness may add a time, where a name was taken.
            if name.startswith(CONTAINER) and set(runs) & set(name.split(".")[-2:]):
                found.client.api.remove_container(row["Id"], force=True, v=True)
                removed.append(name)
    return removed
