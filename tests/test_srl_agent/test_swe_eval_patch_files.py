"""A patch that names a file of the tests' configuration is found in every form that git or GNU patch accepts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srl_agent.swe_eval.patch_files import flagged_files
from srl_agent.swe_eval.rows import read_tasks

HUNK = "@@ -0,0 +1 @@\n+import x\n"
FORMS = {
    "git": f"diff --git a/conftest.py b/conftest.py\nnew file mode 100644\n--- /dev/null\n+++ b/conftest.py\n{HUNK}",
    "plain": f"--- /dev/null\n+++ b/tests/conftest.py\n{HUNK}",
    "other prefix": f"--- old/x\n+++ new/conftest.py\n{HUNK}",
    "stamped": f"--- a/conftest.py\t2024-01-01 00:00:00\n+++ b/conftest.py\t2024-01-01 00:00:01\n{HUNK}",
    "stamped with blanks": f"--- a/conftest.py 2024-01-01\n+++ b/conftest.py 2024-01-01\n{HUNK}",
    "quoted": f'diff --git "a/conf\\164est.py" "b/conf\\164est.py"\n--- /dev/null\n+++ "b/conf\\164est.py"\n{HUNK}',
    "renamed": "diff --git a/x.py b/y.py\nsimilarity index 100%\nrename from x.py\nrename to tests/conftest.py\n",
    "copied": "diff --git a/x.py b/y.py\nsimilarity index 100%\ncopy from x.py\ncopy to tests/conftest.py\n",
    "binary": "diff --git a/conftest.pyc b/conftest.pyc\nindex 0..1\nGIT binary patch\nliteral 1\nIcmZPo000310RR91\n\n",
    "removed": "diff --git a/conftest.py b/conftest.py\ndeleted file mode 100644\nindex 1..0\n",
    "mode": "diff --git a/conftest.py b/conftest.py\nold mode 100644\nnew mode 100755\n",
    "index line": f"Index: a/conftest.py\n{'=' * 60}\n@@ -0,0 +1 @@\n+import x\n",
    "context diff": "*** a/conftest.py\n--- b/conftest.py\n***************\n*** 0 ****\n--- 1 ----\n+ import x\n",
    "indented": f"  --- /dev/null\n  +++ b/conftest.py\n  {HUNK}",
    "after an X": f"X--- /dev/null\nX+++ b/conftest.py\nX{HUNK}",
    "dash-escaped": f"- --- /dev/null\n+++ b/conftest.py\n{HUNK}",
    "line ends of Windows": f"--- /dev/null\r\n+++ b/conftest.py\r\n{HUNK}",
    "inside a hunk that claims more": f"--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n-a\n--- a/x\n+++ b/conftest.py\n{HUNK}",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found(form: str) -> None:
    assert any(name.endswith(("conftest.py", "conftest.pyc")) for name in flagged_files(FORMS[form]))


@pytest.mark.parametrize(
    "name",
    ["pytest.ini", "sub/.pytest.ini", "setup.cfg", "tox.ini", "pyproject.toml", "sitecustomize.py", "lib/evil.pth"],
)
def test_every_configuration_file_is_found(name: str) -> None:
    assert flagged_files(f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-a\n+b\n") == (name,)


@pytest.mark.parametrize("name", ["src/conftest_helper.py", "setup.py", "docs/tox.ini.rst", "pytest.ini.bak", "a b.py"])
def test_files_of_similar_names_are_not(name: str) -> None:
    assert flagged_files(f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-a\n+b\n") == ()


def test_what_a_hunk_says_about_such_a_file_is_no_change_of_it() -> None:
    body = "@@ -1,2 +1,2 @@\n see conftest.py\n-read setup.cfg\n+read pyproject.toml\n"
    assert flagged_files(f"--- a/x.py\n+++ b/x.py\n{body}") == ()


SCRIPT = """git checkout 0000 tests/test_a.py
: '>>>>> Start Test Output'
./tests/runtests.py --verbosity 2 tests/test_a.py
: '>>>>> End Test Output'
git checkout 0000 tests/test_a.py
"""


@pytest.mark.parametrize(("name", "found"), [("tests/runtests.py", True), ("tests/test_a.py", False), ("a.py", False)])
def test_the_runner_that_the_script_calls_is_found_and_what_it_resets_is_not(name: str, found: bool) -> None:
    patch = f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-a\n+b\n"
    assert flagged_files(patch, SCRIPT) == ((name,) if found else ())


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=20))
def test_a_name_that_git_quotes_is_read_as_git_writes_it(middle: str) -> None:
    # What git prints where core.quotePath is on: bytes beyond ASCII in octal.
    quoted = "".join(
        chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in f"b/{middle}/conftest.py".encode()
    )
    assert len(flagged_files(f'+++ "{quoted}"\n{HUNK}')) >= 1


@pytest.mark.parametrize(
    "form", ["git", "plain", "quoted", "stamped with blanks", "dash-escaped", "indented", "after an X", "index line"]
)
def test_the_forms_are_ones_that_patch_takes(form: str, tmp_path: Path) -> None:
    patch = (
        FORMS[form].replace("a/conftest.py 2", "/dev/null 2").replace("\n  @@ -0,0 +1 @@\n+", "\n  @@ -0,0 +1 @@\n  +")
    )
    command = ["patch", "--batch", "--forward", "--fuzz=5", "-p1"]
    subprocess.run(command, cwd=tmp_path, input=patch.encode(), check=True, capture_output=True, timeout=60)
    assert [path.name for path in tmp_path.rglob("*.py")] == ["conftest.py"]


def test_of_500_gold_patches_one_is_flagged(shared_data: Path) -> None:
    tasks = read_tasks(shared_data / "swe-tasks" / "SWE-bench_Verified.test.2026-08-10.parquet").tasks
    flagged = {
        one.instance_id: files for one in tasks if (files := flagged_files(one.gold_patch, one.row["eval_script"]))
    }
    assert flagged == {"pylint-dev__pylint-4661": ("setup.cfg",)}
