"""What the engine builds a repository's image from: its files as one archive, and a Dockerfile of a few lines."""

from __future__ import annotations

import tarfile
from pathlib import Path

from envs.errors import SandboxError

COMMIT = (
    "git init -q && git config user.email none@example.invalid && git config user.name none && "
    "git config core.fileMode true && git add -A -f && git commit -q --allow-empty -m base"
)
"""One commit of everything: nothing later than the task can be in a history of one."""


def write_context(folder: Path, source: Path, base: str, setup: str) -> None:
    """Write `source.tar` and `Dockerfile` into a folder. SandboxError for an archive that cannot be read."""
    if source.is_dir():
        with tarfile.open(folder / "source.tar", "w") as archive:
            archive.add(source, ".", filter=_without_history)
    else:
        _repack(source, folder / "source.tar")
    # A heredoc would need BuildKit, which an engine from a distribution does not have.
    lines = [f"FROM {base}", "WORKDIR /testbed", "ADD source.tar /testbed/"]
    lines += [f"RUN {setup}"] if setup else []
    lines += [f"RUN {COMMIT}"]
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _without_history(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave the history out, which may hold the fix, and give the files to root, whom git trusts."""
    if Path(member.name).parts[:1] == (".git",):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _repack(sdist: Path, target: Path) -> None:
    """Write an sdist's files without the folder `name-version/` above them (PEP 625)."""
    try:
        with tarfile.open(sdist) as packed, tarfile.open(target, "w") as archive:
            for member in packed:
                _, _, member.name = member.name.partition("/")
                if member.islnk():  # a hard link names its target from the top of the archive, a symbolic one does not
                    member.linkname = member.linkname.partition("/")[2]
                kept = _without_history(member) if member.name else None
                if kept:
                    archive.addfile(kept, packed.extractfile(member) if member.isreg() else None)
    except (tarfile.TarError, EOFError) as error:
        raise SandboxError(f"{sdist} is no archive that can be read: {error}") from error
