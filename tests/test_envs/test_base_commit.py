"""Repositories that end at a task's base commit: what a mirror knows of later ones stays there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from envs.base_commit import commit_all, from_files, from_mirror, unpack_sdist
from envs.errors import SandboxError


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=n@x", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A clone whose later commit, tagged and packed with the rest, is the fix."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "trunk")
    for name in ("first", "base", "fix"):
        (folder / "a.py").write_text(f"{name}\n")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", name)
        git(folder, "tag", name)
    git(folder, "gc", "-q")
    return folder


def test_only_the_base_commit_and_what_it_comes_from_is_fetched(mirror: Path, tmp_path: Path) -> None:
    base, fix = git(mirror, "rev-parse", "base"), git(mirror, "rev-parse", "fix")
    folder = tmp_path / "testbed"
    assert from_mirror(mirror, base, folder) == base
    objects = git(folder, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    assert sorted(objects) == sorted(git(folder, "rev-list", "--objects", "--no-object-names", "HEAD").split())
    assert fix not in objects
    assert git(folder, "log", "--format=%s").split() == ["base", "first"]
    assert (folder / "a.py").read_text() == "base\n"


def test_no_tag_remote_reflog_or_alternate_comes_along(mirror: Path, tmp_path: Path) -> None:
    folder = tmp_path / "testbed"
    from_mirror(mirror, git(mirror, "rev-parse", "base"), folder)
    assert git(folder, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert git(folder, "remote") == git(folder, "stash", "list") == git(folder, "reflog") == ""
    left = {path.name for path in (folder / ".git").rglob("*")}
    assert not left & {"logs", "FETCH_HEAD", "ORIG_HEAD", "alternates"}


def test_a_history_can_be_left_out_but_for_the_base_commit(mirror: Path, tmp_path: Path) -> None:
    base = git(mirror, "rev-parse", "base")
    assert from_mirror(mirror, base, tmp_path / "testbed", depth=1) == base
    assert git(tmp_path / "testbed", "rev-list", "HEAD") == base


@pytest.mark.parametrize(("commit", "message"), [("HEAD", "whole name"), ("0" * 40, "git fetch")])
def test_a_commit_that_the_mirror_has_not_is_named(mirror: Path, tmp_path: Path, commit: str, message: str) -> None:
    with pytest.raises(SandboxError, match=message):
        from_mirror(mirror, commit, tmp_path / "testbed")


def test_the_same_files_have_the_same_commit(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub/a.py").write_text("x = 1\n")
        (tmp_path / name / ".gitignore").write_text("*.py\n")
    commits = {commit_all(tmp_path / "one"), from_files(tmp_path / "two", tmp_path / "three")}
    assert len(commits) == 1
    assert "sub/a.py" in git(tmp_path / "three", "ls-files")


def test_a_folders_own_history_is_left_out(mirror: Path, tmp_path: Path) -> None:
    from_files(mirror, tmp_path / "testbed")
    assert git(tmp_path / "testbed", "log", "--format=%s").split() == ["base", "files"]
    assert git(tmp_path / "testbed", "show", "--format=") == ""


def test_a_file_that_is_no_sdist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"no")
    with pytest.raises(SandboxError, match="no sdist"):
        unpack_sdist(tmp_path / "x.tar.gz", tmp_path / "x")
    assert {path.name for path in tmp_path.iterdir()} == {"x.tar.gz"}
