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
        wanted = [name for name in names if _image_id(harness, name) != _main_id(name)]
        if wanted:
            _copy(wanted, target)
        if lost := [name for name in wanted if _image_id(harness, name) != _main_id(name)]:
            raise SandboxError(f"image {lost[0]} did not arrive at the harness's engine as it was")
    return wanted


def _main_id(name: str) -> str:
    if found := _image_id(engine(), name):
        return found
    raise SandboxError(f"image {name} is not in the main engine; build it, or: docker pull {name}")


def _image_id(client: docker.DockerClient, name: str) -> str:
    """Of the configuration, which names the layers; empty where there is no such image."""
    try:
        return str(client.images.get(name).id)
    except docker.errors.ImageNotFound:
        return ""


def _copy(names: Sequence[str], target: str) -> None:
    # By their names: saved by its id an image arrives without one.
    command = ["bash", "-o", "pipefail", "-c", 'docker save "$@" | docker -H "$0" load', target, *names]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()[-500:]
        raise SandboxError(f"images {', '.join(names)} cannot be brought to the harness's engine: {reason}")
