"""The outcome of a task: its tests run on what the policy left, in a sandbox that the policy never touched.

Only the repository's files are carried over, without those that the tests are made of: a changed interpreter, package,
shell, test or runner outside of the carried files decides nothing. What stays possible is code of the repository that
prints a verdict or ends the process while the tests import it; no runner in one process can exclude that. Files that
steer a test runner are reported as `suspicious`, and such an outcome never counts as resolved.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from envs.base import Result, Sandbox
from envs.carried import carry, changed_files
from envs.errors import SandboxError
from envs.listing import Unreadable, settle
from envs.task_tests import PARSERS, TaskTests

SUSPICIOUS = re.compile(
    r"(conftest|sitecustomize|usercustomize)\.pyc?|\.?pytest\.(ini|toml)|setup\.cfg|tox\.ini|pyproject\.toml|.*\.pth"
)
"""Names of files with which a patch can forge a verdict: a prediction that only adds a conftest.py scores resolved in
the SWE-bench harness 5.0.2."""
SHOWN = 4000
"""Characters of the tests' output that are kept: the last."""
OUTPUT_BYTES = 16 << 20
"""A test command that writes more is cut off there."""


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What the tests of a task say of a policy's work."""

    resolved: bool
    """Every test that must pass did, and nothing is suspicious."""
    failed: tuple[str, ...]
    """Of the tests that must pass, those that did not."""
    output: str
    """The end of the tests' output, or why they could not be run."""
    changed: tuple[str, ...] = ()
    """Files below the repository that the policy added, changed or removed."""
    suspicious: tuple[str, ...] = ()
    """Those of them that could forge a verdict."""
    seconds: float = 0.0
    """Of the test command."""


def judge(
    tests: TaskTests, finished: Sandbox, fresh: Sandbox, *, root: str = "/testbed", timeout: float = 600.0
) -> TaskOutcome:
    """Run the tests on the repository that the policy left in `finished`.

    `fresh` is another sandbox of the same task as it was before the policy's first action (`Walk.before([])` gives
    one); it is changed. Both stay open. What the policy made unreadable is an unresolved outcome; SandboxError where a
    sandbox fails, or where the task itself is broken (its test patch does not apply).
    """
    settle(finished)
    try:
        changed = changed_files(finished, fresh, root)
    except Unreadable as error:
        return TaskOutcome(False, tests.expected, f"the repository cannot be read any more: {error}")
    suspicious = tuple(path for path in changed if SUSPICIOUS.fullmatch(PurePosixPath(path).name))
    _apply(tests.patch, fresh, root)
    problem = carry([path for path in changed if not tests.protects(path)], finished, fresh, root)
    if problem:
        return TaskOutcome(False, tests.expected, problem, changed, suspicious)
    result, output = _run(tests.command, fresh, root, timeout)
    passed = PARSERS[tests.parser](output)
    failed = tuple(name for name in tests.expected if name not in passed)
    shown = output[-SHOWN:] + (f"\n[timed out after {timeout:g} s]" if result.timed_out else "")
    return TaskOutcome(not failed and not suspicious, failed, shown, changed, suspicious, result.duration)


def _apply(patch: str, fresh: Sandbox, root: str) -> None:
    """Apply the task's test patch to its untouched repository."""
    if not patch:
        return
    fresh.write_file("/tmp/.test.patch", patch.encode(errors="surrogateescape"))
    apply = (
        "git -c safe.directory='*' apply --whitespace=nowarn /tmp/.test.patch || patch -p1 --batch -i /tmp/.test.patch"
    )
    result = fresh.run(apply, cwd=root)
    if result.exit_code:
        raise SandboxError(f"the task's test patch does not apply in {root}: {result.output.strip()[-500:]}")


def _run(command: str, fresh: Sandbox, root: str, timeout: float) -> tuple[Result, str]:
    result = fresh.run(f"{{ {command}\n}} 2>&1 | head -c {OUTPUT_BYTES} > /tmp/.outcome", timeout, cwd=root)
    try:
        return result, fresh.read_file("/tmp/.outcome").decode(errors="replace")
    except FileNotFoundError as error:
        raise SandboxError(f"the test command left no output: {result.output.strip()[-500:]}") from error
