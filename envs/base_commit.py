"""A repository on this host that ends at a task's base commit: from a local mirror, or of plain files.

Of a mirror that one commit is fetched into an empty repository, with what it descends from: no tag, no reflog, no
remote, and no object of a later commit can come along, as they do with `git clone`. Left out: submodules.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from envs.errors import SandboxError

BRANCH = "main"
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
DATE = "2000-01-01T00:00:00Z"
"""Of a commit of plain files: the same files have the same commit each time."""
TIMEOUT = 1800


def from_mirror(mirror: Path, commit: str, folder: Path, *, depth: int = 0) -> str:
    """Check a commit of a local clone out into a new folder; its whole name. `depth` 0: with all that came before.

    Of a single commit (`depth` 1) an eval script's `git show` is the whole repository.

    SandboxError where the mirror has no such commit, or is a partial clone that lacks what it needs.
    """
    if not COMMIT.fullmatch(commit):
        raise SandboxError(f"commit '{commit}': expected its whole name, 40 hexadecimal digits")
    _init(folder)
    # Any commit may be asked for; git forgets our own settings before it starts the other side.
    serve = "git -c safe.directory='*' -c uploadpack.allowAnySHA1InWant=true upload-pack"
    how_much = [f"--depth={depth}"] if depth else []
    source = f"file://{mirror.resolve()}"
    _git(
        folder, "fetch", "-q", "--no-tags", "--no-write-fetch-head", *how_much, f"--upload-pack={serve}", source, commit
    )
    _git(folder, "update-ref", f"refs/heads/{BRANCH}", commit)
    _git(folder, "reset", "-q", "--hard")
    return _forget(folder)


def from_files(source: Path, folder: Path) -> str:
    """Put a folder's files, or an sdist's (.tar.gz), into a new repository; the name of its last commit.

    SandboxError where the source cannot be read.
    """
    if source.is_dir():
        shutil.copytree(source, folder, symlinks=True, ignore=_history)
    else:
        unpack_sdist(source, folder)
    return commit_all(folder)


def commit_all(folder: Path) -> str:
    """Make a folder of plain files a repository whose last commit has them; its name, which they alone decide."""
    _init(folder)
    _git(folder, "add", "-A", "-f")
    _git(folder, "commit", "-q", "--allow-empty", "-m", "files")
    # On top of it an empty one: eval scripts show the last commit, and every file would be in their output.
    _git(folder, "commit", "-q", "--allow-empty", "-m", "base")
    return _forget(folder)


def unpack_sdist(sdist: Path, folder: Path) -> None:
    """Unpack an sdist without the folder `name-version/` at its top (PEP 625); SandboxError for what is none."""
    scratch = folder.with_name(f".{folder.name}.unpacked")
    try:
        with tarfile.open(sdist) as archive:
            archive.extractall(scratch, filter="data")
        (top,) = scratch.iterdir()
        top.rename(folder)
    except (OSError, EOFError, ValueError, tarfile.TarError) as error:
        raise SandboxError(f"{sdist} is no sdist that can be read: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _history(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == ".git"]


def _init(folder: Path) -> None:
    _git(folder.parent, "init", "-q", f"--initial-branch={BRANCH}", str(folder))
    _git(folder, "config", "user.name", "none")
    _git(folder, "config", "user.email", "none@example.invalid")
    _git(folder, "config", "gc.auto", "0")


def _forget(folder: Path) -> str:
    """Remove what tells how the repository was made; the name of its commit."""
    shutil.rmtree(folder / ".git/logs", ignore_errors=True)
    (folder / ".git/ORIG_HEAD").unlink(missing_ok=True)
    return _git(folder, "rev-parse", "HEAD")


def _git(folder: Path, *arguments: str) -> str:
    """Run git without this host's and user's settings; its output."""
    own = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    dates = {"GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE}
    done = subprocess.run(
        ["git", "-c", "core.hooksPath=/dev/null", "-c", "core.fileMode=true", *arguments],
        cwd=folder,
        env={"PATH": os.environ.get("PATH", os.defpath), **own, **dates},
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-500:]
        raise SandboxError(f"git {arguments[0]} in {folder}: {said or f'exit status {done.returncode}'}")
    return done.stdout.decode(errors="replace").strip()
