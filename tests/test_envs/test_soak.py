"""Sandboxes at once and one after the other leave nothing: the benchmark's short form, and what it counts."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from envs.base import Backend, Spec
from envs.hygiene import find_leftovers

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_eight_at_once_and_twenty_cycles_leave_nothing(system: tuple[str, Backend, Spec]) -> None:
    name, _, spec = system
    image = ["--image", spec.image] if name == "docker" else []
    command = [BENCHMARKS / "sandbox_soak.py", "--backend", name, *image, "--run-id", f"soak-{name}"]
    short = ["--at-once", "8", "--cycles", "20"]
    done = subprocess.run([sys.executable, *command, *short], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    left = [one for one in find_leftovers() if one.owner and one.owner.run_id == f"soak-{name}"]
    assert left == []


def test_the_soak_sees_what_is_left(system: tuple[str, Backend, Spec], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    soak = importlib.import_module("sandbox_soak")
    name, backend, spec = system
    sandbox = backend.start(replace(spec, run_id=f"left-{name}"))
    try:
        sandbox.run("true")
        marks = soak.marks_of(f"left-{name}")
        kind = "containers" if name == "docker" else "folders"
        left = soak.remaining(f"left-{name}", marks)
        assert left[kind] == 1
        assert left["cgroups"] > 0
    finally:
        sandbox.close()
    assert set(soak.remaining(f"left-{name}", marks).values()) == {0}
