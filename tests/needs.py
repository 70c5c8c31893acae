"""What a test needs and is not here skips it, and fails it under CI, which must have it."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def need(reason: str) -> NoReturn:
    """Skip for want of something, or fail under CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
