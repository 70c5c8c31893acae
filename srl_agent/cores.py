"""Cores that this process may use; imports no torch."""

from __future__ import annotations

import os

OMP_THREADS = "OMP_NUM_THREADS"
"""Environment variable with the threads that a user wants."""
LAUNCHERS = ("LOCAL_WORLD_SIZE", "ACCELERATE_MIXED_PRECISION")
"""Environment variables that torchrun and `accelerate launch` set. Both set OMP_NUM_THREADS too, to 1 where nobody
wished for anything."""


def usable_cores() -> int:
    """Cores that this process may use, shared with the others that a launcher started on this machine."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, mine // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def choose_threads(wanted: int) -> tuple[int, str]:
    """Threads to compute with, and the same in words: `trainer.threads`, else OMP_NUM_THREADS unless a launcher set
    it, else all cores that may be used."""
    if wanted:
        return wanted, f"{wanted} (trainer.threads)"
    told = os.environ.get(OMP_THREADS, "")
    if told.isdecimal() and int(told) and not any(name in os.environ for name in LAUNCHERS):
        return int(told), f"{int(told)} ({OMP_THREADS})"
    return usable_cores(), str(usable_cores())
