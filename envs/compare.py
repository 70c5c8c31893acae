"""Whether an observation made now says the same as the recorded one, whatever frame either agent put around it.

The normalisation, in order: the frame of the recording agent is taken off (its exit status is kept), terminal colours
and the overwritten part of progress lines go, then times, dates, memory addresses, temporary names, process numbers,
Python's own line numbers and builds and a file system's sizes of folders become placeholders, white space at line ends
and empty lines go. What `find` and `grep -r` print is compared without its order. Directory views are compared by the
names of their first level, edits by whether they succeeded: editors word their confirmations differently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from trajectories.records import Action

# Frames: OpenHands 0.x and V1 end with bracketed lines, mini-swe-agent wraps in tags, SWE-agent comments on silence.
# A status is the frame's first line in tags, else its last lines: a program may print such lines of its own.
_EXIT_LINES = (
    re.compile(r"\A\s*<returncode>(-?\d+)</returncode>$", re.M),
    re.compile(
        r"^\[?(?:the )?(?:command (?:completed|finished|ended) with exit code:?|exit status|exit code:) (-?\d+)\.?\]?$"
        r"(?=(?:\s|\[[^\n]*\])*\Z)",
        re.I | re.M,
    ),
)
_FRAME_LINES = re.compile(
    r"^(?:\[(?:current working directory|python interpreter|shell died|timed out)\b.*\]"
    r"|</?output>|your command ran successfully and did not produce any output\.?"
    r"|\(open file: .*\)|\(current directory: .*\)|bash-\$)$",
    re.I | re.M,
)
_STANDARD_LIBRARY = (
    r'(File "(?:<frozen [\w.]+>|[^"\n]*/lib/python3\.\d+/(?!site-packages|dist-packages)[^"\n]*)", line )\d+'
)
_NOISE = (
    (re.compile(r"\x1b\[[0-9;?]*[A-Za-z]"), ""),
    (re.compile(r"^[^\n]*\r(?!\n)", re.M), ""),
    (re.compile(_STANDARD_LIBRARY), r"\1<number>"),
    (re.compile(r"\b(\d+\.\d+)\.\d+ \([^()\n]{1,80}\) \[(?:GCC|Clang)[^\]\n]{0,80}\]"), r"\1 <build>"),
    # Where a command stands in what its shell was given is the agent's affair.
    (re.compile(r"^(?:/\S*/)?(?:bash|sh): (?:-c: )?(?:line \d+: )?(?!line \d)", re.M), "bash: "),
    (re.compile(r"^(index [0-9a-f]{7})[0-9a-f]*\.\.([0-9a-f]{7})[0-9a-f]*", re.M), r"\1..\2"),
    # Of `ls -l`: blocks, links and sizes of folders are the file system's, the size of a file is the repository's.
    (re.compile(r"^total \d+$", re.M), "total <number>"),
    (re.compile(r"^(d[rwxsStT-]{9})[.+@]? +\d+ +(\S+) +(\S+) +\d+ ", re.M), r"\1 \2 \3 "),
    (re.compile(r"^([-lbcps][rwxsStT-]{9})[.+@]? +\d+ +(\S+) +(\S+) +(\d+) ", re.M), r"\1 \2 \3 \4 "),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<date>"),
    (re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,? .{0,20}\d\d:\d\d:\d\d(?: [A-Z]{3,4})?(?: \d{4})?"), "<date>"),
    (re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w* +\d{1,2} +(?:\d\d:\d\d|\d{4})\b"), "<date>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"), "<time>"),
    (re.compile(r"\b\d+(?:\.\d+)?(?:e-?\d+)? ?(?:s|ms|us|µs|sec|secs|seconds?|minutes?)\b"), "<time>"),
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b"), "<address>"),
    (re.compile(r"(/(?:var/)?tmp)/[\w.+-]+"), r"\1/<name>"),
    (re.compile(r"\bpytest-of-\w+(?:/pytest-\d+)?"), "<pytest folder>"),
    (re.compile(r"\b(pid|process)([ =:]+)\d+", re.I), r"\1\2<number>"),
    (re.compile(r"^\[(\d+)\] \d+$", re.M), r"[\1] <number>"),
)
# What walks a directory prints it in the file system's order.
_UNORDERED = re.compile(r"(?:^|[|;&(]|\bxargs\s)\s*(?:find\s|grep\s(?:[^|;&\n]*\s)?(?:-\w*[rR]|--recursive))", re.M)
_NUMBERED = re.compile(r"^\s*(\d+)(?:\t|\||: )", re.M)
_FAILED_EDIT = re.compile(
    r"^\s*(?:error\b|no replacement|invalid|the path .{0,300}(?:does not exist|is not)|file already exists|no edit)",
    re.I,
)
CHANGES = ("create", "str_replace", "insert", "undo_edit")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two observations of one action."""

    same: bool
    similarity: float
    """2M/T over lines after normalisation; 1 when they are the same."""
    recorded: tuple[str, ...]
    """Lines of the recorded one after normalisation, and of the present one."""
    now: tuple[str, ...]


def compare(action: Action, recorded: str, now: str) -> Comparison:
    """Compare what an action gave in the recording with what it gives now."""
    arguments = dict(action.arguments)
    command = arguments.get("command", "") if action.tool == "str_replace_editor" else ""
    if command in CHANGES:
        outcomes = [("failed",) if _FAILED_EDIT.match(text) else ("done",) for text in (recorded, now)]
        return _comparison(*outcomes)
    if command == "view":
        old, new = (_viewed(text, arguments.get("path", "")) for text in (recorded, now))
        return _comparison(old, new)
    old, new = normalise(recorded), normalise(now)
    shell = "".join(arguments.values())
    if action.tool == "bash" and _UNORDERED.search(shell) and not re.search(r"\bsort\b", shell):
        old, new = tuple(sorted(old)), tuple(sorted(new))
    return _comparison(old, new)


def normalise(observation: str) -> tuple[str, ...]:
    """The lines of an observation that two runs should share; an exit status other than 0 is the last line."""
    text, status = _unframed(observation.replace("\r\n", "\n"))
    for pattern, replacement in _NOISE:
        text = pattern.sub(replacement, text)
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    return (*lines, f"[exit status {status}]") if status not in (None, "0") else tuple(lines)


def _unframed(text: str) -> tuple[str, str | None]:
    status = None
    for pattern in _EXIT_LINES:
        found = pattern.search(text)
        if found:
            status, text = found[1], pattern.sub("", text)
    return _FRAME_LINES.sub("", text), status


def _viewed(observation: str, path: str) -> tuple[str, ...]:
    """Numbered lines in one form without their header, the first level's names of a directory, or what went wrong."""
    if _FAILED_EDIT.match(observation):
        return ("failed",)
    numbered = [line for line in observation.split("\n") if _NUMBERED.match(line)]
    if numbered:
        return tuple(_NUMBERED.sub(r"\1\t", line).rstrip() for line in numbered)
    lines = normalise(observation)
    prefix = path.rstrip("/") + "/"
    inside = [line for line in lines if line.startswith(prefix)]
    if inside:
        lines = tuple(line.removeprefix(prefix) for line in inside)
    names = {line.split("/")[0] for line in lines if " " not in line}
    return tuple(sorted(name for name in names if name and not name.startswith(".")))


def _comparison(recorded: tuple[str, ...], now: tuple[str, ...]) -> Comparison:
    same = recorded == now
    ratio = 1.0 if same else SequenceMatcher(None, recorded, now, autojunk=False).ratio()
    return Comparison(same, ratio, recorded, now)
