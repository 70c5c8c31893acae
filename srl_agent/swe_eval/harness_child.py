"""The official harness, unmodified, in a process that the kernel ends with the one that started it.

Run by its path with the parent's process id and the harness's own arguments; a killed scorer leaves no harness behind.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2)."""


def main() -> None:
    """Tie this process to its parent, then become the harness."""
    parent = int(sys.argv.pop(1))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that started this one is dead")
    runpy.run_module("swebench.harness.run_evaluation", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
