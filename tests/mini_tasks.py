"""Miniature tasks in the shape of SWE-bench's: sdists from PyPI with real bugs in them, their images and their rows.

    python tests/mini_tasks.py rows.jsonl      # build the images, find the tests that decide, write the rows

The tasks stand in mini_tasks.toml. Needs a Docker engine with the base image (docker/make-base-image) and, once, a
package index. What was fetched and found is kept in ~/.cache/srl-agent/mini-tasks.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from needs import need

from envs.base import Limits, Sandbox, Spec
from envs.base_commit import unpack_sdist
from envs.docker_backend import DockerBackend
from envs.docker_engine import engine
from envs.instance_images import Instance, build_instance
from envs.task_tests import passed_by_pytest

TASKS = Path(__file__).with_name("mini_tasks.toml")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "srl-agent/mini-tasks"
TOOLS = (
    "pytest==8.3.5", "iniconfig==2.0.0", "packaging==24.2", "pluggy==1.5.0", "setuptools==75.8.0", "wheel==0.45.1",
)  # fmt: skip
"""What runs the tests and builds the projects, in every image."""
PYTHON = "3.11"
"""Of the base image, Debian 12."""
EVAL = """#!/bin/bash
set -uxo pipefail
source /opt/miniconda3/bin/activate
conda activate testbed
cd /testbed
git config --global --add safe.directory /testbed
cd /testbed
git status
git show
git -c core.fileMode=false diff {base}
source /opt/miniconda3/bin/activate
conda activate testbed
python -m pip install -e .
git checkout {base} {patched}
git apply -v - <<'EOF_114329324912'
{test_patch}
EOF_114329324912
: '>>>>> Start Test Output'
pytest -rA {files}
: '>>>>> End Test Output'
git checkout {base} {patched}
"""
"""As the eval scripts of the official rows (SWE-bench_Verified, 2026-08-10)."""


@dataclass(frozen=True)
class MiniTask:
    """One entry of mini_tasks.toml."""

    instance_id: str
    repo: str
    project: str
    version: str
    sha256: str
    origin: str
    test_files: list[str]
    problem_statement: str
    patch: str
    """The fix: what was taken back."""
    test_patch: str


@functools.cache
def mini_tasks() -> tuple[MiniTask, ...]:
    """All of them."""
    return tuple(MiniTask(**entry) for entry in tomllib.loads(TASKS.read_text(encoding="utf-8"))["tasks"])


def rows() -> list[dict[str, Any]]:
    """The rows of all tasks, their images built."""
    wheels()
    for task in mini_tasks():
        sdist(task)
    first, *rest = mini_tasks()
    # The layers that all images share are made by the first.
    made = [row(first)]
    with ThreadPoolExecutor(2) as pool:
        return made + list(pool.map(row, rest))


def row(task: MiniTask) -> dict[str, Any]:
    """The row of one task; its tests are run before and after the fix unless that was done for this image."""
    with tempfile.TemporaryDirectory(prefix="srl-agent-mini-") as scratch:
        instance = Instance(task.instance_id, _source(task, Path(scratch)), wheels=wheels(), requirements=TOOLS)
        base = build_instance(instance)
    columns = _columns(task, instance.image, base)
    image = str(engine().images.get(instance.image).id)
    known = CACHE / "tests" / f"{_digest([image, columns])}.json"
    if not known.is_file():
        failing, passing = _deciding_tests(columns)
        assert failing, f"{task.instance_id}: no test fails without the fix and passes with it"
        _write(known, json.dumps({"FAIL_TO_PASS": json.dumps(failing), "PASS_TO_PASS": json.dumps(passing)}))
    return columns | json.loads(known.read_text(encoding="utf-8"))


def sdist(task: MiniTask) -> Path:
    """The project's sdist, fetched once, of the pinned hash."""
    path = CACHE / "sdists" / f"{task.project}-{task.version}.tar.gz"
    if not path.is_file():
        _pip(
            "--no-deps",
            "--no-binary=:all:",
            "--no-build-isolation",
            f"{task.project}=={task.version}",
            into=path.parent,
        )
    assert hashlib.sha256(path.read_bytes()).hexdigest() == task.sha256, f"{path} is another file than the pinned one"
    return path


@functools.cache
def wheels() -> Path:
    """A folder of the wheels in TOOLS, fetched once."""
    folder = CACHE / f"wheels-{_digest([TOOLS, PYTHON])[:12]}"
    if not folder.is_dir():
        _pip("--only-binary=:all:", f"--python-version={PYTHON}", "--no-deps", *TOOLS, into=folder)
    return folder


def _pip(*arguments: str, into: Path) -> None:
    """Download into a folder; it is there only when that has succeeded."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "-d", f"{scratch}/files", *arguments]
        if subprocess.run(command, check=False).returncode:
            need(f"nothing kept in {CACHE}, and no package index that has {arguments[-1]}")
        if not into.is_dir():
            Path(f"{scratch}/files").rename(into)
            return
        for file in Path(f"{scratch}/files").iterdir():
            file.rename(into / file.name)


def _source(task: MiniTask, scratch: Path) -> Path:
    """The files of the project with the fix and its tests taken back."""
    folder = scratch / "source"
    unpack_sdist(sdist(task), folder)
    for patch in (task.patch, task.test_patch):
        subprocess.run(["git", "apply", "-R", "-"], cwd=folder, input=patch.encode(), check=True)
    return folder


def _columns(task: MiniTask, image: str, base: str) -> dict[str, Any]:
    """The row without the lists of tests."""
    patched = [line.removeprefix("+++ b/") for line in task.test_patch.splitlines() if line.startswith("+++ b/")]
    script = EVAL.format(
        base=base, patched=shlex.join(patched), test_patch=task.test_patch, files=shlex.join(task.test_files)
    )
    return {
        "instance_id": task.instance_id,
        "repo": task.repo,
        "base_commit": base,
        "environment_setup_commit": base,
        "patch": task.patch,
        "test_patch": task.test_patch,
        "problem_statement": task.problem_statement,
        "hints_text": "",
        "created_at": "2000-01-01T00:00:00Z",
        "version": task.version,
        "difficulty": "<15 min fix",
        "image": image,
        "eval_script": script,
        "log_parser": "parse_log_pytest",
        "eval_type": "pass_and_fail",
    }


def _deciding_tests(columns: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """FAIL_TO_PASS and PASS_TO_PASS, by running the eval script without and with the fix."""
    spec = Spec(columns["image"], limits=Limits(memory_mb=1024, output_bytes=4 << 20))
    with DockerBackend().start(spec) as broken, DockerBackend().start(spec) as fixed:
        fixed.write_file("/tmp/fix.patch", columns["patch"].encode())
        assert fixed.run("git apply /tmp/fix.patch").exit_code == 0, f"{columns['instance_id']}: the fix does not apply"
        before, after = (_passed(sandbox, columns["eval_script"]) for sandbox in (broken, fixed))
    return sorted(after - before), sorted(after & before)


def _passed(sandbox: Sandbox, script: str) -> set[str]:
    """Names as the harness reads them: up to the first blank, and with their file."""
    sandbox.write_file("/eval.sh", script.encode())
    output = sandbox.run("bash /eval.sh", timeout=300).output.partition(">>>>> End Test Output")[0]
    names = {name for name in passed_by_pytest(output) if "::" in name and " " not in name}
    return {name for name in names if name.count("[") == name.count("]")}


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    made = rows()
    _write(Path(sys.argv[1]), "".join(json.dumps(one) + "\n" for one in made))
    for one in made:
        failing, passing = (len(json.loads(one[column])) for column in ("FAIL_TO_PASS", "PASS_TO_PASS"))
        print(f"{one['instance_id']}  {failing} fail to pass, {passing} pass to pass  {one['image']}")
