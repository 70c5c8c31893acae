"""The way to the Docker engine or podman's compatible socket: a client for each thread, its faults as our errors."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator

import docker.errors
import requests.exceptions

import docker
from envs.errors import SandboxError

CALL_TIMEOUT = 120
"""Seconds for one request; the engine of a busy machine may take tens of them for a start."""
_local = threading.local()


def engine() -> docker.DockerClient:
    """This thread's client of the engine that DOCKER_HOST names, or of the system's. SandboxError when none answers."""
    # One for each thread and process: a connection that two share mixes their answers up.
    wanted = os.getpid(), engine_name()
    if getattr(_local, "made_for", None) != wanted:
        with engine_errors("docker"):
            _local.client = docker.from_env(timeout=CALL_TIMEOUT)
            _local.made_for = wanted
    client: docker.DockerClient = _local.client
    return client


def engine_name() -> str:
    """Address of the engine as messages name it."""
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


@contextlib.contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """Turn what the engine or the way to it says into a SandboxError that begins with `what`."""
    try:
        yield
    except docker.errors.APIError as error:
        raise SandboxError(f"{what}: {error.explanation or error}") from error
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise SandboxError(f"{what}: the engine at {engine_name()} does not answer: {error}") from error


def why_no_engine() -> str:
    """Why no engine can be used, with the remedy; empty when one answers."""
    try:
        with engine_errors("docker"):
            engine().ping()
    except SandboxError as error:
        reason = str(error)
        if "Permission denied" in reason:
            return f"{engine_name()} may not be opened by this user: join its group `docker`, or set DOCKER_HOST"
        return (
            f"no engine answers at {engine_name()}: start it (systemctl start docker; on a bare machine "
            "docker/start-engine; podman system service --time 0), or set DOCKER_HOST"
        )
    return ""


def is_local() -> bool:
    """Whether the engine's files and processes are those of this machine, as far as its address tells."""
    return engine_name().startswith("unix://")


def again(action: Callable[[], object], attempts: int = 3, pause: float = 0.5) -> None:
    """Do what may fail for a moment: a removal while the engine still unmounts. The last SandboxError is raised."""
    for attempt in range(1, attempts + 1):
        try:
            action()
            return
        except SandboxError:
            if attempt == attempts:
                raise
            time.sleep(pause * attempt)
