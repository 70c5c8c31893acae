"""Patches that git makes in a sandbox: on a fresh checkout they give the same tree, whatever the files hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.base import Backend, Sandbox, Spec
from envs.errors import SandboxError
from envs.image_context import COMMIT
from envs.listing import Unreadable
from envs.repository import Repository, find_base, start_state

_number = itertools.count()
BYTES = [
    b"a\nb\n",
    b"a\nb",
    b"a\r\nb\r\n",
    b"",
    b"caf\xe9\nb\n",
    "é\n".encode(),
    b"\0\1\n",
    b"a\rb\n\x0c\x1c\n",
    b"\n\n",
]
NAMES = ["a.py", "b c.py", "d/e.py", "d/f'g.py", "h\tä.txt"]
trees = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(BYTES) | st.binary(max_size=40), min_size=1)


@pytest.fixture
def root(shared_sandbox: Sandbox) -> str:
    return new_root(shared_sandbox)


def new_root(sandbox: Sandbox) -> str:
    root = f"/testbed/r{next(_number)}"
    assert sandbox.run(f"mkdir -p {root}", cwd="/").exit_code == 0
    return root


def commit(sandbox: Sandbox, root: str, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        sandbox.write_file(f"{root}/{name}", content)
    done = sandbox.run(COMMIT, cwd=root)
    assert done.exit_code == 0, done.output


def begun(sandbox: Sandbox, root: str) -> Repository:
    return Repository(sandbox, root, start_state(sandbox, root, f"{root}-start"), f"{root}-scratch")


def tree_after(sandbox: Sandbox, root: str, patch: str) -> str:
    """The tree that the patch gives on a fresh checkout of the repository's first commit."""
    other = f"{root}-fresh{next(_number)}"
    sandbox.write_file(f"{other}.patch", patch.encode())
    apply = f"git apply --whitespace=nowarn {other}.patch" if patch else "true"
    clone = f"git clone -q --no-local {root} {other} && cd {other}"
    reset = "git reset -q --hard $(git rev-list --max-parents=0 HEAD)"
    done = sandbox.run(f"{clone} && {reset} && {apply} && git add -A -f && git write-tree", cwd=root)
    assert done.exit_code == 0, done.output
    return done.output.strip().split("\n")[-1]


def tree_of(sandbox: Sandbox, root: str) -> str:
    done = sandbox.run("git add -A -f && git write-tree", cwd=root)
    assert done.exit_code == 0, done.output
    return done.output.strip()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=trees, after=trees)
def test_the_patch_gives_the_same_tree_on_a_fresh_checkout(
    shared_sandbox: Sandbox, before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    root = new_root(shared_sandbox)
    commit(shared_sandbox, root, before)
    repository = begun(shared_sandbox, root)
    shared_sandbox.run("find . -mindepth 1 -maxdepth 1 -not -name .git -exec rm -r {} +", cwd=root)
    for name, content in after.items():
        shared_sandbox.write_file(f"{root}/{name}", content)
    patch = repository.patch()
    assert tree_after(shared_sandbox, root, patch) == tree_of(shared_sandbox, root)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=trees, after=trees)
def test_files_as_they_should_become_give_the_patch_that_writing_them_gives(
    shared_sandbox: Sandbox, before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    root = new_root(shared_sandbox)
    commit(shared_sandbox, root, before)
    repository = begun(shared_sandbox, root)
    patch = repository.patch_of(after)
    assert shared_sandbox.run("git status --porcelain", cwd=root).output == ""
    for name, content in after.items():
        shared_sandbox.write_file(f"{root}/{name}", content)
    assert tree_after(shared_sandbox, root, patch) == tree_of(shared_sandbox, root)


def test_modes_and_links_are_part_of_the_patch(shared_sandbox: Sandbox, root: str) -> None:
    commit(shared_sandbox, root, {"a.sh": b"x\n", "b": b"y\n"})
    repository = begun(shared_sandbox, root)
    shared_sandbox.run("chmod +x a.sh; ln -s a.sh link; printf '#!/bin/sh\\n' > new; chmod 755 new", cwd=root)
    patch = repository.patch()
    assert "old mode 100644\nnew mode 100755\n" in patch
    assert tree_after(shared_sandbox, root, patch) == tree_of(shared_sandbox, root)


def test_only_a_file_that_is_not_utf8_goes_in_as_binary(shared_sandbox: Sandbox, root: str) -> None:
    commit(
        shared_sandbox,
        root,
        {"latin.py": b"# caf\xe9\nx = 1\n", "plain.py": b"x = 1\n", ".gitattributes": b"*.py diff\n"},
    )
    repository = begun(shared_sandbox, root)
    shared_sandbox.run("sed -i 's/x = 1/x = 2/' *.py", cwd=root)
    patch = repository.patch()
    assert patch.count("GIT binary patch") == 1
    assert "-x = 1\n+x = 2\n" in patch
    assert tree_after(shared_sandbox, root, patch) == tree_of(shared_sandbox, root)


def test_ignored_and_junk_files_are_left_out(shared_sandbox: Sandbox, root: str) -> None:
    commit(shared_sandbox, root, {".gitignore": b"*.log\n", "a.py": b"x\n"})
    repository = begun(shared_sandbox, root)
    shared_sandbox.run("echo > b.log; mkdir -p c/__pycache__; echo > c/__pycache__/d.pyc; echo y > a.py", cwd=root)
    assert [line for line in repository.patch().split("\n") if line.startswith("diff")] == ["diff --git a/a.py b/a.py"]


def test_what_stood_there_at_the_start_is_no_part_of_the_patch(shared_sandbox: Sandbox, root: str) -> None:
    commit(shared_sandbox, root, {"a.py": b"x\n", "setup.py": b"old\n"})
    shared_sandbox.run("echo pinned > setup.py; echo built > built.c", cwd=root)
    repository = begun(shared_sandbox, root)
    assert repository.patch() == ""
    shared_sandbox.run("echo y > a.py; echo changed > built.c", cwd=root)
    patch = repository.patch()
    assert "setup.py" not in patch
    assert "-built\n+changed\n" in patch


def test_a_clean_start_is_the_commit_itself(shared_sandbox: Sandbox, root: str) -> None:
    commit(shared_sandbox, root, {"a.py": b"x\n"})
    assert start_state(shared_sandbox, root, f"{root}-start") == find_base(shared_sandbox, root)


def test_a_folder_without_a_commit_is_refused(shared_sandbox: Sandbox, root: str) -> None:
    with pytest.raises(SandboxError, match="no git checkout with a commit"):
        start_state(shared_sandbox, root, f"{root}-start")


def test_a_submodule_is_no_part_of_the_patch(shared_sandbox: Sandbox, root: str) -> None:
    commit(shared_sandbox, f"{root}-other", {"sub.py": b"x\n"})
    add = f"git init -q . && git -c protocol.file.allow=always submodule add -q {root}-other lib"
    assert shared_sandbox.run(add, cwd=root).exit_code == 0
    commit(shared_sandbox, root, {"a.py": b"x\n"})
    repository = begun(shared_sandbox, root)
    inside = "cd lib && echo y > sub.py && git -c user.name=a -c user.email=b commit -qam y && echo z > new.py"
    assert shared_sandbox.run(inside, cwd=root).exit_code == 0
    assert repository.patch() == ""
    shared_sandbox.run("echo y > a.py", cwd=root)
    assert "lib" not in repository.patch()


def test_the_start_has_its_files_with_modes_and_sizes(shared_sandbox: Sandbox, root: str) -> None:
    shared_sandbox.run("ln -s a.py link", cwd=root)
    commit(shared_sandbox, root, {"a.py": b"x\n", "d/b c.py": b""})
    repository = begun(shared_sandbox, root)
    files = repository.files()
    assert {name: (file.mode, file.size) for name, file in files.items()} == {
        "a.py": ("100644", 2),
        "d/b c.py": ("100644", 0),
        "link": ("120000", 4),
    }
    assert repository.read(files["a.py"]) == b"x\n"


def test_a_path_that_git_refuses_makes_no_patch(shared_sandbox: Sandbox, root: str) -> None:
    commit(shared_sandbox, root, {"a.py": b"x\n"})
    with pytest.raises(Unreadable, match="the patch cannot be made"):
        begun(shared_sandbox, root).patch_of({"git~1/config": b"x"})


def test_a_patch_too_large_to_be_a_fix_is_refused(shared_sandbox: Sandbox, root: str) -> None:
    commit(shared_sandbox, root, {"a.py": b"x\n"})
    repository = begun(shared_sandbox, root)
    shared_sandbox.run("head -c 34000000 /dev/zero | tr '\\0' '\\n' > lines", cwd=root)
    with pytest.raises(Unreadable, match=r"cannot be (made|read)"):
        repository.patch()


@pytest.fixture
def dying(system: tuple[str, Backend, Spec]) -> Iterator[Sandbox]:
    sandbox = system[1].start(system[2])
    yield sandbox
    sandbox.close()


def test_a_sandbox_that_is_gone_raises(dying: Sandbox) -> None:
    commit(dying, "/testbed", {"a.py": b"x\n"})
    repository = begun(dying, "/testbed")
    dying.close()
    with pytest.raises(SandboxError):
        repository.patch()
