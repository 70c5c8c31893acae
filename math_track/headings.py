"""Reads the first line of a numbered step: its number, its title, and the form that its list keeps throughout."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINE = 300
"""Characters of a line that are read: no title is longer, and work on hostile lines stays bounded."""
MAX_WORDS, MAX_STEP_WORDS = 8, 12
"""Of a title that no mark sets off, and of one behind the word Step: what is longer is a sentence. Of the 1,274 bold
titles of s1K 4 % have more than 8 words, 0.5 % more than 12."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the first lines of the steps of one list have in common."""

    indent: int
    """Columns, a tab reaching to the next multiple of four."""
    level: int
    """Of a Markdown heading, 1 to 6; 0 for none."""
    mark: str
    """`step` for the word, `#` for `### 1. ...`, `bold` for `**1. ...`, `.` and `)` for items of a list."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The first line of what may be a step."""

    form: Form
    number: int
    title: str
    """Without marks and the colon behind it; empty where the line has a number only, or goes on as a sentence."""
    length: int
    """Characters of the line that are the heading; what follows them is the body of the step."""


_START = re.compile(
    r"(?P<indent>[ \t]*)(?P<level>#{1,6}[ \t]+)?(?P<bold>\*{1,3}|__)?(?P<word>[Ss]tep[ \t]+|STEP[ \t]+)?"
    r"(?P<number>[0-9]{1,3})(?![0-9A-Za-z]|\.[0-9])(?P<sign>[.)]|[ \t]?:|[ \t]*[-–—](?=[ \t]))?"
)
_BOLD = re.compile(r"[ \t]*(\*{2,3}|__)(?=\S)")
_BEHIND = re.compile(r"[ \t]*[.:]?")
_FORMULA = re.compile(r"\\\(.*?\\\)|\\\[.*?\\\]|\$[^$]*\$|`[^`]*`")
_COLON = re.compile(r":(?=\s|$)")
_CLAUSE = re.compile(r"[;?!]|\.\s|[.,]$|\b(?:we|let|have|get|gets|then|thus|so|therefore|hence|since)\b", re.IGNORECASE)
"""Signs of a sentence, which `Step 2: We add both` is and `Step 2: Add both` is not."""
_SENTENCE = re.compile(
    _CLAUSE.pattern + r"|,|\b(?:is|are|was|has|gives|that|if|as)\b"
    r"|^\s*(?:to|for|from|by|with|when|given|using|now|next|first|finally|this|these|it|note)\b",
    re.IGNORECASE,
)
"""The same for items of lists: `2. Adding both, we get:` and `2. For odd numbers:`, and not `2. Coprime pairs:`."""
_STOP = re.compile(r"\w{3,}\.\s+[A-Z]")
"""Two sentences: emphasis, and no title."""


def read_heading(line: str) -> Heading | None:
    """The heading that the line begins with, None where the line is no numbered one."""
    shown = line[:MAX_LINE].rstrip()
    found = _START.match(shown)
    if found is None or not _is_numbered(found, shown[found.end() :]):
        return None
    form = Form(len(found["indent"].expandtabs(4)), len((found["level"] or "").strip()), _mark(found))
    if form.level:
        title, length = (shown[found.end() :], len(shown)) if len(line) <= MAX_LINE else ("", found.end())
    else:
        title, length = _title(found, shown)
        if _STOP.search(_masked(title)):
            title, length = "", found.end()
    return Heading(form, int(found["number"]), _clean(title), length)


def _is_numbered(found: re.Match[str], rest: str) -> bool:
    """Whether the number is that of a step or an item, and not one that a sentence begins with."""
    sign = (found["sign"] or "").strip()
    if found["word"]:
        closed = bool(found["bold"]) and rest.startswith(found["bold"])
        return bool(sign or closed or found["level"] or not rest)
    if found["level"] or found["bold"]:
        return bool(sign)
    return sign in (".", ")") and (not rest or rest[0] in " \t*_")


def _mark(found: re.Match[str]) -> str:
    if found["word"]:
        return "step"
    if found["level"]:
        return "#"
    return "bold" if found["bold"] else str(found["sign"])


def _title(found: re.Match[str], line: str) -> tuple[str, int]:
    """The title of a line that is no Markdown heading, and where it ends."""
    start = found.end()
    if found["bold"]:
        end = line.find(found["bold"], start)
        if end < 0:
            return "", start
        behind = _behind(line, end + len(found["bold"]))
        if _clean(line[start:end]):
            return line[start:end], behind
        start = behind
    return _bold_title(line, start) or _plain_title(line, start, whole=bool(found["word"]))


def _behind(line: str, place: int) -> int:
    """Where a colon or full stop behind bold type ends."""
    found = _BEHIND.match(line, place)
    return found.end() if found else place


def _bold_title(line: str, start: int) -> tuple[str, int] | None:
    found = _BOLD.match(line, start)
    if found is None:
        return None
    end = line.find(found[1], found.end())
    return (line[found.end() : end], _behind(line, end + len(found[1]))) if end > 0 else None


def _plain_title(line: str, start: int, whole: bool) -> tuple[str, int]:
    """A few words up to a colon, or, where `whole` allows it, up to the end of the line."""
    masked = _masked(line[start:])
    colon = _COLON.search(masked)
    if colon is None and not whole:
        return "", start
    words = masked[: colon.start()] if colon else masked
    most, signs = (MAX_STEP_WORDS, _CLAUSE) if whole else (MAX_WORDS, _SENTENCE)
    if len(words.split()) > most or words.lstrip()[:1].islower() or signs.search(words.strip()):
        return "", start
    return line[start : start + len(words)], start + (colon.end() if colon else len(words))


def _masked(text: str) -> str:
    """The text with formulas and code as rows of x."""
    return _FORMULA.sub(lambda found: "x" * len(found[0]), text)


def _clean(title: str) -> str:
    """Without marks of bold type, and white space, colons and full stops at the ends."""
    return title.replace("**", "").strip(" \t\r*_:.–—-").rstrip("# \t")
