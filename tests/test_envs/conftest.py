"""Fixtures of the sandboxes' tests: what a test needs and is not here skips it, and fails it under CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from envs.base import find_backend
from envs.errors import SandboxError

BASE_IMAGE = os.environ.get("SRL_AGENT_TEST_IMAGE", "srl-agent/base:bookworm")


def need(reason: str) -> NoReturn:
    """Skip for want of something; under CI, which must have it, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


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
