r"""Whether two answers are the same: spelling, numbers, words and parts first, formulas by math-verify last.

Beside `math_equal` of Qwen2.5-Math (evaluation/grader.py and `strip_string` of evaluation/parser.py):

* numbers with decimals are the same within 1e-4 of the larger, as there; whole numbers and fractions must be the same
  exactly, where there 114200 equals 114201;
* 50 equals 0.5 or 5000 only where one has a percent sign; there always;
* brackets of intervals and points must be the same; there `[2, 5)` equals `(2, 5]`;
* lists without brackets, sets and unions have no order; there they have one, or are compared as text;
* `1 \frac{4}{5}` is a mixed number; there it is a product;
* two units that are both known must agree; there all units are deleted, and letters that look like units with them;
* powers of ten, powers in plain text (`4.5e33`), number bases, inequalities as intervals and choices such as `(B) 12`
  are read.

`m + n = 5` says 5 and `\frac{1}{3} = 0.333` either of the two; `x = 3, y = 5` says neither 3 nor 5, `x^2 = 5` not 5.
A percent sign or unit in one answer only is passed over, and so is a base of the gold answer. Case counts in formulas,
not in words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from math_track.answer_parts import Parts, parts_of
from math_track.answer_text import compact, same_spelling, tidy, words
from math_track.answer_unit import same_quantity, split_unit, units_agree
from math_track.symbolic import same_formula

LONGEST_FORMULA = 1_000
"""Characters; longer answers are compared by spelling alone. The longest gold answer of the six sets has 210."""
DEEPEST = 8
"""Levels of parts within parts that are looked at."""

_CHOICE = re.compile(r"(?:\\text ?\{)? ?\(([A-J])\)[ .:}]*|([A-J])")
_CHOSEN = re.compile(
    r"(?:(?i:the )?(?:correct )?(?i:final answer|answer|option|choice)(?: ?:| is)? )?"
    r"\(? ?(?P<letter>[A-Ja-j])(?:(?: ?[).:]|\)[.:])(?P<tail>.*))?"
)
_OTHER_CHOICE = re.compile(r"(?<![A-Za-z\\])(?:[B-HJ](?![A-Za-z])|\([A-J]\)|(?:and|or|not)(?![A-Za-z]))|^ ?[-+*/=^,]")
_LETTERS = (
    r"(?:m? ?\\angle ?|\\(?:vec|bar|hat|overline|overrightarrow) ?)?"
    r"(?:\\text ?\{[^{}]*\}|\\?[A-Za-z]+|\{ ?[A-Za-z]+ ?\}|\((?:\\?[A-Za-z]+)(?: ?, ?\\?[A-Za-z]+)+\))"
    r"(?:_(?:\{[^{}]*\}|[0-9A-Za-z]))?'*"
)
_NAME = re.compile(rf"{_LETTERS} ?(?:\([^()]*\))?(?: ?\\text ?\{{[^{{}}]*\}})?")
_TERM = (  # not |x|, x^2 or \sin x, which are equations for x rather than names
    rf"(?:(?:\\(?:sin|cos|tan) ?)?[A-Z]+(?: ?\^ ?\{{? ?2 ?\}}?)?|\| ?[A-Z]+ ?\||\[[A-Z]+\]|{_LETTERS}"
    rf"|\\frac ?\{{ ?{_LETTERS} ?\}} ?\{{ ?{_LETTERS} ?\}})"
)
_ASKED = re.compile(rf"{_TERM}(?: ?(?:[-+/:]|\\cdot) ?{_TERM})*")
_VARIABLE = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])")
_OF_NUMBERS = re.compile(r"\\(?:frac|sqrt|pi|cdot|times|binom)(?![A-Za-z])")
_BASED = re.compile(
    r"(?=\(?[A-F]*[0-9])\(?([0-9A-F]+)\)? ?_ ?(?:\{ ?\(?(?:\\text ?\{ ?)?([0-9a-z]+)\)? ?\}* ?|([0-9]))"
)
_BASES = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9"}
_NUMBER_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]


def same_answer(answer: str, gold: str) -> bool:
    """Whether an answer is the gold answer; an empty one is none.

    May run for long, need much memory or raise RecursionError on texts made for it: `math_track.grader` bounds it.
    """
    if len(answer) > LONGEST_FORMULA or len(gold) > LONGEST_FORMULA:
        return "".join(answer.split()) == "".join(gold.split()) != ""
    return _same(tidy(answer), tidy(gold), 0)


def _same(answer: str, gold: str, level: int) -> bool:
    if not answer or not gold:
        return False
    if same_spelling(answer, gold):
        return True
    choice = _CHOICE.fullmatch(gold)
    if choice is not None:
        return _chosen(answer, bool(choice.group(1))) == (choice.group(1) or choice.group(2))
    if level < DEEPEST:
        ours, theirs = parts_of(answer), parts_of(gold)
        if ours is not None and theirs is not None:
            return _same_parts(answer, gold, ours, theirs, level)
        bare, meant = _without_names(answer, gold, ours is None, theirs is None)
        if (bare, meant) != (answer, gold):
            return _same(bare, meant, level + 1)
        if ours is not None or theirs is not None:
            return _same_single(answer, gold, ours, theirs, level)
    return _same_atom(answer, gold)


def _chosen(answer: str, bracketed: bool) -> str:
    """The letter that a choice says, empty where it says none or two; a small one counts where the gold is `(B)`."""
    found = _CHOSEN.fullmatch(re.sub(r"\\text ?\{([^{}]*)\}", r"\1", answer).strip(" {}"))
    if found is None or _OTHER_CHOICE.search(found["tail"] or ""):
        return ""
    return found["letter"].upper() if bracketed else found["letter"]


def _same_atom(answer: str, gold: str) -> bool:
    """Of two that are made of no parts."""
    quantity = same_quantity(_as_digits(answer), _as_digits(gold))
    if quantity is not None:
        return quantity
    based = _same_based(answer, gold)
    if based is not None:
        return based
    said, meant = words(answer), words(gold)
    if said or meant:
        return said == meant
    if _swapped(answer, gold):
        return True
    (answer, unit), (gold, gold_unit) = split_unit(answer), split_unit(gold)
    return units_agree(unit, gold_unit) and same_formula(answer, gold)


def _same_single(answer: str, gold: str, ours: Parts | None, theirs: Parts | None, level: int) -> bool:
    """Of two of which one has parts: `\\{5\\}` is 5."""
    items = (ours or theirs or Parts("", ())).items
    if len(items) != 1:
        return False
    return _same(answer, items[0], level + 1) if ours is None else _same(items[0], gold, level + 1)


def _same_parts(answer: str, gold: str, ours: Parts, theirs: Parts, level: int) -> bool:
    """Of two that are made of parts."""
    if not _compatible(ours, theirs):
        return "union" in (ours.kind, theirs.kind) and same_formula(answer, gold)
    if len(ours.items) != len(theirs.items):
        return False
    if theirs.ordered or ours.kind == "()":  # a point for a list: who writes (2, 1) means no set
        return all(_same(one, other, level + 1) for one, other in zip(ours.items, theirs.items, strict=True))
    left = list(theirs.items)
    for item in ours.items:
        match = next((other for other in left if _same(item, other, level + 1)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _compatible(ours: Parts, theirs: Parts) -> bool:
    """Whether two kinds can say the same: a list may stand for a set or a point, a column for a point."""
    kinds = {ours.kind, theirs.kind}
    if kinds == {"matrix"}:
        return ours.rows == theirs.rows
    if kinds == {"matrix", "()"}:
        return all(parts.kind != "matrix" or parts.rows in (1, len(parts.items)) for parts in (ours, theirs))
    return len(kinds) == 1 or kinds in ({"list", "set"}, {"list", "()"}, {"list", "[]"})


def _without_names(answer: str, gold: str, ours: bool, theirs: bool) -> tuple[str, str]:
    """Both without what stands before `=` or `\\approx`: `x = 5` is 5, `2 + 3 = 5` is 5.

    Where both are equations they lose the same left side or nothing. `ours` and `theirs` say which may lose any: of
    the parts of `x = 3, y = 5` none is what it says.
    """
    if "=" in answer and "=" in gold:
        name, _, value = answer.partition("=")
        meant, _, their_value = gold.partition("=")
        same = ours and theirs and compact(name) == compact(meant)
        return (value.strip(), their_value.strip()) if same else (answer, gold)
    number = "=" not in gold and not _VARIABLE.search(gold)
    return _value_of(answer, gold, number) if ours else answer, _value_of(gold, answer, False) if theirs else gold


def _value_of(text: str, other: str, number: bool) -> str:
    """What a text says that may be an equation; `number` where the other text has no letter, as `m + n = 5` says 5."""
    first, sign, second = text.partition("\\approx")
    if sign:
        sides = [side.strip() for side in (first, second)]
        return _alike(sides, other) if sides[0] and not _NAME.fullmatch(sides[0]) else sides[1]
    sides = [side.strip() for side in text.split("=")]
    if len(sides) == 1 or any("\\text" in side for side in sides[1:-1]):
        return text
    if _of_numbers(sides[0]):
        return sides[0] if len(sides) == 2 and _NAME.fullmatch(sides[1]) else _alike(sides[::-1], other)
    named = _NAME.fullmatch(sides[0]) or (number and _ASKED.fullmatch(sides[0]))
    return sides[-1] if named else text


def _alike(sides: Sequence[str], other: str) -> str:
    """The first of equal sides that has decimals as the other text has, or has none as it has none."""
    return next((side for side in sides if ("." in side) == ("." in other)), sides[0])


def _of_numbers(text: str) -> bool:
    return not any(char.isalpha() for char in _OF_NUMBERS.sub("", text))


def _same_based(answer: str, gold: str) -> bool | None:
    """Whether digits with a number base, such as `204_5`, are the same; None where neither has a base.

    A base in the gold answer alone is passed over: problems say which one they want.
    """
    ours, theirs = _BASED.fullmatch(answer), _BASED.fullmatch(gold)
    if ours is None and theirs is None:
        return None
    if theirs is None:
        return False
    digits = [match.group(1) if match else text for match, text in ((ours, answer), (theirs, gold))]
    bases = {_base(match) for match in (ours, theirs) if match}
    return digits[0] == digits[1] and len(bases) == 1


def _base(match: re.Match[str]) -> str:
    base = match.group(2) or match.group(3)
    return _BASES.get(base, base)


def _as_digits(text: str) -> str:
    """A small number that is written as a word, in digits."""
    word = compact(text).casefold()
    return str(_NUMBER_WORDS.index(word)) if word in _NUMBER_WORDS else text


def _swapped(answer: str, gold: str) -> bool:
    """Whether two equations have the same sides in another order, letter by letter: `MR=SRMC`."""
    ours, theirs = compact(answer).split("="), compact(gold).split("=")
    return len(ours) == len(theirs) == 2 and ours == theirs[::-1]
