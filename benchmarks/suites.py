"""Whether the hardened defaults cost a test: suites of real PyPI projects in a sandbox as it is by default and with all
limits lifted (the capabilities of `docker run`, no seccomp filter, privileges that may grow, a network, no bound on
memory, processes, cores or disk).

    python benchmarks/suites.py --cache DIRECTORY [--only NAME ...] [--base IMAGE]

Sdists and what their tests need come by pip, at pinned versions, for this interpreter, which must be of the image's
minor version; images are made by `envs.images.build_from_folder`, kept, and used offline. Subsets of two large suites
keep the whole to minutes. The table's last column names each test whose outcome differs.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import tarfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from envs.base import Limits, Spec
from envs.docker_backend import DockerBackend
from envs.docker_container import Hardening
from envs.errors import SandboxError
from envs.images import build_from_folder, is_here

TIMEOUT = 900.0
"""Seconds for one suite."""
SETUP = "rm -rf /opt/deps && mv /testbed/.deps /opt/deps"
# Docker's own default; a host that is a container itself may not give them all.
CAPABILITIES = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW"),
    *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
LIFTED = Limits(memory_mb=0, pids=0, cpus=0, disk_mb=0, network=True)


@dataclass(frozen=True)
class Project:
    """A project's sdist, what its tests need besides its own dependencies, and pytest's arguments."""

    requirement: str
    needs: tuple[str, ...]
    tests: str

    @property
    def name(self) -> str:
        """The project's name on PyPI."""
        return self.requirement.partition("==")[0]


PYTEST = "pytest==8.4.2"
PROJECTS = (
    Project("inflection==0.5.1", (PYTEST,), "test_inflection.py"),
    Project("flask==3.1.2", (PYTEST,), "tests"),
    Project("requests==2.32.5", (PYTEST, "pytest-httpbin==2.1.0", "pytest-mock", "trustme", "PySocks"), "tests"),
    Project("attrs==25.3.0", (PYTEST, "hypothesis<6.140", "cloudpickle", "pympler"), "tests"),
    # The parts of pytest's own suite that fork, use terminals, temporary folders and links.
    Project(
        "pytest==8.4.2",
        ("attrs", "hypothesis<6.140", "mock", "xmlschema", "pexpect", "argcomplete", "requests"),
        "testing/test_capture.py testing/test_pathlib.py testing/test_tmpdir.py testing/test_debugging.py "
        "testing/test_faulthandler.py testing/test_assertrewrite.py",
    ),
    Project("sympy==1.14.0", (PYTEST, "hypothesis<6.140"), "sympy/core sympy/sets"),
)


def build(project: Project, cache: Path, base: str) -> str:
    """The image of a project's suite, made where it is not here."""
    version = project.requirement.partition("==")[2]
    tag = f"srl-agent/suite-{project.name}:{version}"
    if is_here(tag):
        return tag
    folder = cache / project.name
    if not (folder / "source").is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        _pip("download", "--no-deps", "--no-binary", project.name, "-d", str(folder), project.requirement)
        (sdist,) = folder.glob("*.tar.gz")
        with tarfile.open(sdist) as packed:
            packed.extractall(folder / "unpacked", filter="data")
        (source,) = (folder / "unpacked").iterdir()
        _pip("install", "--target", str(source / ".deps"), project.requirement, *project.needs)
        source.rename(folder / "source")
    return build_from_folder(folder / "source", tag, base, SETUP)


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words, "-q"]
    if done := subprocess.run(command, capture_output=True, text=True, check=False).returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done}")


def run_suite(project: Project, image: str, backend: DockerBackend, limits: Limits) -> tuple[dict[str, str], float]:
    """Outcome of each test by name, and the seconds. SandboxError where pytest left no report."""
    environment = {"PYTHONPATH": "/opt/deps", "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/root", "LC_ALL": "C.UTF-8"}
    begun = time.monotonic()
    with contextlib.closing(backend.start(Spec(image, environment=environment, limits=limits))) as sandbox:
        command = f"python3 -m pytest -q -p no:cacheprovider --junitxml=/tmp/report.xml {project.tests}"
        done = sandbox.run(command, timeout=TIMEOUT)
        seconds = time.monotonic() - begun
        try:
            report = sandbox.read_file("/tmp/report.xml")
        except OSError as error:
            raise SandboxError(f"{project.name}: no report, {error}; pytest said: {done.output[-2000:]}") from error
    return outcomes(report), seconds


def outcomes(report: bytes) -> dict[str, str]:
    """passed, failed, error or skipped by test, from JUnit XML as pytest writes it."""
    found = {}
    for case in ET.fromstring(report).iter("testcase"):
        kinds = {"failure": "failed", "error": "error", "skipped": "skipped"}
        outcome = next((kinds[child.tag] for child in case if child.tag in kinds), "passed")
        found[f"{case.get('classname')}::{case.get('name')}"] = outcome
    return found


def counts(found: dict[str, str]) -> str:
    """passed / failed / errors / skipped."""
    number = Counter(found.values())
    return " / ".join(str(number[kind]) for kind in ("passed", "failed", "error", "skipped"))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="keeps sdists and what the tests need")
    parser.add_argument("--base", default="srl-agent/base:bookworm", help="image with the same Python, and git")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    options = parser.parse_args()
    open_backend = DockerBackend(hardening=Hardening(capabilities=CAPABILITIES, security=("seccomp=unconfined",)))
    print("passed / failed / errors / skipped\n")
    print("| suite | hardened | lifted | s | s lifted | differences |\n|---|---|---|---|---|---|", flush=True)
    for project in PROJECTS:
        if options.only and project.name not in options.only:
            continue
        image = build(project, options.cache, options.base)
        hardened, seconds = run_suite(project, image, DockerBackend(), Limits())
        lifted, seconds_lifted = run_suite(project, image, open_backend, LIFTED)
        differing = [name for name in sorted(hardened.keys() | lifted) if hardened.get(name) != lifted.get(name)]
        named = ", ".join(f"{name}: {hardened.get(name)}, lifted {lifted.get(name)}" for name in differing[:20])
        figures = f"{counts(hardened)} | {counts(lifted)} | {seconds:.0f} | {seconds_lifted:.0f}"
        print(f"| {project.requirement} | {figures} | {len(differing)} {named} |", flush=True)


if __name__ == "__main__":
    main()
