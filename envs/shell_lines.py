"""What a driver's shell (`envs.driver`) is sent: the line of a command, and those that shut others out of the shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Final

LONGEST_ARGUMENT: Final = 100_000
"""Bytes: Linux takes 128 KiB in one argument (execve(2), MAX_ARG_STRLEN); longer commands go through a pipe."""


GUARDS: Final = ("/tmp", "/var/tmp", "", "/dev/shm")
"""Folders that are tried for the copy of bash that its user may not read."""
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def command_line(command: str, cwd: str, environment: Mapping[str, str]) -> str:
    """What the shell is sent for a command. ValueError for what is no name of a variable."""
    for name in environment:
        if not VARIABLE.fullmatch(name):
            raise ValueError(f"environment: expected names of variables, got {name!r}")
    words, source = ["bash", "-c"], "3>&-"
    if len(command.encode(errors="surrogatepass")) <= LONGEST_ARGUMENT:
        words.append(command)
    else:
        # A here-document would need a temporary file, which a full disk refuses.
        words.append('eval "$(</dev/fd/3)" 3<&-')
        source = f"3< <(printf %s {shlex.quote(command)})"
    place, start = shlex.quote(cwd), ""
    if cwd:
        # The reason is told by a shell of its own, which counts its lines from 1.
        start = f"cd -- {place} || exec bash -c 'cd -- \"$1\"; exit 1' bash {place} 2>&1; unset OLDPWD; "
    if environment:
        start += f"export {' '.join(f'{name}={shlex.quote(value)}' for name, value in environment.items())}; "
    return f"({start}exec 2>&1 {shlex.join(words)}) </dev/null {source}"


def guarded(name: str, arguments: str) -> str:
    """The line that puts a copy of bash that its user may not read in a bash's place, to be followed by `unguarded`.

    The kernel then lets nobody without capabilities look into it (execve(2), prctl(2) PR_SET_DUMPABLE). Where no copy
    can be made, the bash that is there goes on.
    """
    copy = "(umask 077; cp /proc/$$/exe $f && chmod 111 $f) 2>/dev/null"
    return f"shopt -s execfail; for f in {_copies(name)}; do {copy} && exec $f {arguments}; done\n"


def unguarded(name: str) -> str:
    """The line that removes the file of that copy."""
    return f"rm -f {_copies(name)} 2>/dev/null\n"


def _copies(name: str) -> str:
    return " ".join(f"{folder}/{name}" for folder in GUARDS)
