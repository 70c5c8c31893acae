"""The tests that decide a task, as data: of a demonstration task, or of a row of SWE-bench and its relatives."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from envs.demo.task import load_tasks
from envs.errors import SandboxError
from trajectories.errors import ParseError
from trajectories.gates.tasks import names_of_tests, task_facts

PYTEST = "pytest -rA"
ACTIVATE = "[ ! -f /opt/miniconda3/bin/activate ] || . /opt/miniconda3/bin/activate testbed"
"""SWE-bench's images keep the project's environment there (swebench 5.0.2, the head of every eval script)."""
_SUMMARY = re.compile(r"^=+ short test summary info =+$", re.M)
_STATUS = re.compile(r"^(PASSED|XFAIL|FAILED|ERROR|XPASS|SKIPPED) (.+)$", re.M)
_SYMPY = re.compile(r"^(test\w*) (\w+)\b", re.M)
_CHECKS = re.compile(r"^(\w+): (\d+) of (\d+) passed$", re.M)


@dataclass(frozen=True, slots=True)
class TaskTests:
    """How a task is decided."""

    command: str
    """Run in the repository."""
    expected: tuple[str, ...]
    """Names of the tests that must pass."""
    parser: str
    """A key of PARSERS: what reads the names of passed tests out of the command's output."""
    protected: frozenset[str] = frozenset()
    """Files and folders (ending with `/`) of the repository that are the task's own, whatever a policy made of them."""
    patch: str = ""
    """Applied to the repository before the tests are run."""

    def protects(self, path: str) -> bool:
        """Whether the policy's version of the file is not taken."""
        return path in self.protected or any(path.startswith(name) for name in self.protected if name.endswith("/"))


def demo_tests(instance_id: str) -> TaskTests:
    """The checks of the function and of the whole repository, as `envs.record` runs them.

    SandboxError where the bundled set has no such task.
    """
    task = next((task for task in load_tasks() if task.instance_id == instance_id), None)
    if task is None:
        raise SandboxError(f"{instance_id} is no task of the bundled set")
    command = f"python run_tests.py {task.function}; python run_tests.py"
    return TaskTests(command, (task.function, "all"), "checks", frozenset({"run_tests.py", "checks/"}))


def row_tests(row: Mapping[str, Any], command: str = "", parser: str = "") -> TaskTests:
    """The tests of a task row: FAIL_TO_PASS and PASS_TO_PASS, run by `command` with their files as arguments.

    Command and parser are pytest's where none is given, but for the repositories in RUNNERS. SandboxError where the row
    names no test, or one as the parser never does: the task could not be solved.
    """
    try:
        facts = task_facts(row)
        expected = (*facts.failing, *names_of_tests(row, "PASS_TO_PASS"))
    except ParseError as error:
        raise SandboxError(f"task {row.get('instance_id')}: {error}") from error
    if not facts.failing:
        raise SandboxError(f"task {facts.instance_id}: FAIL_TO_PASS names no test, so nothing decides it")
    own_command, own_parser = RUNNERS.get(facts.repository, (PYTEST, "pytest"))
    command, parser = command or own_command, parser or own_parser
    if parser not in PARSERS:
        raise SandboxError(f"parser: unknown name '{parser}'; known: {', '.join(PARSERS)}")
    strange = next((name for name in expected if not NAMES[parser].fullmatch(name)), None)
    if strange is not None:
        raise SandboxError(f"task {facts.instance_id}: no output of {parser} names a test '{strange}'")
    named = {name.partition("::")[0] for name in expected if "::" in name}
    files = named | facts.hidden_files | facts.new_files
    run = sorted(file for file in named or files if file.endswith(".py"))
    line = f"{ACTIVATE}; {command} {' '.join(map(shlex.quote, run))}"
    return TaskTests(line, tuple(dict.fromkeys(expected)), parser, frozenset(files), facts.test_patch)


def passed_by_pytest(output: str) -> set[str]:
    """Names behind PASSED and XFAIL in the summary of `pytest -rA`, whole and up to their first blank.

    SWE-bench's rows hold the shorter form (swebench 5.0.2, its pytest log parser), so a name counts as failed where
    any test with the same beginning failed. The same goes for the part behind the file, which is all that some rows
    hold.
    """
    found = list(_SUMMARY.finditer(output))
    passed: set[str] = set()
    failed: set[str] = set()
    for status, rest in _STATUS.findall(output[found[-1].end() :] if found else ""):
        name = rest.partition(" - ")[0].rstrip()
        place, bracket, values = name.partition("[")
        names = {name, name.split()[0], place.rpartition("::")[2] + bracket + values}
        (passed if status in ("PASSED", "XFAIL") else failed).update(names)
    return passed - failed


def passed_checks(output: str) -> set[str]:
    """Names of `run_tests.py` all of whose checks passed."""
    return {name for name, passed, total in _CHECKS.findall(output) if passed == total != "0"}


def passed_by_sympy(output: str) -> set[str]:
    """Names behind which sympy's own runner writes `ok`; failed where a test of that name failed in any file."""
    found = _SYMPY.findall(output)
    return {name for name, mark in found if mark == "ok"} - {name for name, mark in found if mark in ("F", "E")}


PARSERS: dict[str, Callable[[str], set[str]]] = {
    "pytest": passed_by_pytest,
    "checks": passed_checks,
    "sympy": passed_by_sympy,
}
"""Names to functions from a test command's output to the names of the tests that passed."""
NAMES = {
    "pytest": re.compile(r".+::.+|\w+(\[.*)?", re.S),
    "checks": re.compile(r"\w+"),
    "sympy": re.compile(r"test\w*"),
}
"""What the names look like that a parser can give."""
RUNNERS = {"sympy/sympy": ("bin/test -C --verbose", "sympy")}
"""Repositories whose images have no pytest, to their command and parser. Django's runner is missing: its names go by
docstrings, so that rows of it are refused."""
