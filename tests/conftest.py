"""Fixtures that several packages' tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Workers of pytest-xdist share the cores out among them: each would start as many threads as there are cores.
if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "sched_setaffinity"):
    worker = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[worker :: int(os.environ["PYTEST_XDIST_WORKER_COUNT"])] or cores)
# They run with COLUMNS=80, as if a terminal of that width were there.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COLUMNS", None)

# A shared machine may be slow at any moment; what must be bounded has a test of its own.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real samples beside the checkout; skips where absent, fails where absent under CI."""
    if not SHARED_DATA.is_dir():
        message = f"no real samples at {SHARED_DATA}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return SHARED_DATA
