"""Fixtures of the sandboxes' tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from needs import need

from envs.base import Backend, Sandbox, Spec, find_backend
from envs.demo.place import demo_spec
from envs.errors import SandboxError

BASE_IMAGE = os.environ.get("SRL_AGENT_TEST_IMAGE", "srl-agent/base:bookworm")


@pytest.fixture(scope="session")
def docker_image() -> str:
    """The name of a local image with bash, git, patch and python3, and /testbed; made by docker/make-base-image."""
    backend = find_backend("docker")
    if reason := backend.why_not():
        need(reason)
    from envs.images import require_image

    try:
        require_image(BASE_IMAGE)
    except SandboxError as error:
        need(f"{error}; or: docker/make-base-image {BASE_IMAGE} ~/.cache/srl-agent/images")
    return BASE_IMAGE


SYSTEMS = ("docker", "bubblewrap")
"""Backends that the tools, the replay and the states are tested on."""


@pytest.fixture(scope="session", params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> tuple[str, Backend, Spec]:
    """(name, backend, a spec with bash, git and Python) of each backend that isolates and works here."""
    name: str = request.param
    backend = find_backend(name)
    if reason := backend.why_not():
        need(f"{name}: {reason}")
    image = request.getfixturevalue("docker_image") if name == "docker" else ""
    return name, backend, demo_spec(name, image)


@pytest.fixture(scope="module")
def shared_sandbox(system: tuple[str, Backend, Spec]) -> Iterator[Sandbox]:
    """One sandbox for a module's tests, each of which works in a folder of its own."""
    sandbox = system[1].start(system[2])
    yield sandbox
    sandbox.close()


@pytest.fixture
def folder(shared_sandbox: Sandbox, request: pytest.FixtureRequest) -> str:
    """A new empty folder in the shared sandbox."""
    path = f"/testbed/{abs(hash(request.node.nodeid))}"
    assert shared_sandbox.run(f"mkdir -p {path}", cwd="/").exit_code == 0
    return path
