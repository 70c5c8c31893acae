"""What in a task's sandbox tells its solution, looked for before an agent starts, and the mending of its git history.

History must end at the base commit: no object, ref, reflog, remote or alternate leads past it. The hidden tests must be
absent, and there must be no route to a network. Left out: histories of submodules, and other copies of the repository
that an image may hold elsewhere.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from envs.base import Result, Sandbox
from envs.errors import SandboxError
from envs.listing import settle

TIMEOUT = 900.0
"""Seconds for one question to git: a history of 30,000 commits takes tens of them on a slow disk."""
GIT = "git -c safe.directory='*' -c core.fsmonitor=false"
SETUP = "setup@swebench.config"
"""Author of the commit that SWE-bench's images put over the base commit (swebench 4, dockerfiles/python.py)."""
REACHED = f"{{ {GIT} rev-list --objects --no-object-names HEAD && {GIT} ls-files -s | cut -d' ' -f2; }} | sort -u"
EVERY = f"{GIT} cat-file --batch-all-objects --batch-check='%(objectname)' | sort"
MERGED = f"{GIT} for-each-ref --merged=HEAD --format='%(objectname)'"
"""Tags of commits up to HEAD are objects of their own."""
NAMES = (
    r"cat $(find .git/logs -type f 2>/dev/null) .git/*_HEAD 2>/dev/null"
    r" | grep -oE '\b[0-9a-f]{40,64}\b' | grep -v '^0*$' | sort -u"
)
_FILE = re.compile(r"^\+\+\+ (?:b/)?([^\t\n]+)", re.M)
_HUNK = re.compile(r"^@@ .*\n((?:[ +\-\\].*\n?|\n)*)", re.M)


def leaks(sandbox: Sandbox, *, base_commit: str = "", test_patch: str = "", root: str = "/testbed") -> list[str]:
    """What tells the solution, a sentence each; empty where nothing was found.

    `base_commit` and `test_patch` as in the task's row. SandboxError where the sandbox fails, or has no repository.
    """
    settle(sandbox)
    found = [*_past_the_base(sandbox, root, base_commit), *_history(sandbox, root)]
    found += _hidden_tests(sandbox, root, test_patch)
    return [*found, *_network(sandbox)]


def _git(sandbox: Sandbox, root: str, command: str) -> str:
    """The output of a question to git that must have an answer."""
    result = sandbox.run(f"export LC_ALL=C GIT_OPTIONAL_LOCKS=0; {command}", TIMEOUT, cwd=root)
    if result.exit_code:
        raise SandboxError(f"the history of {root} cannot be looked at ({_end(result)}): {command}")
    return result.output.strip()


def _end(result: Result) -> str:
    return result.output.strip()[-300:] or f"exit status {result.exit_code}"


def _past_the_base(sandbox: Sandbox, root: str, base: str) -> Iterator[str]:
    if not base:
        return
    name = shlex.quote(base)
    if sandbox.run(f"{GIT} merge-base --is-ancestor {name} HEAD", TIMEOUT, cwd=root).exit_code:
        yield f"HEAD does not come from the base commit {base}"
        return
    authors = set(_git(sandbox, root, f"{GIT} log --format=%ae {name}..HEAD").split())
    if authors - {SETUP}:
        changed = _git(sandbox, root, f"{GIT} diff --name-only {name} HEAD").split("\n")
        yield f"HEAD is past the base commit {base[:12]}, and changes {', '.join(changed[:5]) or 'nothing'}"


def _history(sandbox: Sandbox, root: str) -> Iterator[str]:
    where = _git(sandbox, root, f"{GIT} rev-parse --git-dir --git-common-dir").split()
    if where != [".git", ".git"]:
        yield f"the repository is not {root}/.git itself but {', '.join(sorted(set(where)))}"
    if refs := _git(sandbox, root, f"{GIT} for-each-ref --no-merged=HEAD --format='%(refname)'").split():
        yield f"{len(refs)} refs that do not lead to HEAD, such as {refs[0]}"
    if remotes := _git(sandbox, root, f"{GIT} remote -v").split("\n")[0]:
        yield f"a remote: {' '.join(remotes.split()[:2])}"
    if alternates := _git(sandbox, root, "cat .git/objects/info/alternates 2>/dev/null || true"):
        yield f"objects of another repository: {alternates.splitlines()[0]}"
    yield from _objects(sandbox, root)
    yield from _named(sandbox, root)


def _objects(sandbox: Sandbox, root: str) -> Iterator[str]:
    """Objects, loose or packed, that neither HEAD, a tag before it nor the index leads to."""
    known = f"{{ {REACHED}; {MERGED}; }} | sort -u"
    kinds = f"{GIT} cat-file --batch-check='%(objecttype)' | sort | uniq -c"
    if counted := _git(sandbox, root, f"comm -13 <({known}) <({EVERY}) | {kinds}"):
        yield f"objects that HEAD does not lead to: {', '.join(map(' '.join, map(str.split, counted.splitlines())))}"


def _named(sandbox: Sandbox, root: str) -> Iterator[str]:
    """Commits that the reflog, or a note such as FETCH_HEAD, names though HEAD does not lead to them."""
    if told := _git(sandbox, root, f"comm -13 <({REACHED}) <({NAMES})").split():
        yield f"the reflog or .git/*_HEAD names {len(told)} commits that HEAD does not lead to"


def _hidden_tests(sandbox: Sandbox, root: str, patch: str) -> Iterator[str]:
    """Hunks of the test patch that the files have already; read from here, as nothing of it may be put there."""
    sections = re.split(r"^(?=--- )", patch.replace("\r\n", "\n"), flags=re.M)
    for section in sections[1:]:
        name = _FILE.search(section)
        if not name or name[1] == "/dev/null":
            continue
        try:
            text = sandbox.read_file(f"{root}/{name[1]}").decode(errors="replace").replace("\r\n", "\n")
        except OSError:
            continue
        if any(after in text for after in map(_after, _HUNK.findall(section)) if after):
            yield f"{name[1]} has the hidden tests already"


def _after(hunk: str) -> str:
    """What a hunk leaves, its context included; empty where it adds nothing."""
    lines = hunk.splitlines()
    kept = [line[1:] for line in lines if line[:1] in ("+", " ", "")]
    return "\n".join(kept) if any(line.startswith("+") for line in lines) else ""


def _network(sandbox: Sandbox) -> Iterator[str]:
    """Routes other than the loopback's (proc(5): the columns of /proc/net/route, and the last of ipv6_route)."""
    routes = sandbox.run("tail -n +2 /proc/net/route; cat /proc/net/ipv6_route 2>/dev/null").output
    devices = {line.split()[0] if "\t" in line else line.split()[-1] for line in routes.splitlines() if line.strip()}
    if devices - {"lo"}:
        yield f"a way to the network through {', '.join(sorted(devices - {'lo'}))}"


CUT = f"""set -eu
export LC_ALL=C GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
root=$PWD new=$PWD/.git-cut
rm -rf "$new"
branch=$({GIT} symbolic-ref -q --short HEAD || echo main)
commit=$({GIT} rev-parse HEAD)
{GIT} init -q --bare "$new"
{GIT} -C "$new" -c fetch.writeCommitGraph=false fetch -q --no-tags --update-shallow --no-write-fetch-head \\
  --upload-pack "{GIT} -c uploadpack.allowAnySHA1InWant=true upload-pack" "$root" "$commit"
mkdir -p "$new/info"
[ ! -f .git/info/exclude ] || cp .git/info/exclude "$new/info/exclude"
{GIT} -C "$new" config core.bare false
{GIT} -C "$new" config core.fileMode "$({GIT} config core.fileMode || echo true)"
{GIT} -C "$new" update-ref --no-deref "refs/heads/$branch" "$commit"
{GIT} -C "$new" symbolic-ref HEAD "refs/heads/$branch"
rm -rf .git "$new/logs"
mv "$new" .git
{GIT} reset -q
rm -rf .git/logs .git/ORIG_HEAD
"""


def cut_history(sandbox: Sandbox, root: str = "/testbed") -> None:
    """Replace the repository's history by one that holds what HEAD leads to and nothing else; its files stay.

    Kept are the commits up to HEAD, the branch's name and info/exclude; what was staged is no longer. SandboxError
    where git cannot, as in a partial clone that lacks objects.
    """
    result = sandbox.run(CUT, TIMEOUT, cwd=root, fresh=True)
    if result.exit_code:
        raise SandboxError(f"the history of {root} cannot be cut: {_end(result)}")
