"""What tells a task's solution is found in a sandbox, and its history is cut where it must end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from envs.base import Sandbox
from envs.errors import SandboxError
from envs.leaks import cut_history, leaks

HISTORY = """set -e
export GIT_CONFIG_GLOBAL=/dev/null HOME=/tmp
rm -rf /testbed/* /testbed/.[a-z]* /tmp/*.git /tmp/s; cd /testbed
git init -q -b trunk; git config user.name n; git config user.email n@x
commit() { echo "$1" > a.py; git add -A; git commit -q -m "$1"; git tag "$1"; }
commit first; commit base; base=$(git rev-parse HEAD)
"""
CLEAN = "git tag -d first base > /dev/null; rm -rf .git/logs"
FIX = "commit fix; git tag -d fix > /dev/null; "


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """One of each backend; every history is made anew."""
    return shared_sandbox


@pytest.fixture
def history(sandbox: Sandbox) -> Callable[[str], str]:
    """Makes a history of two commits, runs more commands, and returns the base commit."""

    def make(more: str) -> str:
        done = sandbox.run(f"{HISTORY}{more}\necho base $base")
        assert done.exit_code == 0, done.output
        return done.output.rpartition("base ")[2].strip()

    return make


def test_a_history_that_ends_at_the_base_commit_tells_nothing(sandbox: Sandbox, history: Callable[[str], str]) -> None:
    assert leaks(sandbox, base_commit=history(CLEAN)) == []


def test_what_is_staged_and_tags_of_earlier_commits_tell_nothing(
    sandbox: Sandbox, history: Callable[[str], str]
) -> None:
    base = history("git tag -a -m told old first; rm -rf .git/logs; echo new > b.py; git add b.py")
    assert leaks(sandbox, base_commit=base) == []


LEAKS = {
    "a tag": (f"{FIX}git tag v2; git reset -q --hard $base; rm -rf .git/logs", "refs that do not lead to HEAD"),
    "a branch": (f"{FIX}git branch later; git reset -q --hard $base; rm -rf .git/logs", "refs/heads/later"),
    "a stash": ("echo x > a.py; git stash -q; rm -rf .git/logs", "refs/stash"),
    "the reflog": (f"{FIX}git reset -q --hard $base; git gc -q --prune=now", "reflog"),
    "loose objects": (f"{FIX}git reset -q --hard $base; rm -rf .git/logs .git/ORIG_HEAD", "1 blob, 1 commit, 1 tree"),
    "packed objects": (
        f"{FIX}git reset -q --hard $base; git repack -qkad; rm -rf .git/logs .git/ORIG_HEAD",
        "1 commit",
    ),
    "a note": (
        f"{FIX}git rev-parse HEAD > .git/FETCH_HEAD; git reset -q --hard $base; rm -rf .git/logs",
        "_HEAD names",
    ),
    "a remote": ("git remote add origin https://example.invalid/x", "a remote: origin https://example.invalid/x"),
    "an alternate": (
        f"{FIX}git clone -q --bare . /tmp/other.git; git reset -q --hard $base; rm -rf .git/logs .git/ORIG_HEAD; "
        "git gc -q --prune=now; echo /tmp/other.git/objects > .git/objects/info/alternates",
        "objects of another repository",
    ),
    "another place": ("mv .git /tmp/real.git; echo 'gitdir: /tmp/real.git' > .git", "not /testbed/.git itself"),
    "HEAD": (f"{FIX}rm -rf .git/logs", "past the base commit"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_found(sandbox: Sandbox, history: Callable[[str], str], name: str) -> None:
    commands, told = LEAKS[name]
    base = history(commands)
    assert any(told in leak for leak in leaks(sandbox, base_commit=base))


CUT = ("a stash", "the reflog", "packed objects", "a remote", "an alternate")


def test_what_history_tells_is_gone_when_it_was_cut(sandbox: Sandbox, history: Callable[[str], str]) -> None:
    for name in CUT:
        base = history(LEAKS[name][0] + "\necho changed > a.py; echo new > c.py")
        cut_history(sandbox)
        assert leaks(sandbox, base_commit=base) == [], name
        state = sandbox.run("git log --format=%s; git status --porcelain; git symbolic-ref HEAD").output.split()
        assert state == ["base", "first", "M", "a.py", "??", "c.py", "refs/heads/trunk"], name


def test_a_shallow_history_stays_one(sandbox: Sandbox, history: Callable[[str], str]) -> None:
    base = history("git clone -q --depth 1 file:///testbed /tmp/s; rm -rf .git; mv /tmp/s/.git .git")
    cut_history(sandbox)
    assert leaks(sandbox, base_commit=base) == []
    assert sandbox.run("git log --format=%s").output == "base\n"


def test_a_commit_of_the_images_setup_over_the_base_is_none(sandbox: Sandbox, history: Callable[[str], str]) -> None:
    setup = "GIT_AUTHOR_EMAIL=setup@swebench.config git commit -q --allow-empty -m SWE-bench; "
    assert leaks(sandbox, base_commit=history(setup + CLEAN)) == []


def test_a_commit_that_does_not_come_from_the_base_is_told(sandbox: Sandbox, history: Callable[[str], str]) -> None:
    history(CLEAN)
    assert any("does not come from" in leak for leak in leaks(sandbox, base_commit="0" * 40))


TEST_PATCH = """diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1 +1,2 @@
 base
+assert fixed
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+hidden
"""


def test_hidden_tests_are_found_where_they_are_and_nowhere_else(
    sandbox: Sandbox, history: Callable[[str], str]
) -> None:
    history(CLEAN)
    assert leaks(sandbox, test_patch=TEST_PATCH) == []
    sandbox.write_file("/testbed/a.py", b"base\nassert fixed\n")
    assert leaks(sandbox, test_patch=TEST_PATCH) == ["a.py has the hidden tests already"]
    sandbox.write_file("/testbed/new.py", b"hidden\n")
    assert len(leaks(sandbox, test_patch=TEST_PATCH)) == 2


def test_a_folder_without_a_repository_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="cannot be looked at"):
        leaks(sandbox, root="/tmp")
