r"""What answers are made of: points, intervals, sets, lists, unions and matrices, taken apart at their own level.

`(1, 2)` stays what it is, a point or an open interval: its parts compare in order, and its brackets with the other's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from math_track.answer_number import read_quantity

_OPENING = {"(": "(", "[": "[", "{": "", "\\{": "{", "\\langle": "("}
_CLOSING = {")": ")", "]": "]", "}": "", "\\}": "}", "\\rangle": ")"}
_TOKEN = re.compile(r"\\(?:begin|end) ?\{[a-z]+\}|\\text ?\{[^{}]*\}|\\[A-Za-z]+|\\.|.")
_CONJUNCTION = re.compile(
    r"\\text ?\{ *,? *(?:and|or) *\}|(?<![A-Za-z\\{])(?:and|or)(?![A-Za-z}])|\\(?:lor|vee)(?![A-Za-z])"
)
_FACTOR = r"(?P<factor>-|-? ?(?:[0-9.]+|\\frac ?\{-?[0-9]+\} ?\{[0-9]+\}))? ?(?:\\cdot)? ?"
_MATRIX = re.compile(
    _FACTOR + r"[\[(]? ?\\begin ?\{(?P<name>[pb]?matrix|smallmatrix|array)\}(?: ?\{[lcr| ]*\})?"
    r"(?P<cells>.*)\\end ?\{(?P=name)\} ?[\])]?"
)
_THOUSANDS = re.compile(r"[-+]? ?[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])[^,]*")
_SIGN = re.compile(r"(<|>|\\le(?![A-Za-z])|\\ge(?![A-Za-z]))")
_MIRRORED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}
_VARIABLE = re.compile(r"(?:[A-Za-z]|\\[a-z]+)(?:_\{?[0-9A-Za-z]+\}?)?")
_MEMBER = re.compile(rf"{_VARIABLE.pattern} ?\\in(?![A-Za-z])")
_ABSOLUTE = re.compile(rf"(?:\||\\l?vert) ?{_VARIABLE.pattern} ?(?:\||\\r?vert)")
_BOTH = re.compile(r",|;|\\text ?\{ *,? *and *\}|(?<![A-Za-z\\{])and(?![A-Za-z}])|\\(?:land|wedge)(?![A-Za-z])")
_LETTER = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])")
_RANGES = ("()", "(]", "[)", "[]", "set", "union")
LOWEST, HIGHEST, REALS = r"-\infty", r"\infty", r"\mathbb{R}"


@dataclass(frozen=True, slots=True)
class Parts:
    """An answer made of parts."""

    kind: str
    """`list` (bare, with commas), `set`, `union`, `matrix`, or the brackets of a point or interval, such as `(]`."""
    items: tuple[str, ...]
    rows: int = 0
    """Of a matrix."""

    @property
    def ordered(self) -> bool:
        """Whether the place of a part counts."""
        return self.kind not in ("list", "set", "union")


def parts_of(text: str) -> Parts | None:
    """What a tidy text is made of; None where it is one thing, as numbers such as `1,450,000` are."""
    text = _MEMBER.sub("", text, count=1).strip()
    if text.replace(" ", "") == REALS:
        return Parts("()", (LOWEST, HIGHEST))
    found = _matrix(text) or _interval(text) or _two_bounds(text) or _union(text) or _list(text) or _bracketed(text)
    return found or (Parts("list", _both_signs(text)) if "\\pm" in text else None)


def _matrix(text: str) -> Parts | None:
    """The cells of a matrix, times the number before it."""
    match = _MATRIX.fullmatch(text)
    if match is None or "\\begin" in match["cells"]:
        return None
    rows = [row.split("&") for row in match["cells"].split("\\\\") if row.strip()]
    cells = (cell.strip() for row in rows for cell in row)
    times = {None: "{}", "-": "-({})"}.get(match["factor"], f"{match['factor']} \\cdot ({{}})")
    return Parts("matrix", tuple(times.replace("{}", cell) for cell in cells), len(rows))


def _interval(text: str) -> Parts | None:
    r"""The interval that inequalities of one variable say: `2 < x \le 3`, `x \ge 1`."""
    pieces = [piece.strip() for piece in _SIGN.split(text)]
    if len(pieces) not in (3, 5) or "=" in text or "," in text:
        return None
    if len(pieces) == 3:
        return _half_line(pieces[0], pieces[1], pieces[2]) or _around_zero(pieces[0], pieces[1], pieces[2])
    low, first, variable, second, high = pieces
    if {first, second} <= {">", r"\ge"}:
        low, first, second, high = high, _MIRRORED[second], _MIRRORED[first], low
    if not {first, second} <= {"<", r"\le"} or not _VARIABLE.fullmatch(variable) or _LETTER.search(low + " " + high):
        return None
    return Parts(("(" if first == "<" else "[") + (")" if second == "<" else "]"), (low, high))


def _half_line(left: str, sign: str, right: str) -> Parts | None:
    if not _VARIABLE.fullmatch(left):
        left, sign, right = right, _MIRRORED[sign], left
    if not _VARIABLE.fullmatch(left) or _LETTER.search(right):
        return None
    if sign in ("<", r"\le"):
        return Parts("()" if sign == "<" else "(]", (LOWEST, right))
    return Parts("()" if sign == ">" else "[)", (right, HIGHEST))


def _around_zero(left: str, sign: str, right: str) -> Parts | None:
    """`|x| < a` as what lies between -a and a, `|x| > a` as what lies outside."""
    if not _ABSOLUTE.fullmatch(left):
        left, sign, right = right, _MIRRORED[sign], left
    if not _ABSOLUTE.fullmatch(left) or _LETTER.search(right) or re.search("[-+]", right):
        return None
    if sign in ("<", r"\le"):
        return Parts("()" if sign == "<" else "[]", (f"-{right}", right))
    opening, closing = "()" if sign == ">" else "[]"
    return Parts("union", (f"({LOWEST},-{right}{closing}", f"{opening}{right},{HIGHEST})"))


def _two_bounds(text: str) -> Parts | None:
    """The interval that two inequalities of one variable say together, `x > -1, x < 1`; None where the first number is
    not the lower one, as in `x < 2, x > 3`, which is rather meant as a union."""
    pieces = [piece.strip() for piece in _BOTH.split(text) if piece.strip()]
    if len(pieces) != 2 or len({letter for piece in pieces for letter in _LETTER.findall(piece)}) != 1:
        return None
    sides = [side for side in map(_interval, pieces) if side is not None]
    below = next((side for side in sides if side.items[-1] == HIGHEST), None)
    above = next((side for side in sides if side.items[0] == LOWEST), None)
    if below is None or above is None:
        return None
    low, high = (read_quantity(text) for text in (below.items[0], above.items[1]))
    if low is None or high is None or low.rest or high.rest or low.value >= high.value:
        return None
    return Parts(below.kind[0] + above.kind[1], (below.items[0], above.items[1]))


def _union(text: str) -> Parts | None:
    pieces = _split(text, ("\\cup",))
    if len(pieces) > 1:
        return Parts("union", tuple(pieces))
    pieces = [piece.strip(" ,") for piece in _CONJUNCTION.split(text)]
    if len(pieces) > 1 and all((parts := parts_of(piece)) and parts.kind in _RANGES for piece in pieces):
        return Parts("union", tuple(pieces))
    return None


def _list(text: str) -> Parts | None:
    if _THOUSANDS.fullmatch(text):
        return None
    items = _split(_CONJUNCTION.sub(",", text), (",", ";"))
    return Parts("list", _spread(items)) if len(items) > 1 else None


def _bracketed(text: str) -> Parts | None:
    """The parts between brackets that span the whole text."""
    tokens = list(_tokens(text))
    if len(tokens) < 3 or any(depth == 0 for _, depth in tokens[1:-1]):
        return None
    opening, closing = _OPENING.get(tokens[0][0]), _CLOSING.get(tokens[-1][0])
    if opening is None or closing is None:
        return None
    kind = {"{}": "set", "": "set"}.get(opening + closing, opening + closing)
    items = _spread(_split("".join(token for token, _ in tokens[1:-1]), (",", ";")))
    if kind not in _RANGES or (len(items) < 2 and opening != "{"):
        return None
    return Parts(kind, items)


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """The tokens of a text, each with the number of brackets around it; a bracket itself stands outside of itself."""
    depth = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in _CLOSING or token.startswith("\\end"):
            depth = max(depth - 1, 0)
        yield token, depth
        if token in _OPENING or token.startswith("\\begin"):
            depth += 1


def _split(text: str, marks: Sequence[str]) -> list[str]:
    """The pieces between marks that stand outside of brackets, without empty ones."""
    pieces: list[list[str]] = [[]]
    for token, depth in _tokens(text):
        if depth == 0 and token in marks:
            pieces.append([])
        else:
            pieces[-1].append(token)
    joined = ("".join(piece).strip() for piece in pieces)
    return [piece for piece in joined if piece]


def _spread(items: Sequence[str]) -> tuple[str, ...]:
    r"""Each item with `\pm` as the two that it says."""
    return tuple(sign for item in items for sign in (_both_signs(item) if "\\pm" in item else (item,)))


def _both_signs(item: str) -> tuple[str, str]:
    return item.replace("\\pm", "+").replace("\\mp", "-"), item.replace("\\pm", "-").replace("\\mp", "+")
