"""Sandboxes that this process started and has not closed: they are closed when it ends, by an uncaught error as well.

Left out: a process killed by a signal, or ended by `os._exit`; what that leaves the next start reaps (`envs.hygiene`).
"""

from __future__ import annotations

import atexit
import logging
import os
from typing import Protocol

from envs.errors import SandboxError

LOG = logging.getLogger(__name__)


class Closable(Protocol):
    """What can be closed, twice as well."""

    def close(self) -> None:
        """See `envs.base.Sandbox`."""
        ...


_living: dict[int, tuple[Closable, int]] = {}
"""Held fast: one that nobody refers to any more, as after an error, could not be closed."""


def remember(sandbox: Closable) -> None:
    """Close it when this process ends."""
    _living[id(sandbox)] = sandbox, os.getpid()


def forget(sandbox: Closable) -> None:
    """It is closed."""
    _living.pop(id(sandbox), None)


@atexit.register
def close_all() -> None:
    """Close all that this very process started, the latest first; a child that was forked off closes none of them."""
    for sandbox, pid in reversed(list(_living.values())):
        try:
            if pid == os.getpid():
                sandbox.close()
        except SandboxError as error:
            LOG.warning("a sandbox cannot be closed at the end: %s", error)
