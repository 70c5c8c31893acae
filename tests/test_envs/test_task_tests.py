"""Which tests decide a task, and which of them a runner's output says passed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from envs.errors import SandboxError
from envs.task_tests import demo_tests, passed_by_pytest, passed_by_sympy, passed_checks, row_tests

FILE = """
import pytest

def test_good(): print("PASSED tests/x.py::printed")

def test_bad(): assert False

@pytest.mark.parametrize("a", ["x y", "x z", "w"])
def test_each(a): assert a != "x z"

@pytest.mark.parametrize("a", ["u v"])
def test_dash(a): pass

@pytest.mark.xfail
def test_expected(): assert False

@pytest.mark.xfail
def test_unexpected(): pass

@pytest.mark.skip
def test_skipped(): pass

@pytest.fixture
def broken(): raise ValueError

def test_error(broken): pass
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the installed pytest writes of one test of each kind."""
    folder: Path = tmp_path_factory.mktemp("suite")
    (folder / "test_x.py").write_text(FILE)
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "test_x.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_passed_and_expected_failures_are_what_pytest_says_passed(output: str) -> None:
    whole = {name for name in passed_by_pytest(output) if "::" in name and name.count("[") == name.count("]")}
    assert whole == {
        "test_x.py::test_good",
        "test_x.py::test_each[x y]",
        "test_x.py::test_each[w]",
        "test_x.py::test_dash[u v]",
        "test_x.py::test_expected",
    }


def test_a_name_cut_at_a_blank_passes_only_where_all_of_its_kind_pass(output: str) -> None:
    passed = passed_by_pytest(output)
    assert "test_x.py::test_dash[u" in passed
    assert "test_x.py::test_each[x" not in passed


def test_a_name_without_its_file_passes_only_where_no_test_of_that_name_fails(output: str) -> None:
    assert {"test_good", "test_each[x y]"} <= passed_by_pytest(output)
    assert "test_bad" not in passed_by_pytest(output)
    twice = "= short test summary info =\nPASSED a.py::test_x\nFAILED b.py::C::test_x - no\nPASSED a.py::test_y[a::b]\n"
    assert passed_by_pytest(twice) == {"a.py::test_x", "a.py::test_y[a::b]", "test_y[a::b]"}


SYMPY = """
sympy/core/tests/test_cache.py[5] 
test_cacheit_doc ok
test_cacheit_unhashable F
test_lazy_function f
test_twice ok                                                               [FAIL]

sympy/core/tests/test_truediv.py[3] 
test_truediv E
test_twice F
test_ibasic ok                                                              [OK]
"""


def test_sympys_own_runner_is_read() -> None:
    assert passed_by_sympy(SYMPY) == {"test_cacheit_doc", "test_ibasic"}


def test_a_row_of_sympy_is_run_by_its_own_runner() -> None:
    patch = "--- a/sympy/core/tests/test_a.py\n+++ b/sympy/core/tests/test_a.py\n"
    row = {"instance_id": "a", "repo": "sympy/sympy", "FAIL_TO_PASS": ["test_x"], "test_patch": patch}
    tests = row_tests(row)
    assert tests.command.endswith("; bin/test -C --verbose sympy/core/tests/test_a.py")
    assert tests.parser == "sympy"


@pytest.mark.parametrize("name", ["test_x (tests.test_a.Case)", "It must not crash.", "[100%]"])
def test_a_row_whose_tests_pytest_never_names_is_refused(name: str) -> None:
    with pytest.raises(SandboxError, match="no output of pytest names a test"):
        row_tests({"instance_id": "a", "FAIL_TO_PASS": ["a.py::x"], "PASS_TO_PASS": [name]})


def test_what_a_test_prints_is_no_verdict(output: str) -> None:
    assert "PASSED tests/x.py::printed" in output
    assert "tests/x.py::printed" not in passed_by_pytest(output)


def test_output_without_a_summary_passes_nothing() -> None:
    assert passed_by_pytest("PASSED a.py::b\n") == set()


def test_checks_pass_only_when_all_do() -> None:
    assert passed_checks("a: 2 of 2 passed\nb: 1 of 2 passed\nc: 0 of 0 passed\n") == {"a"}


def test_a_row_runs_the_files_of_its_tests_and_keeps_them() -> None:
    tests = row_tests(
        {
            "instance_id": "a__b-1",
            "FAIL_TO_PASS": "['t/a b.py::x']",
            "PASS_TO_PASS": '["t/c.py::y[1]"]',
            "test_patch": "--- a/t/data.json\n+++ b/t/data.json\n",
        }
    )
    assert tests.command.endswith("; pytest -rA 't/a b.py' t/c.py")
    assert tests.expected == ("t/a b.py::x", "t/c.py::y[1]")
    assert tests.protected == {"t/a b.py", "t/c.py", "t/data.json"}


def test_a_folder_protects_what_is_in_it_and_nothing_beside_it() -> None:
    tests = demo_tests("wallet__parse_rate")
    assert tests.protects("checks/new.txt") and tests.protects("run_tests.py")
    assert not tests.protects("checks.txt") and not tests.protects("a/run_tests.py")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"instance_id": "a"}, "FAIL_TO_PASS names no test"),
        ({"instance_id": "a", "FAIL_TO_PASS": "x::y"}, "expected a list of test names"),
        ({"instance_id": "a", "FAIL_TO_PASS": ["x"], "PASS_TO_PASS": 3}, "PASS_TO_PASS"),
    ],
)
def test_a_row_that_decides_nothing_says_why(row: dict[str, object], message: str) -> None:
    with pytest.raises(SandboxError, match=message):
        row_tests(row)


def test_an_unknown_task_or_parser_is_named() -> None:
    with pytest.raises(SandboxError, match="nothing is no task"):
        demo_tests("nothing")
    with pytest.raises(SandboxError, match="known: pytest, checks"):
        row_tests({"instance_id": "a", "FAIL_TO_PASS": ["x"]}, parser="tap")
