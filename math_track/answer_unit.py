r"""Units behind numbers, `12 \text{ cm}^2`, `30 degrees`, `5 apples`, `40%`: two known ones must be the same.

Unknown units say nothing, and neither does the lack of one: problems say in words what is counted.
"""

from __future__ import annotations

import re
from fractions import Fraction

from math_track.answer_number import read_quantity, same_value

PERCENT = "%"
UNKNOWN = "?"
_KNOWN = """cm centimeter centimetre | mm millimeter millimetre | m meter metre | km kilometer kilometre | inch in |
foot ft feet | yard yd | mile mi | g gram gm | kg kilogram | mg milligram | pound lb | ounce oz | second s sec |
minute min | hour h hr | day | week | month | year yr | degree deg | radian rad | dollar buck | cent | liter litre l |
ml milliliter millilitre | mph | kmh kmph | j joule | n newton | w watt | v volt | hz hertz | k kelvin | ev"""
_NAMES = {alias: group.split()[0] for group in _KNOWN.split("|") for alias in group.split()}
_POWERS = {"square": "2", "sq": "2", "squared": "2", "cubic": "3", "cu": "3", "cubed": "3"}
_TOKEN = re.compile(r"[A-Za-z]+|\^ ?\{? ?-?[0-9]\}?|%")
_POWER = r"(?: ?\^ ?\{? ?-?[0-9] ?\}?)?"
_LAST = re.compile(rf"(?:(?<![_^ ]) ?\\text ?\{{[^{{}}]*\}}{_POWER}| (?:square |sq |cubic )?[A-Za-z]{{2,}}{_POWER})$")
_NO_UNIT = re.compile(r"\\(?!text|cdot)|[=<>+(),&_!|]|(?<![\^{-])(?<!\^ )[0-9]")


def same_quantity(answer: str, gold: str) -> bool | None:
    """Whether two tidy texts are the same number of the same things; None where one of them is something else.

    A unit in one of them only is passed over. With a percent sign in one of them only, `50%` is both `0.5` and `50`.
    """
    ours, theirs = read_quantity(answer), read_quantity(gold)
    if ours is None or theirs is None:
        return None
    theirs_unit = _unit(theirs.rest, letters=False)
    ours_unit = _unit(ours.rest, letters=not theirs.rest.strip())
    if ours_unit is None or theirs_unit is None:
        return None
    scales = _scales(ours_unit, theirs_unit) if units_agree(ours_unit, theirs_unit) else ()
    return any(same_value(ours, theirs, scale) for scale in scales)


def split_unit(text: str) -> tuple[str, str]:
    r"""A tidy formula and the unit behind it, such as `10\pi` and `cm^2`; the unit is empty where there is none."""
    match = _LAST.search(text)
    if match is None or not text[: match.start()].strip():
        return text, ""
    unit = _unit(match.group(), letters=False)
    if not unit or (unit == UNKNOWN and "\\text" not in match.group()):
        return text, ""
    return text[: match.start()].strip(), unit


def units_agree(ours: str, theirs: str) -> bool:
    """Whether two units, as `split_unit` gives them, may be the same."""
    return ours == theirs or bool({ours, theirs} & {"", UNKNOWN})


def _scales(ours: str, theirs: str) -> tuple[Fraction, ...]:
    if (ours == PERCENT) == (theirs == PERCENT):
        return (Fraction(1),)
    return (Fraction(1), Fraction(1, 100) if ours == PERCENT else Fraction(100))


def _unit(rest: str, letters: bool) -> str | None:
    r"""What stands behind a number, as the name of a unit; None where it is no unit but a factor or an operator.

    Single letters are variables (`\frac{37}{4} m` is an answer of Minerva Math), but units where `letters` says so.
    """
    if not rest:
        return ""
    if _NO_UNIT.search(rest):
        return None
    marked = "\\text" in rest
    tokens = [token.casefold() for token in _TOKEN.findall(rest.replace("\\text", " ").replace("\\cdot", " "))]
    names = [token for token in tokens if token[0].isalpha() and token not in _POWERS]
    if "percent" in names or "%" in tokens:
        return PERCENT if len(names) <= 1 else UNKNOWN
    apart = rest.startswith(" ")
    if not marked and not all(_is_unit(name, letters, apart) for name in names):
        return None
    return _canonical(tokens, names)


def _is_unit(name: str, letters: bool, apart: bool) -> bool:
    if _singular(name) in _NAMES:
        return len(name) > 1 or (letters and apart)
    return apart and len(name) >= (3 if letters else 4)


def _singular(name: str) -> str:
    for ending in ("", "s", "es"):
        if name.endswith(ending) and name.removesuffix(ending) in _NAMES:
            return name.removesuffix(ending)
    return name


def _canonical(tokens: list[str], names: list[str]) -> str:
    """A known unit with its power, such as `cm^2`, else UNKNOWN."""
    if len(names) != 1 or _singular(names[0]) not in _NAMES:
        return UNKNOWN
    powers = [_POWERS.get(token, "".join(char for char in token if char.isdigit())) for token in tokens]
    return _NAMES[_singular(names[0])] + "^" + ("".join(powers) or "1")
