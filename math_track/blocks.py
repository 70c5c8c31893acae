"""The lines of a solution that are prose: those that begin outside code fences, formulas and blocks of LaTeX.

What a reader would see as broken protects nothing: a formula ends with its paragraph, so that an unclosed `\\[` or a
lone `$$` cannot hide the rest of the text. Single dollars are prices as often as formulas and protect nothing either.
An unclosed fence runs to the end, as CommonMark has it. Each pass is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

Span = tuple[int, int]
"""First character, and the one behind the last."""

# LaTeX that holds formulas, tables or code; other environments (proof, enumerate) hold prose.
_ENVIRONMENT = (
    r"align(?:ed)?(?:at)?|flalign|eqnarray|equation|gather(?:ed)?|multlined?|split|subequations|displaymath|math"
    r"|[dr]?cases|array|tabularx?|(?:[bBpvV]|small)?matrix|verbatim|lstlisting|minted|tikzpicture"
)
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})(.*)", re.DOTALL)
# `\\` first: in `\\[2pt]` the bracket opens no formula. The last one is a blank line, which ends a paragraph.
_MARK = re.compile(r"\\\\|\\\$|\\[\[\]()]|\$\$|\n[ \t\r]*(?=\n)")
_LIMIT = re.compile(r"\\(?P<kind>begin|end)\{(?P<name>(?:" + _ENVIRONMENT + r")\*?)\}")
_CLOSES = {"\\]": "\\[", "\\)": "\\(", "$$": "$$"}
_OUTER = ("\\[", "$$")


def prose_lines(text: str) -> Iterator[Span]:
    """The spans, without line ends, of the lines that begin in prose."""
    blocks = sorted([*_fences(text), *_formulas(text), *_environments(text)])
    place, reach = 0, 0
    for start, end in lines(text):
        while place < len(blocks) and blocks[place][0] < start:
            reach = max(reach, blocks[place][1])
            place += 1
        if start >= reach:
            yield start, end


def lines(text: str) -> Iterator[Span]:
    """The spans of all lines, without line ends."""
    start = 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, end
        start = end + 1


def _fences(text: str) -> Iterator[Span]:
    """Fenced code; a fence closes with as many marks as opened it, or more, and nothing behind them."""
    opened, mark = -1, ""
    for start, end in lines(text):
        found = _FENCE.fullmatch(text, start, end)
        if found is None:
            continue
        if opened < 0:
            if "`" not in found[2]:  # else it is inline code on one line
                opened, mark = start, found[1]
        elif found[1].startswith(mark) and not found[2].strip():
            yield opened, end
            opened = -1
    if opened >= 0:
        yield opened, len(text)


def _formulas(text: str) -> Iterator[Span]:
    """What stands between `\\[` and `\\]`, `\\(` and `\\)`, or two `$$`, within one paragraph."""
    opened, mark = -1, ""
    for found in _MARK.finditer(text):
        sign = found[0]
        if sign.startswith("\n"):
            mark = ""
        elif mark and mark == _CLOSES.get(sign):
            yield opened, found.end()
            mark = ""
        elif mark != "$$" and (sign in _OUTER or (sign == "\\(" and mark != "\\[")):
            opened, mark = found.start(), sign


def _environments(text: str) -> Iterator[Span]:
    """From `\\begin{name}` to its `\\end{name}`; those without the other half are none."""
    stack: list[tuple[str, int]] = []
    depth: Counter[str] = Counter()
    for found in _LIMIT.finditer(text):
        name = found["name"]
        if found["kind"] == "begin":
            stack.append((name, found.start()))
            depth[name] += 1
        while found["kind"] == "end" and depth[name]:
            inner, start = stack.pop()
            depth[inner] -= 1
            if inner == name:
                yield start, found.end()
                break
