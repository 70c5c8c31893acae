"""A sandbox's repository as git sees it there: the files it begins with, and patches of what became of them.

Git works with a repository of its own that only borrows the objects: neither the configuration nor the index that an
agent left decides anything, and neither is changed. Patches are UTF-8 whatever the files hold: a file whose lines are
not goes in as a binary one, because predictions are kept as JSON and the SWE-bench harness 5.0.2 writes them as UTF-8.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from envs.base import Sandbox
from envs.errors import SandboxError
from envs.listing import Unreadable

JUNK = ("__pycache__", "*.pyc", ".pytest_cache", ".mypy_cache", "*.egg-info")
"""Never part of a patch: what running tests leaves behind."""
SECONDS = 120.0
"""For one of the scripts below; the largest repositories take a few."""
LARGEST = 32 << 20
"""Bytes of a patch, or of a file that is read; no fix has as many."""
REGULAR = ("100644", "100755")
"""Git's modes of files that are neither links nor submodules."""

_JUNK = " ".join(shlex.quote(f":(exclude,glob)**/{name}") for name in JUNK)
_OPEN = r"""
set -e -o pipefail
rm -rf {scratch} {scratch}.out
trap 'rm -rf {scratch}' EXIT
export HOME={scratch} GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1 LC_ALL=C
git init -q --bare --template= {scratch}
printf '%s\n' {objects} > {scratch}/objects/info/alternates
export GIT_DIR={scratch} GIT_WORK_TREE="$PWD"
"""
_ADD = r"""
git read-tree {tree}
git add -u -- . {junk}
# The new files, but for those of embedded repositories, which git would take as a link or refuse.
mapfile -t -d '' embedded < <(find . -mindepth 2 -name .git -prune -printf ':(exclude,literal)%h\0')
git add -A -- . {junk} "${{embedded[@]}}"
"""
_ADD_FILES = r"""
git read-tree {tree}
mapfile -t -d '' given < {scratch}.files/list
for ((n = 0; n < ${{#given[@]}}; n += 2)); do
  blob=$(git hash-object -w --no-filters {scratch}.files/$n)
  git update-index --add --cacheinfo "${{given[n]}},$blob,${{given[n + 1]}}"
done
"""
_DIFF = r"""
diff=(git diff --cached --binary --no-color --no-ext-diff --no-textconv --no-renames --ignore-submodules {tree})
mapfile -t -d '' changed < <("${{diff[@]}}" --name-only -z)
text=(.) binary=()
for n in {odd}; do
  text+=(":(exclude,literal)${{changed[n]}}") binary+=(":(literal)${{changed[n]}}")
done
"${{diff[@]}}" -- "${{text[@]}}" > {scratch}.out
if [ "${{#binary[@]}}" -gt 0 ]; then
  mkdir -p {scratch}/info
  echo '* -diff' > {scratch}/info/attributes
  "${{diff[@]}}" -- "${{binary[@]}}" >> {scratch}.out
fi
"""
_START = r"""
found=$(git write-tree)
if [ "$found" = "$(git rev-parse {tree}^{{tree}})" ]; then
  echo > {scratch}.out
else
  rm -rf {scratch}.start
  mv {scratch}/objects {scratch}.start
  echo "$found" > {scratch}.out
fi
"""
_FILES = "git ls-tree -r -z --long {tree} > {scratch}.out"
_FILE = re.compile(r"(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)", re.S)
_SECTION = re.compile(rb"^(?=diff --git )", re.M)


@dataclass(frozen=True, slots=True)
class Base:
    """What a patch is made against."""

    tree: str
    """A commit, or a tree."""
    objects: str
    """The folder of the objects, in the sandbox."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the base."""

    mode: str
    """As git writes it; see REGULAR."""
    blob: str
    size: int
    """Bytes; 0 for a submodule."""


def find_base(sandbox: Sandbox, root: str) -> Base | None:
    """The commit that is checked out; None where there is no history."""
    # Repositories in images often belong to another user, which git refuses to look at.
    git = "git -c safe.directory='*'"
    script = f'{git} rev-parse -q --verify HEAD && cd "$({git} rev-parse --git-path objects)" && pwd -P'
    result = sandbox.run(f"{{ {script}; }} 2> /dev/null", cwd=root)
    tree, _, objects = result.output.strip().partition("\n")
    return None if result.exit_code else Base(tree, objects)


def start_state(sandbox: Sandbox, root: str, scratch: str) -> Base:
    """What the work tree holds now: the commit where they are the same, else a tree of its own.

    Images are built with changes that no commit has (a pinned requirement, files of the build). A patch against the
    commit would hold them too, and then apply nowhere. SandboxError where there is no commit.
    """
    commit = find_base(sandbox, root)
    if commit is None:
        raise SandboxError(f"{root} is no git checkout with a commit; a task's repository stands at its base commit")
    tree = Repository(sandbox, root, commit, scratch).read_out(_ADD + _START, "the start").decode().strip()
    return Base(tree, f"{scratch}.start") if tree else commit


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository at `root`, and the state that its patches begin from."""

    sandbox: Sandbox
    root: str
    base: Base
    scratch: str
    """A path for temporary files in the sandbox, outside of the repository, that needs no quotes."""

    def patch(self) -> str:
        """What changed in the work tree, new and binary files and modes included, as `git diff` writes it.

        Left out are JUNK, what git ignores, submodules, and repositories within this one. Unreadable where it cannot
        be made, as when a file cannot be read or git's objects are gone.
        """
        return self._diff(_ADD)

    def patch_of(self, files: Mapping[str, bytes]) -> str:
        """The patch that gives these files their contents, by path; modes stay, and the work tree is not touched."""
        known = self.files()
        entries: list[str] = []
        for place, (path, content) in enumerate(files.items()):
            self.sandbox.write_file(f"{self.scratch}.files/{2 * place}", content)
            entries += [known[path].mode if path in known else REGULAR[0], path]
        listing = "".join(f"{entry}\0" for entry in entries).encode(errors="surrogateescape")
        self.sandbox.write_file(f"{self.scratch}.files/list", listing)
        return self._diff(_ADD_FILES)

    def files(self) -> dict[str, File]:
        """The files of the base by path, undecodable names as surrogates."""
        rows = self.read_out(_FILES, "the list of files").decode(errors="surrogateescape").split("\0")
        found = [_FILE.fullmatch(row) for row in rows if row]
        return {row[5]: File(row[1], row[3], 0 if row[4] == "-" else int(row[4])) for row in found if row}

    def read(self, file: File) -> bytes:
        """The content of a file of the base."""
        return self.read_out(f"git cat-file blob {file.blob} > {{scratch}}.out", f"blob {file.blob}")

    def read_out(self, script: str, what: str, odd: str = "") -> bytes:
        """Run one of this module's scripts and read what it wrote. Unreadable names `what` could not be made."""
        filled = (_OPEN + script).format(
            scratch=self.scratch,
            objects=shlex.quote(self.base.objects),
            tree=self.base.tree,
            junk=_JUNK,
            odd=odd,
        )
        result = self.sandbox.run(filled, SECONDS, cwd=self.root)
        if result.exit_code:
            raise Unreadable(f"{what} cannot be made in {self.root}: {result.output.strip()[-500:]}")
        try:
            return self.sandbox.read_file(f"{self.scratch}.out", LARGEST)
        except OSError as error:
            raise Unreadable(f"{what} of {self.root} cannot be read: {error}") from error

    def _diff(self, index: str) -> str:
        patch = self.read_out(index + _DIFF, "the patch")
        odd = [str(n) for n, part in enumerate(_SECTION.split(patch)[1:]) if not _is_utf8(part)]
        if odd:
            patch = self.read_out(index + _DIFF, "the patch", " ".join(odd))
        return patch.decode()


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
