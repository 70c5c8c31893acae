"""What one sandbox's repository has that another's has not, and its way over: digests, then a tar of what differs."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence

from envs.base import Sandbox
from envs.listing import Unreadable, checked, listed

SCRATCH = "/tmp/.carried"
MAX_BYTES = 64 << 20
"""Of changed files; a repair has a few kilobytes."""
_ASIDE = r"\( -name .git -o -name __pycache__ -o -name .pytest_cache -o -name '*.pyc' \) -prune -o"
"""Not carried: history, and compiled code, which would be run in place of its source."""


def changed_files(finished: Sandbox, fresh: Sandbox, root: str) -> tuple[str, ...]:
    """Paths below `root` of the files and links that differ, in order. Unreadable where `finished` cannot be listed."""
    after, before = _digests(finished, root), _digests(fresh, root)
    return tuple(sorted(path for path in after.keys() | before.keys() if after.get(path) != before.get(path)))


def _digests(sandbox: Sandbox, root: str) -> dict[str, str]:
    files = listed(sandbox, root, f"find . {_ASIDE} -type f -print0 | xargs -0 -r sha256sum -z --", SCRATCH)
    modes = listed(sandbox, root, f"find . {_ASIDE} \\( -type f -o -type l \\) -printf '%P//%y %m %l\\0'", SCRATCH)
    facts = dict(line.split("//", 1) for line in modes)
    contents = {line[66:].removeprefix("./"): line[:64] for line in files}
    return {path: f"{fact} {contents.get(path, '')}" for path, fact in facts.items()}


def carry(paths: Sequence[str], finished: Sandbox, fresh: Sandbox, root: str) -> str:
    """Make those files of `fresh` equal to the ones of `finished`; returns why that cannot be done, empty if it was."""
    names = b"".join(path.encode(errors="surrogateescape") + b"\0" for path in paths)
    if not names:
        return ""
    try:
        packed = _packed(names, finished, root)
    except (Unreadable, tarfile.TarError) as error:
        return f"the changed files cannot be read any more: {error}"
    if len(packed) > MAX_BYTES:
        return f"the changed files are larger than {MAX_BYTES >> 20} MB"
    fresh.write_file(f"{SCRATCH}.names", names)
    fresh.write_file(f"{SCRATCH}.tar", packed)
    # Unlinked first: tar would write through a link that stands where a file is to be.
    unpack = f"xargs -0 rm -f -- < {SCRATCH}.names && tar -xf {SCRATCH}.tar --no-same-owner"
    result = fresh.run(unpack, cwd=root)
    return f"the changed files cannot be laid over the repository: {result.output[-300:]}" if result.exit_code else ""


def _packed(names: bytes, finished: Sandbox, root: str) -> bytes:
    """A tar of those that are still there, with nothing in it but plain files and links below the repository."""
    finished.write_file(f"{SCRATCH}.names", names)
    here = 'while IFS= read -r -d "" p; do if [ -e "$p" ] || [ -L "$p" ]; then printf "%s\\0" "$p"; fi; done'
    tar = f"tar --null --no-recursion --verbatim-files-from -T - -cf - | head -c {MAX_BYTES + 1}"
    checked(finished, f"{here} < {SCRATCH}.names | {tar} > {SCRATCH}.tar", root)
    packed = finished.read_file(f"{SCRATCH}.tar")
    return packed if len(packed) > MAX_BYTES else _clean(packed, names)


def _clean(packed: bytes, names: bytes) -> bytes:
    """The programs that packed it were the policy's to change: members that were not asked for are left out."""
    wanted = set(names.split(b"\0"))
    cleaned = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(packed)) as source, tarfile.open(fileobj=cleaned, mode="w") as target:
        for member in source:
            if member.name.encode(errors="surrogateescape") in wanted and (member.isreg() or member.issym()):
                target.addfile(member, source.extractfile(member) if member.isreg() else None)
    return cleaned.getvalue()
