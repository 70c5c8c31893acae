"""A run killed at any moment leaves nothing on the host once the next one has started, whoever counts."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from traces import VARIABLE, Traces

from envs.base import Backend, Spec
from envs.docker_engine import engine
from envs.images import build_from_dockerfile

START = f"""
import sys
from dataclasses import replace
from envs.base import find_backend
from envs.demo.place import demo_spec
name, image, mark = sys.argv[1:]
spec = demo_spec(name, image)
spec = replace(spec, environment={{**spec.environment, "{VARIABLE}": mark}})
print("begun", flush=True)
sandbox = find_backend(name).start(spec)
"""
VICTIM = f"""{START}
while True:
    sandbox.run('setsid sleep 1000 & echo x >> x')
    fork = sandbox.fork(sandbox.snapshot())
    fork.run('cat x')
    print("forked", flush=True)
    fork.close()
"""
NEXT = f"""{START}
sandbox.run("true")
sandbox.close()
"""


@pytest.fixture
def traces(system: tuple[str, Backend, Spec], tmp_path: Path) -> Iterator[Traces]:
    """A mark of one's own; for docker an image with a layer of its own, gone at the end."""
    mark, image = uuid.uuid4().hex, ""
    for name in ("state", "tmp", "build"):
        (tmp_path / name).mkdir(mode=0o700)
    if system[0] == "docker":
        (tmp_path / "build" / "Dockerfile").write_text(f"FROM {system[2].image}\nRUN echo {mark} >/layer\n")
        image = build_from_dockerfile(tmp_path / "build", f"srl-agent-test-killed:{mark}")
    yield Traces(mark, tmp_path, image)
    if image:
        engine().images.remove(image, force=True)


def run(code: str, name: str, traces: Traces) -> subprocess.Popen[str]:
    """A process of ours with the folder for its state and temporary files; it has begun."""
    places = {"SRL_AGENT_STATE": str(traces.folder / "state"), "TMPDIR": str(traces.folder / "tmp")}
    words = [sys.executable, "-c", code, name, traces.image, traces.mark]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ | places)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def kill_and_start_again(name: str, traces: Traces, seconds: float) -> dict[str, list[str]]:
    """Kill a run after so many seconds, start the next one, and return what is left of both."""
    with run(VICTIM, name, traces) as victim:
        try:
            victim.wait(seconds)
        except subprocess.TimeoutExpired:
            try:
                traces.found()  # Learns its control groups.
            finally:
                os.kill(victim.pid, signal.SIGKILL)
        assert victim.wait() == -signal.SIGKILL
    with run(NEXT, name, traces) as following:
        assert following.wait(120) == 0
    return traces.found_in_the_end()


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_runs_killed_at_any_moment_leave_nothing(system: tuple[str, Backend, Spec], traces: Traces, kills: int) -> None:
    moments = random.Random(kills)
    left = [kill_and_start_again(system[0], traces, moments.uniform(0.0, 2.5)) for _ in range(kills)]
    assert left == [{}] * kills


def test_the_count_sees_what_a_living_run_has(system: tuple[str, Backend, Spec], traces: Traces) -> None:
    with run(VICTIM, system[0], traces) as victim:
        assert victim.stdout is not None
        victim.stdout.readline()
        os.kill(victim.pid, signal.SIGSTOP)
        try:
            seen = set(traces.found())
        finally:
            victim.kill()
    with run(NEXT, system[0], traces) as following:
        assert following.wait(120) == 0
    expected = {"docker": {"containers", "images", "mounts"}, "bubblewrap": {"loop devices", "files"}}
    assert seen >= {"processes", "control groups"} | expected[system[0]]
