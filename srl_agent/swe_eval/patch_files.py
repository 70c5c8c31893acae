"""Which files that steer a test a patch names, read so that no form that git or patch accepts is missed.

Not a parser of diffs: those refuse what `git apply` and `patch --fuzz`, which the harness tries in turn, still take.
Every line that any of them could read as the name of a file counts, in whatever place. The price is a patch whose text
happens to hold such a line (`--- setup.cfg`): it is flagged, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from envs.outcome import SUSPICIOUS

_HEADER = re.compile(
    r"^[ \tX]*(?:- )*(?P<kind>diff --git|---|\+\+\+|\*\*\*|Index:|(?:rename|copy) (?:from|to|old|new))"
    r"[ \t]*(?P<rest>.*)$",
    re.MULTILINE,
)
"""GNU patch (2.7, pch.c, `intuit_diff_type`) skips blanks, tabs and X before a header, and the dashes of RFC 934."""
START, END = ">>>>> Start Test Output", ">>>>> End Test Output"
"""Around the test command in every script; behind it the script checks the test files out again (swebench 5.0.2)."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)")
_LETTERS = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}


def flagged_files(patch: str, eval_script: str = "") -> tuple[str, ...]:
    """The files named in a patch with which it could forge a verdict, sorted.

    Those of `envs.outcome.SUSPICIOUS`, and of the task's own script what its test command names, such as Django's
    `./tests/runtests.py`; test files stand there too, and those that the script resets are not meant. A runner's own
    modules, and code under test that prints a verdict, are not found.
    """
    files, runner = named_files(patch), _runner_files(eval_script)
    return tuple(sorted(file for file in files if SUSPICIOUS.fullmatch(PurePosixPath(file).name) or file in runner))


def named_files(patch: str) -> set[str]:
    """Whatever a patch may name as a file, in any form that git or patch accepts; some of it may be none."""
    headers = _HEADER.finditer(patch)
    return {_below_root(name) for found in headers for name in _names(found["kind"], found["rest"])}


def _runner_files(eval_script: str) -> set[str]:
    _, _, after = eval_script.partition(START)
    command, _, after = after.partition(END)
    return {word.removeprefix("./") for word in command.split()} - set(after.split())


def _names(kind: str, rest: str) -> Iterator[str]:
    """What the rest of a header may mean: quoted names, all of it, or it up to a time stamp."""
    yield from (_unquoted(found) for found in _QUOTED.findall(rest))
    words = rest.split()
    if kind == "diff --git":
        yield from words
    else:
        yield rest.partition("\t")[0].strip()
        yield from words[:1]


def _unquoted(text: str) -> str:
    """A name as git quotes it, in C's manner; bytes beyond ASCII, which no name looked for has, stay single."""
    return _ESCAPE.sub(lambda found: _LETTERS.get(found[1]) or _character(found[1]), text)


def _character(escape: str) -> str:
    return chr(int(escape, 8) & 0xFF) if escape[0] in "01234567" else escape


def _below_root(name: str) -> str:
    """Without the first folder, which `-p1` drops."""
    return name.partition("/")[2] if name.startswith(("a/", "b/")) else name
