r"""Units behind numbers, `12 \text{ cm}^2`, `30 degrees`, `5 apples`, `40%`: two known ones must be the same.

Unknown units say nothing, and neither does the lack of one: problems say in words what is counted.
"""

from __future__ import annotations

import re
from fractions import Fraction

from math_track.answer_number import read_quantity, same_value

PERCENT = "%"
UNKNOWN = "?"
_PERHAPS_SAME = ({"degree^1", "celsius^1"}, {"degree^1", "fahrenheit^1"})
_KNOWN = """inch in | foot ft feet | yard yd | mile mi | gram gm | pound lb | ounce oz | second sec | minute min |
hour h hr | day | week | month | year yr | degree deg | radian rad | dollar buck | cent | |
celsius | fahrenheit | angstrom | micron | solarM | solarL | solarR"""
_METRIC = """meter metre m | gram g | second s | joule J | newton N | watt W | volt V | hertz Hz | kelvin K |
pascal Pa | liter litre l L | mole mol | electronvolt eV | ampere A | tesla T | coulomb C | farad F | byte B"""
_PREFIXES = {
    "pico": "p", "nano": "n", "micro": "u", "milli": "m", "centi": "c", "kilo": "k", "mega": "M", "giga": "G", 
    "tera": "T",
}  # fmt: skip
_NAMES = {alias: group.split()[0] for group in (_METRIC + "|" + _KNOWN).split("|") for alias in group.split()}
_NAMES |= {
    (sign if len(alias) <= len("mol") else prefix) + alias: prefix + group.split()[0]
    for group in _METRIC.split("|")
    for alias in group.split()
    for prefix, sign in _PREFIXES.items()
}
_POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_AFTER = ("squared", "cubed")
_NOT_UNITS = frozenset(
    {"plus", "minus", "times", "over", "by", "divided", "sqrt", "root", "point", "factorial", "modulo", "mod", "not",
     "or", "and", "to", "if", "than", "less", "more", "fewer", "below", "above", "hundred", "thousand", "million",
     "billion", "trillion", "dozen", "tens", "hundreds", "thousands", "half", "halves", "third", "thirds", "fourth",
     "fourths", "quarter", "quarters", "fifth", "fifths", "sixth", "sixths", "seventh", "sevenths", "eighth", "eighths",
     "ninth", "ninths", "tenth", "tenths", "hundredth", "hundredths", "thousandth", "thousandths",
     "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
)  # fmt: skip
_PRODUCTS = frozenset({"mg", "kT", "GM", "nT"})
"""Products of the physics books as well: no units behind a gold answer, unless they are marked as text."""
_ORDINALS = {"st", "nd", "rd", "th"}
_POWER = r"(?: ?\^ ?(?:\{ ?-?[0-9] ?\}|-?[0-9]))?"
_TOKEN = re.compile(rf"(?P<name>[A-Za-z]+)(?P<power>{_POWER})\.?|\\cdot(?![A-Za-z])|/|%")
_DEGREES = {"C": "celsius", "F": "fahrenheit"}
_WRITTEN = (
    (re.compile(r"degrees? +([CF])(?:elsius|ahrenheit)?(?![A-Za-z])"), lambda match: _DEGREES[match[1]]),
    (re.compile(r"([LMR]) *_ *\{? *\\odot *\}?"), lambda match: f"solar{match[1]}"),
    (re.compile(r"(?<![A-Za-z])per(?![A-Za-z])"), lambda match: "/"),
    (re.compile(r"(?<![A-Za-z])mph(?![A-Za-z])"), lambda match: "mile/hour"),
    (re.compile(r"(?<![A-Za-z])k(?:mp?|p)h(?![A-Za-z])"), lambda match: "km/hour"),
)
_MICRO = re.compile(r"\\mu ?\\text ?\{ ?")
_LAST = re.compile(rf"(?:(?<![_^ ]) ?\\text ?\{{[^{{}}]*\}}{_POWER}| (?:square |sq |cubic )?[A-Za-z]{{2,}}{_POWER})$")


def same_quantity(answer: str, gold: str) -> bool | None:
    """Whether two tidy texts are the same number of the same things; None where one of them is something else.

    A unit in one of them only is passed over. With a percent sign in one of them only, `50%` is both `0.5` and `50`.
    """
    ours, theirs = read_quantity(answer), read_quantity(gold)
    if ours is None or theirs is None:
        return None
    theirs_unit = _unit(theirs.rest, letters=False)
    ours_unit = _unit(ours.rest, letters=not theirs.rest or bool(theirs_unit))
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
    both = {ours, theirs}
    return ours == theirs or bool(both & {"", UNKNOWN}) or both in _PERHAPS_SAME


def _scales(ours: str, theirs: str) -> tuple[Fraction, ...]:
    if (ours == PERCENT) == (theirs == PERCENT):
        return (Fraction(1),)
    return (Fraction(1), Fraction(1, 100) if ours == PERCENT else Fraction(100))


def _unit(rest: str, letters: bool) -> str | None:
    r"""What stands behind a number, as the name of a unit; None where it is not wholly units.

    Single letters are variables (`\frac{37}{4} m` is an answer of Minerva Math), but units where `letters` says so.
    """
    if not rest:
        return ""
    marked, apart = "\\text" in rest, rest.startswith((" ", "\\text", "\\mu"))
    rest = re.sub(r"\\mu ?(?=[A-Za-z])", "u", rest) if letters else rest
    plain = re.sub(r"\\text ?\{([^{}]*)\}", r" \1 ", _MICRO.sub(r"\\text{u", rest))
    if plain.strip(" ^{}") in _ORDINALS and (marked or not apart):
        return ""
    for spelling, meant in _WRITTEN:
        plain = spelling.sub(meant, plain)
    if _TOKEN.sub("", plain).strip():
        return None
    tokens = list(_TOKEN.finditer(plain))
    names = [token["name"] for token in tokens if token["name"]]
    if "%" in plain or "percent" in names:
        return PERCENT if len(names) <= 1 else UNKNOWN
    return _canonical(tokens) if all(_is_unit(name, letters, apart, marked) for name in names) else None


def _is_unit(name: str, letters: bool, apart: bool, marked: bool) -> bool:
    if name.casefold() in _NOT_UNITS:
        return False
    if name in _POWERS:
        return True
    if _known(name):
        return marked or (letters and apart) or (len(name) > 1 and (letters or name not in _PRODUCTS))
    return len(name) > 1 if marked else apart and len(name) >= (3 if letters else 4)


def _known(name: str) -> str:
    """The first name of a known unit, whose signs have a case and whose names have none; empty for others."""
    for spelling in (name, name.casefold()):
        for ending in ("", "s", "es"):
            if spelling.endswith(ending) and spelling.removesuffix(ending) in _NAMES:
                return _NAMES[spelling.removesuffix(ending)]
    return ""


def _canonical(tokens: list[re.Match[str]]) -> str | None:
    """Known units with their powers, such as `meter^1 second^-2`, else UNKNOWN; None for powers of others."""
    units: list[tuple[str, int]] = []
    sign, power = 1, 1
    for token in tokens:
        name = token["name"]
        if name in _POWERS and not (name in _AFTER and units):
            power = _POWERS[name]
        elif name in _POWERS:
            units[-1] = (units[-1][0], units[-1][1] * _POWERS[name])
        elif name:
            written = re.sub(r"[^-0-9]", "", token["power"])
            if written and not _known(name):
                return None
            units.append((_known(name), sign * power * int(written or 1)))
            sign, power = 1, 1
        elif token.group() == "/":
            sign = -1
    if not units:
        return None
    return " ".join(f"{name}^{power}" for name, power in sorted(units)) if all(name for name, _ in units) else UNKNOWN
