"""Whether the hidden tests decided: what git says in an eval script's output, in the words of git 2.39."""

from __future__ import annotations

import pytest

from srl_agent.swe_eval.hidden_tests import why_not_hidden

HIDDEN = """\
diff --git a/tests/test_new.py b/tests/test_new.py
new file mode 100644
--- /dev/null
+++ b/tests/test_new.py
@@ -0,0 +1 @@
+new
diff --git a/tests/test_old.py b/tests/test_old.py
--- a/tests/test_old.py
+++ b/tests/test_old.py
@@ -1 +1 @@
-old
+hidden
"""
NOT_RESET = "error: pathspec 'tests/test_new.py' did not match any file(s) known to git\n"
SOURCE = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"
OF_TESTS = "--- a/tests/test_old.py\n+++ b/tests/test_old.py\n@@ -9 +9 @@\n-assert False\n+assert True\n"


@pytest.mark.parametrize(
    "output", ["", NOT_RESET, "error: metadata-generation-failed\n", "x error: tests/test_new.py\n"]
)
def test_a_fix_of_the_source_is_decided_by_the_hidden_tests(output: str) -> None:
    assert why_not_hidden(output, SOURCE, HIDDEN) == ""


@pytest.mark.parametrize(
    "said",
    [
        "tests/test_new.py: already exists in working directory",
        "patch failed: tests/test_old.py:1",
        "tests/test_old.py: patch does not apply",
        "tests/test_old.py: No such file or directory",
        "affected file 'tests/test_new.py' is beyond a symbolic link",
    ],
)
def test_hidden_tests_that_git_refuses_decide_nothing(said: str) -> None:
    why = why_not_hidden(f"{NOT_RESET}Checking patch tests/test_new.py...\nerror: {said}\n", SOURCE, HIDDEN)
    assert why == f"the hidden tests could not be put in place: {said}"


def test_tests_of_the_prediction_that_were_not_reset_are_its_own() -> None:
    assert why_not_hidden(NOT_RESET, SOURCE + OF_TESTS, HIDDEN) == (
        "changes tests that the script could not reset: tests/test_old.py"
    )


def test_tests_of_the_prediction_that_were_reset_do_no_harm() -> None:
    assert why_not_hidden("Updated 1 path from 241af0a\n", SOURCE + OF_TESTS, HIDDEN) == ""
