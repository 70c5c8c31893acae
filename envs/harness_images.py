"""Images of the main engine brought to the harness's, whose disk is its own."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence

import docker.errors

import docker
from envs.docker_engine import engine, engine_errors, engine_name
from envs.errors import SandboxError
from envs.harness_daemon import socket
from envs.harness_settings import client_of

Content = tuple[str, tuple[str, ...]]
"""When it was made, and the digests of its layers."""


def bring_image(name: str) -> bool:
    """Copy an image from the main engine unless it is there; whether it was copied. See `bring_images`."""
    return bool(bring_images([name]))


def bring_images(names: Sequence[str]) -> list[str]:
    """Copy images from the main engine (DOCKER_HOST's or the system's), but those that are there; which were copied.

    All at once, as layers that they share are then read once. With mapped users they are stored once more.
    SandboxError where the main engine has not one of them.
    """
    target = socket()
    if engine_name() == target:
        raise SandboxError("DOCKER_HOST names the harness's engine itself; unset it to bring images from the main one")
    with engine_errors("bringing images to the harness's engine"), contextlib.closing(client_of(target)) as harness:
        wanted = [name for name in names if _content(harness, name) != _of_main(name)]
        if wanted:
            _copy(wanted, target)
        if lost := [name for name in wanted if _content(harness, name) != _of_main(name)]:
            raise SandboxError(f"image {lost[0]} did not arrive at the harness's engine as it was")
    return wanted


def _of_main(name: str) -> Content:
    if found := _content(engine(), name):
        return found
    raise SandboxError(f"image {name} is not in the main engine; build it, or: docker pull {name}")


def _content(client: docker.DockerClient, name: str) -> Content | None:
    """What tells an image from another of its name; None where there is none. Ids differ from one store to another."""
    try:
        told = client.images.get(name).attrs
    except docker.errors.ImageNotFound:
        return None
    return str(told["Created"]), tuple(told["RootFS"].get("Layers") or ())


def _copy(names: Sequence[str], target: str) -> None:
    # By their names: saved by its id an image arrives without one.
    command = ["bash", "-o", "pipefail", "-c", 'docker save "$@" | docker -H "$0" load', target, *names]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()[-500:]
        raise SandboxError(f"images {', '.join(names)} cannot be brought to the harness's engine: {reason}")
