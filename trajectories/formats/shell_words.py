"""Splits one simple shell command into its words, exactly and in linear time, or says that it is not that simple."""

from __future__ import annotations

import re

# Quoting as in POSIX 2.2; what the shell would expand, redirect or chain is none of the four and ends the reading.
_PIECE = re.compile(
    r"""'([^']*)'"""
    r"""|"([^"\\$`]*(?:(?:\\.|\$(?=[\s"]))[^"\\$`]*)*)\""""
    r"""|\\(.)"""
    r"""|([^\s'"\\;&|<>()$`*?\[]+)""",
    re.DOTALL,
)
_BLANKS = re.compile(r"[ \t]*")
_DOUBLE_ESCAPE = re.compile(r"\\([\\\"$`\n])")


def simple_words(command: str) -> list[str] | None:
    """The words of a command without expansion, redirection, comment or second command; None where it has any."""
    words: list[str] = []
    position = _skip_blanks(command, 0)
    while position < len(command):
        if command[position] == "#":
            return None
        word, position = _read_word(command, position)
        if word is None:
            return None
        words.append(word)
        position = _skip_blanks(command, position)
    return words


def _read_word(command: str, position: int) -> tuple[str | None, int]:
    pieces: list[str] = []
    while position < len(command) and command[position] not in " \t":
        found = _PIECE.match(command, position)
        if found is None:
            return None, position
        pieces.append(_piece_text(found))
        position = found.end()
    return "".join(pieces), position


def _piece_text(found: re.Match[str]) -> str:
    single, double, escaped, plain = found.groups()
    if double is not None:
        return _DOUBLE_ESCAPE.sub(lambda escape: escape[1].strip("\n"), double)
    if escaped is not None:
        return "" if escaped == "\n" else str(escaped)
    return str(plain if single is None else single)


def _skip_blanks(command: str, position: int) -> int:
    found = _BLANKS.match(command, position)
    return found.end() if found else position
