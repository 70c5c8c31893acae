"""Latency and memory of one sandbox: ours beside mini-swe-agent's docker environment and SWE-ReX.

    python3 -m venv RIVALS && RIVALS/bin/pip install mini-swe-agent==2.4.6 swe-rex==1.4.0
    python benchmarks/sandbox_latency.py --rivals RIVALS

Rounds of all subjects alternate, and medians are shown. The image is the same for all, but that SWE-ReX's docker
deployment gets it with its server installed from RIVALS, whose Python must therefore be of the image's version, and
the engine's network, which it cannot do without. Its local deployment isolates nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import sandbox_round
import sandbox_setup

from envs.base import Backend, Sandbox, Spec
from envs.demo.place import IMAGES
from envs.hygiene import find_leftovers

FIGURES = {
    "start": "start ms",
    "command": "command ms",
    "stop": "stop ms",
    "gone": "gone after ms",
    "rss": "host RSS MB",
    "pss": "host PSS MB",
    "cgroup": "cgroup MB",
}
RUN = f"latency-{uuid.uuid4().hex[:8]}"
HERE = Path(__file__).parent
PREPARED = "srl-agent-benchmark/swe-rex"
"""The base image with SWE-ReX's server, removed at the end."""


@dataclass
class Ours:
    """A sandbox of ours as a subject of `sandbox_round`."""

    sandbox: Sandbox

    def run(self, command: str) -> str:
        """See `sandbox_round.Subject`."""
        return self.sandbox.run(command).output

    def marks(self) -> list[str]:
        """See `sandbox_round.Subject`."""
        left = [one for one in find_leftovers() if one.owner and one.owner.run_id == RUN]
        return [Path(one.name).name for one in left if one.kind in ("container", "folder")]

    def stop(self) -> None:
        """See `sandbox_round.Subject`."""
        self.sandbox.close()


class Rival:
    """A process that does rounds when asked to."""

    def __init__(self, python: Path, script: str, *arguments: str) -> None:
        command = [str(python), str(HERE / script), *arguments]
        self.process = subprocess.Popen(command, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True)

    def round(self, commands: int) -> dict[str, float]:
        """One round's figures; RuntimeError when the rival fails."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{commands}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):  # One prints when it is imported.
                figures: dict[str, float] = json.loads(line)
                return figures
        raise RuntimeError(f"exit status {self.process.wait()}")


def main() -> None:
    """Print a row for each subject, and ratios against mini-swe-agent."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    sandbox_setup.add_backends(parser)
    parser.add_argument("--rivals", type=Path, help="a virtual environment with mini-swe-agent and swe-rex")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--commands", type=int, default=30, help="in each round")
    options = parser.parse_args()
    subjects: dict[str, Callable[[int], dict[str, float]]] = {}
    for name, backend, spec in sandbox_setup.chosen(options, RUN):
        subjects[f"ours, {name}"] = our_round(backend, spec)
    image = options.image or IMAGES["docker"]
    try:
        subjects |= find_rivals(options.rivals, image)
        found: dict[str, list[dict[str, float]]] = {name: [] for name in subjects}
        for number in range(options.rounds + 1):
            for name in list(found):
                try:
                    figures = subjects[name](options.commands)
                except RuntimeError as error:
                    print(f"left out, {name}: {error}", file=sys.stderr)
                    del found[name]
                    continue
                if number:  # The first is for the caches.
                    found[name].append(figures)
    finally:
        subprocess.run(["docker", "image", "rm", "-f", PREPARED], capture_output=True, check=False)
    medians = {name: {key: median(one[key] for one in rows) for key in FIGURES} for name, rows in found.items()}
    print(sandbox_setup.table(["sandbox", *FIGURES.values()], [[n, *row.values()] for n, row in medians.items()]))
    if base := medians.get("mini-swe-agent, docker"):
        print("\nTimes as fast as mini-swe-agent:")
        for name, row in medians.items():
            ratios = ", ".join(f"{key} {base[key] / row[key]:.1f}" for key in ("start", "command", "gone") if row[key])
            print(f"  {name}: {ratios}")


def our_round(backend: Backend, spec: Spec) -> Callable[[int], dict[str, float]]:
    """Rounds of one backend."""
    return lambda commands: sandbox_round.one_round(lambda: Ours(backend.start(spec)), commands)


def find_rivals(folder: Path | None, image: str) -> dict[str, Callable[[int], dict[str, float]]]:
    """Those installed in that environment; the others are named."""
    python = folder / "bin" / "python" if folder else None
    found: dict[str, Callable[[int], dict[str, float]]] = {}
    for package in ("minisweagent", "swerex"):
        if python is None or subprocess.run([python, "-c", f"import {package}"], capture_output=True).returncode:
            print(f"left out, {package}: not installed in --rivals {folder or ''}", file=sys.stderr)
        elif package == "minisweagent":
            found["mini-swe-agent, docker"] = Rival(python, "rival_mini_swe_agent.py", image).round
        else:
            found["SWE-ReX, local"] = Rival(python, "rival_swe_rex.py", "local").round
            if prepare_image(python, image):
                found["SWE-ReX, docker"] = Rival(python, "rival_swe_rex.py", "docker", PREPARED).round
    return found


def prepare_image(python: Path, image: str) -> bool:
    """Make the image with SWE-ReX's server, from the packages that `python` has."""
    question = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([python, "-c", question], check=True, capture_output=True, text=True).stdout.strip()
    server = '#!/bin/sh\\nPYTHONPATH=/opt/swe-rex exec python3 -m swerex.server "$@"\\n'
    put = f"printf '{server}' > /usr/local/bin/swerex-remote && chmod +x /usr/local/bin/swerex-remote"
    name = "srl-agent-benchmark-swe-rex"
    commands = [
        ["docker", "run", "--name", name, image, "bash", "-c", f"{put} && mkdir -p /opt"],
        ["docker", "cp", "-q", packages, f"{name}:/opt/swe-rex"],
        ["docker", "commit", "-c", "CMD []", name, PREPARED],
        ["docker", "run", "--rm", PREPARED, "swerex-remote", "--version"],
    ]
    try:
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"left out, SWE-ReX, docker: {done.stderr.strip()[-300:]}", file=sys.stderr)
                return False
    finally:
        subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)
    return True


if __name__ == "__main__":
    main()
