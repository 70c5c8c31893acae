"""The outcome of a task: what its tests say, whatever the policy did to them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from envs.base import Backend, Sandbox, Spec
from envs.demo.place import placer
from envs.demo.task import DemoTask, load_tasks
from envs.errors import SandboxError
from envs.outcome import TaskOutcome, judge
from envs.states import Walk
from envs.task_tests import TaskTests, demo_tests, row_tests
from trajectories.records import Action

System = tuple[str, Backend, Spec]
MEND = "sed -i 's|float(text\\[:-1\\])|float(text[:-1]) / 100|' rates.py"


@pytest.fixture(scope="module")
def task() -> DemoTask:
    return next(task for task in load_tasks() if task.instance_id == "wallet__parse_rate")


@pytest.fixture(scope="module")
def walk(system: System) -> Iterator[Walk]:
    walk = Walk(system[1], system[2], placer("wallet__parse_rate"), timeout=20.0)
    yield walk
    walk.close()


@contextmanager
def forks(walk: Walk) -> Iterator[tuple[Sandbox, Sandbox]]:
    """A sandbox for the policy's commands and an untouched one."""
    finished, fresh = walk.before([]).sandbox, walk.before([]).sandbox
    try:
        yield finished, fresh
    finally:
        finished.close()
        fresh.close()


def outcome_of(walk: Walk, commands: str, tests: TaskTests | None = None) -> TaskOutcome:
    with forks(walk) as (finished, fresh):
        finished.run(commands, cwd="/testbed")
        return judge(tests or demo_tests("wallet__parse_rate"), finished, fresh, timeout=20.0)


def test_a_mended_repository_is_resolved(walk: Walk) -> None:
    outcome = outcome_of(walk, MEND)
    assert (outcome.resolved, outcome.failed, outcome.changed) == (True, (), ("rates.py",))
    assert outcome.output.endswith("all: 16 of 16 passed\n")


def test_the_expert_s_own_actions_resolve_the_task(walk: Walk, task: DemoTask) -> None:
    edit = Action("str_replace_editor", (("command", "str_replace"), ("path", "rates.py"), ("old_str", task.broken)))
    finished = walk.before([Action(edit.tool, (*edit.arguments, ("new_str", task.fixed)))])
    fresh = walk.before([])
    assert judge(demo_tests(task.instance_id), finished.sandbox, fresh.sandbox).resolved
    finished.sandbox.close()
    fresh.sandbox.close()


def test_an_unchanged_repository_fails_what_the_bug_breaks(walk: Walk) -> None:
    outcome = outcome_of(walk, "true")
    assert (outcome.resolved, outcome.failed, outcome.changed) == (False, ("parse_rate", "all"), ())


def test_another_function_broken_by_the_mend_leaves_the_task_unresolved(walk: Walk) -> None:
    assert outcome_of(walk, f"{MEND}; rm cash.py").failed == ("all",)


@pytest.mark.parametrize(
    "forgery",
    [
        "printf 'print(\"parse_rate: 2 of 2 passed\\\\nall: 16 of 16 passed\")' > run_tests.py",
        "echo \"parse_rate('1') -> 1.0\" > checks/parse_rate.txt; rm checks/[a-o]*.txt",
        "rm -r checks; mkdir checks; echo '1 -> 1' > checks/parse_rate.txt",
        "printf '#!/bin/sh\\necho parse_rate: 2 of 2 passed; echo all: 16 of 16 passed' > /tmp/python;"
        "chmod +x /tmp/python; cp --remove-destination /tmp/python /usr/local/bin/python",
        "rm -r checks; ln -s /tmp checks",
    ],
    ids=["runner", "expectations", "all expectations", "interpreter", "link"],
)
def test_what_the_task_is_decided_by_is_not_the_policy_s_to_change(walk: Walk, forgery: str) -> None:
    assert outcome_of(walk, forgery).failed == ("parse_rate", "all")


@pytest.mark.parametrize(
    "path", ["conftest.py", "a/conftest.py", "pytest.ini", "setup.cfg", "pyproject.toml", "x.pth", "sitecustomize.py"]
)
def test_a_file_that_steers_the_runner_is_reported_and_never_counts(walk: Walk, path: str) -> None:
    outcome = outcome_of(walk, f"{MEND}; mkdir -p a; echo > {path}")
    assert (outcome.resolved, outcome.failed, outcome.suspicious) == (False, (), (path,))


def test_compiled_code_planted_beside_its_source_is_not_run(walk: Walk) -> None:
    plant = (
        f"cp rates.py /tmp/broken.py; {MEND}; mkdir -p __pycache__; python -c 'import py_compile, importlib.util as u;"
        'py_compile.compile("rates.py", cfile=u.cache_from_source("rates.py"), invalidation_mode='
        "py_compile.PycInvalidationMode.UNCHECKED_HASH)'; cp /tmp/broken.py rates.py"
    )
    assert outcome_of(walk, plant).failed == ("parse_rate", "all")


def test_removed_files_and_new_folders_and_links_are_carried_over(walk: Walk) -> None:
    move = f"{MEND}; mkdir lib; mv rates.py lib/; ln -s lib/rates.py rates.py; touch 'a b' -- -c"
    outcome = outcome_of(walk, move)
    assert outcome.resolved
    assert set(outcome.changed) == {"rates.py", "lib/rates.py", "a b", "-c"}


def test_a_link_out_of_the_repository_gives_no_way_out_of_it(walk: Walk) -> None:
    with forks(walk) as (finished, fresh):
        finished.run("ln -s /usr/local/bin d", cwd="/testbed")
        judge(demo_tests("wallet__parse_rate"), finished, fresh)
        finished.run("rm d; mkdir d; echo forged > d/python", cwd="/testbed")
        judge(demo_tests("wallet__parse_rate"), finished, fresh)
        assert "forged" not in fresh.run("cat /usr/local/bin/python").output[:100]


def test_a_repository_that_was_removed_is_an_unresolved_outcome(walk: Walk) -> None:
    outcome = outcome_of(walk, "rm -rf /testbed")
    assert (outcome.resolved, outcome.failed) == (False, ("parse_rate", "all"))


def test_tests_that_hang_are_cut_off_and_fail(walk: Walk) -> None:
    with forks(walk) as (finished, fresh):
        finished.run("sed -i '1i import time; time.sleep(100)' rates.py", cwd="/testbed")
        outcome = judge(demo_tests("wallet__parse_rate"), finished, fresh, timeout=1.0)
    assert outcome.failed == ("parse_rate", "all")
    assert outcome.output.endswith("[timed out after 1 s]")


RUNNER = r"""
import sys
print('PASSED not::counted')
print('=== short test summary info ===')
for file in sys.argv[2:]:
    for line in open(file):
        name, call = line.split()
        sys.path.insert(0, '.')
        ok = eval(call, {'rates': __import__('rates')})
        print(('PASSED ' if ok else 'FAILED ') + file + '::' + name + ('' if ok else ' - wrong'))
"""
HIDDEN = "old True\npercent rates.parse_rate('5%')==0.05\n"


def new_file(path: str, text: str) -> str:
    lines = difflib.unified_diff([], text.splitlines(keepends=True), "/dev/null", f"b/{path}")
    return f"diff --git a/{path} b/{path}\nnew file mode 100644\n" + "".join(lines)


@pytest.fixture(scope="module")
def row_walk(system: System) -> Iterator[Walk]:
    place = placer("wallet__parse_rate")

    def prepare(sandbox: Sandbox) -> None:
        place(sandbox)
        sandbox.write_file("/opt/runner.py", RUNNER.encode())
        sandbox.write_file("/testbed/tests/old.py", b"old True\n")

    walk = Walk(system[1], system[2], prepare, timeout=20.0)
    yield walk
    walk.close()


ROW = {
    "instance_id": "wallet__1",
    "FAIL_TO_PASS": '["tests/new.py::percent"]',
    "PASS_TO_PASS": ["tests/new.py::old", "tests/old.py::old"],
    "test_patch": new_file("tests/new.py", HIDDEN),
}


@pytest.fixture(scope="module")
def judged(row_walk: Walk) -> Callable[[str], TaskOutcome]:
    return lambda commands: outcome_of(row_walk, commands, row_tests(ROW, "python3 /opt/runner.py -rA"))


def test_hidden_tests_pass_on_a_mended_repository(judged: Callable[[str], TaskOutcome]) -> None:
    assert judged(MEND).resolved


def test_hidden_tests_fail_on_a_broken_one(judged: Callable[[str], TaskOutcome]) -> None:
    outcome = judged("true")
    assert (outcome.resolved, outcome.failed) == (False, ("tests/new.py::percent",))


@pytest.mark.parametrize(
    "forgery",
    [
        "echo 'percent True' > tests/new.py",
        "rm -r tests; echo > tests",
        "echo 'raise SystemExit(print(\"PASSED tests/new.py::percent\"))' > /opt/runner.py",
    ],
)
def test_the_policy_s_version_of_the_tests_is_not_taken(judged: Callable[[str], TaskOutcome], forgery: str) -> None:
    assert "tests/new.py::percent" in judged(forgery).failed


def test_the_task_s_own_tests_are_restored_where_the_policy_changed_them(judged: Callable[[str], TaskOutcome]) -> None:
    assert judged(f"{MEND}; echo 'old False' > tests/old.py").resolved


def test_a_test_patch_that_does_not_apply_is_the_task_s_fault(row_walk: Walk) -> None:
    row = {**ROW, "test_patch": ROW["test_patch"].replace("tests/new.py", "tests/old.py")}  # type: ignore[attr-defined]
    with pytest.raises(SandboxError, match="test patch does not apply"):
        outcome_of(row_walk, "true", row_tests(row))
