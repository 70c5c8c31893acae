"""Cores that this process may use; imports no torch."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that this process may use, shared with the others that a launcher started on this machine."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, mine // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
