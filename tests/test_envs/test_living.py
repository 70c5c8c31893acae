"""What nobody closed goes with the process, however that ends."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest

from envs.base import Backend, Spec
from envs.hygiene import find_leftovers

BEGIN = """
import os, sys
from dataclasses import replace
from envs.base import find_backend
from envs.demo.place import demo_spec
def work():
    sandbox = find_backend(sys.argv[1]).start(replace(demo_spec(*sys.argv[1:3]), run_id=sys.argv[3]))
    sandbox.run("echo x > x")
    fork = sandbox.fork()
"""


@pytest.mark.parametrize("end", ["    raise ValueError('uncaught')\nwork()", "    return sandbox\nwork()\nsys.exit(1)"])
def test_a_script_that_ends_leaves_nothing(system: tuple[str, Backend, Spec], end: str) -> None:
    name, _, spec = system
    run_id = uuid.uuid4().hex
    words = [sys.executable, "-c", BEGIN + end, name, spec.image, run_id]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 1
    assert [left for left in find_leftovers() if left.owner and left.owner.run_id == run_id] == []


def test_a_child_that_was_forked_off_closes_nothing(system: tuple[str, Backend, Spec]) -> None:
    name, _, spec = system
    fork = "    if pid := os.fork():\n        os.waitpid(pid, 0)\n        print(fork.run('cat x').output)\nwork()"
    words = [sys.executable, "-c", BEGIN + fork, name, spec.image, uuid.uuid4().hex]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "x\n\n")
