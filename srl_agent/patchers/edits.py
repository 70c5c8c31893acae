"""Search/replace edits: read out of a model's output, and applied to files, each one or a reason why not.

The form is that of SWE-RL's Agentless-mini (arXiv 2502.18449): `### path`, then a block of the lines that stand there
and the lines that should. Read leniently: fences and prose around the blocks, marks of 5 or more signs, and several
blocks under one path are taken; of an output with a think block only what follows it. Line ends, a missing last one
and the encoding stay as the file has them.
"""

from __future__ import annotations

import posixpath
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from envs.repository import REGULAR, File
from srl_agent.output_format import CLOSE, OPEN

LARGEST = 4 << 20
"""Bytes of a file above which it is no text to edit."""
PATH = re.compile(r"#{1,6}\s+(?:[Ff]ile:\s*)?[`*\"']*(?P<path>[^\s`*\"']+)[`*\"']*:?\s*")
SEARCH = re.compile(r"<{5,}\s*SEARCH\s*")
DIVIDER = re.compile(r"={7}\s*")
REPLACE = re.compile(r">{5,}\s*REPLACE\s*")


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines of a file, without their ends, and what they should become."""

    path: str
    """As the model wrote it."""
    search: tuple[str, ...]
    replace: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of an edit, or of a piece of output that is none."""

    path: str
    problem: str
    """Why it was not applied; empty where it was."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What edits come to."""

    files: Mapping[str, bytes]
    """The files that changed."""
    reports: tuple[Report, ...]
    """One for each edit, in order."""


def read_edits(output: str) -> tuple[list[Edit], list[Report]]:
    """The edits of an output, and a report for each block that cannot be read."""
    if CLOSE in output:
        output = output.rpartition(CLOSE)[2]
    elif OPEN in output:
        return [], [Report("", "the think block is not closed")]
    lines = [line.removesuffix("\r") for line in output.split("\n")]
    edits: list[Edit] = []
    reports: list[Report] = []
    path, place = "", 0
    while place < len(lines):
        heading = PATH.fullmatch(lines[place])
        if heading and (not path or "." in heading["path"] or "/" in heading["path"]):  # no title such as `## Fix`
            path = heading["path"]
        if not SEARCH.fullmatch(lines[place]):
            place += 1
            continue
        block, problem, end = _block(lines, place + 1)
        if not problem and not path:
            problem = "no path stands above it"
        if problem:
            reports.append(Report(path, f"the block in line {place + 1}: {problem}"))
        else:
            edits.append(Edit(path, *block))
        place = end
    if not edits and not reports:
        reports.append(Report("", "no edit in the output"))
    return edits, reports


def _block(lines: Sequence[str], start: int) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], str, int]:
    """The two parts of the block whose first line is `start`, what is wrong with it, and the line to go on from."""
    dividers: list[int] = []
    for place in range(start, len(lines)):
        if SEARCH.fullmatch(lines[place]):
            return ((), ()), "another one begins before its end", place
        if DIVIDER.fullmatch(lines[place]):
            dividers.append(place)
        if REPLACE.fullmatch(lines[place]):
            if len(dividers) != 1:
                return ((), ()), f"expected one line ======= in it, found {len(dividers)}", place + 1
            middle = dividers[0]
            return (tuple(lines[start:middle]), tuple(lines[middle + 1 : place])), "", place + 1
    return ((), ()), "its end is missing", len(lines)


@dataclass(slots=True)
class _Text:
    """A file as lines and their ends, so that what no edit touches stays byte for byte; edits change it."""

    lines: list[str]
    ends: list[str]
    codec: str

    def content(self) -> bytes:
        """As bytes; UnicodeEncodeError where the codec has no such character."""
        return "".join(line + end for line, end in zip(self.lines, self.ends, strict=True)).encode(self.codec)


def no_text(file: File) -> str:
    """Why a file cannot be shown and edited, by what the listing says of it; empty where it can."""
    if file.mode not in REGULAR:
        return "a link or submodule, no file"
    return f"larger than {LARGEST} bytes" if file.size > LARGEST else ""


def text_of(content: bytes) -> str:
    """A file's text as edits see it: UTF-8, or else Latin-1, in which every byte is a character."""
    return content.decode(_codec(content))


def apply_edits(edits: Sequence[Edit], known: Mapping[str, File], read: Callable[[File], bytes], root: str) -> Edited:
    """Apply the edits one after the other to the files that `known` names and `read` reads."""
    work = _Work(known, read, root)
    reports = tuple(Report(edit.path, work.apply(edit)) for edit in edits)
    changed = {path: new for path, new in work.now.items() if new != work.before[path]}
    return Edited(changed, reports)


class _Work:
    def __init__(self, known: Mapping[str, File], read: Callable[[File], bytes], root: str) -> None:
        self.known, self.read, self.root = known, read, root
        self.before: dict[str, bytes | None] = {}
        self.now: dict[str, bytes] = {}

    def apply(self, edit: Edit) -> str:
        """Change a file; why not, or nothing."""
        path, problem = inside(edit.path, self.root)
        problem = problem or self._no_file(path)
        if problem:
            return problem
        if path not in self.now:
            self.before[path] = self.read(self.known[path]) if path in self.known else None
        old = self.now.get(path, self.before[path])
        if not old:
            return self._create(path, edit, exists=old is not None)
        if b"\0" in old:
            return "a binary file"
        text = _split(old)
        problem = _replace(text, edit)
        return problem or self._keep(path, text)

    def _no_file(self, path: str) -> str:
        """Why there can be no file of text at the path."""
        if path in self.known:
            return no_text(self.known[path])
        names = {*self.known, *self.now}
        parents = {path[:place] for place, letter in enumerate(path) if letter == "/"}
        if parents & names or any(name.startswith(f"{path}/") for name in names):
            return "a folder, or below a file"
        return ""

    def _create(self, path: str, edit: Edit, *, exists: bool) -> str:
        if any(edit.search):
            return "not found: the file is empty" if exists else "not found: there is no such file"
        if not any(edit.replace):
            return "no change"
        return self._keep(path, _Text(list(edit.replace), ["\n"] * len(edit.replace), "utf-8"))

    def _keep(self, path: str, text: _Text) -> str:
        try:
            self.now[path] = text.content()
        except UnicodeEncodeError:
            return f"the file is {text.codec}, which has not all characters of the new lines"
        return ""


def inside(path: str, root: str) -> tuple[str, str]:
    """The path relative to the repository, and why it is none of a file in it."""
    relative = path.removeprefix(root.rstrip("/") + "/") if path.startswith("/") else path
    found = posixpath.normpath(relative)
    parts = found.split("/")
    if found.startswith("/") or ".." in parts or found == "." or "\0" in found:
        return "", "the path is outside of the repository"
    return found, "the path is git's own" if ".git" in (part.lower() for part in parts) else ""


def _codec(content: bytes) -> str:
    try:
        content.decode()
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig" if content.startswith(BOM_UTF8) else "utf-8"


def _split(content: bytes) -> _Text:
    pieces = text_of(content).split("\n")
    ends = ["\n"] * (len(pieces) - 1) + [""]
    if not pieces[-1]:
        del pieces[-1], ends[-1]
    carriage = [piece.endswith("\r") and end == "\n" for piece, end in zip(pieces, ends, strict=True)]
    lines = [piece[:-1] if cr else piece for piece, cr in zip(pieces, carriage, strict=True)]
    return _Text(lines, ["\r\n" if cr else end for cr, end in zip(carriage, ends, strict=True)], _codec(content))


def _replace(text: _Text, edit: Edit) -> str:
    """Replace the lines where they stand; why not, or nothing."""
    if not any(edit.search):
        return "an empty search in a file that has content"
    places = _places(text.lines, edit.search) or _places(_stripped(text.lines), _stripped(edit.search))
    if len(places) != 1:
        return f"ambiguous: the lines stand there {len(places)} times" if places else "not found"
    start, end = places[0], places[0] + len(edit.search)
    if tuple(text.lines[start:end]) == edit.replace:
        return "no change"
    usual = text.ends[start] or text.ends[0] or "\n"
    ends = [usual] * len(edit.replace)
    if ends and not text.ends[end - 1]:
        ends[-1] = ""
    text.lines[start:end], text.ends[start:end] = edit.replace, ends
    return ""


def _places(lines: Sequence[str], search: Sequence[str]) -> list[int]:
    """Where the lines stand."""
    size = len(search)
    return [place for place in range(len(lines) - size + 1) if tuple(lines[place : place + size]) == tuple(search)]


def _stripped(lines: Sequence[str]) -> list[str]:
    """Without blanks at the ends of lines, which models do not repeat."""
    return [line.rstrip() for line in lines]
