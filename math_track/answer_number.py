r"""Numbers read exactly from a tidy text: `\frac{3}{4}`, `1 \frac{4}{5}`, `1,450,000`, `4.5\times 10^{33}`.

A number is a fraction of whole numbers, so that two exact forms compare exactly; a decimal may be a rounded one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

RELATIVE_TOLERANCE = Fraction(1, 10_000)
"""Between a decimal and another number, as `numeric_equal` of Qwen2.5-Math's grader has it (rel_tol=1e-4)."""
MAX_EXPONENT = 400
"""Powers of ten beyond it are left to the symbolic comparison; a float ends at 308."""

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"
_PLAIN = rf"(?P<plain>{_DIGITS}(?:\.[0-9]*)?|\.[0-9]+)"
_FRACTION = r"\\frac ?\{ ?(?P<top>-? ?[0-9.]+) ?\} ?\{ ?(?P<bottom>-? ?[0-9.]+) ?\}"
_SLASHED = r"(?P<left>[0-9.]+) ?/ ?(?P<right>[0-9.]+)"
_POWER = r"10 ?\^ ?(?:\{ ?(?P<power>[-+]? ?[0-9]{1,6}) ?\}|(?P<digit>[-+]?[0-9]{1,6}))"
_TIMES = r"(?:\\times|\\cdot|\*|x)"
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?) ?(?:(?:(?P<whole>[0-9]+) ?)?{_FRACTION}|(?:(?P<whole2>[0-9]+) )?{_SLASHED}"
    rf"|{_POWER}|{_PLAIN}(?: ?{_TIMES} ?{_POWER.replace('power', 'power2').replace('digit', 'digit2')})?)"
)
_BARRED = re.compile(r"([-+]?) ?([0-9]+)\.([0-9]*) ?\\(?:overline|bar) ?\{ ?([0-9]+) ?\}")
_APPROXIMATELY = re.compile(r"^(?:\\approx|~|about|approximately|roughly) ?", re.IGNORECASE)
_CURRENCY = re.compile(r"^(?P<sign>[-+]?) ?[€£¥₹] ?")
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SCALED = re.compile(rf"^( ?(?:\\text ?\{{ *)?)({'|'.join(_SCALES)}|dozen)s?(?![A-Za-z])", re.IGNORECASE)
_BRACES = re.compile(r"^\{([^{}]*)\}$|^\(([^(){},]*)\)$")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and what stands behind it."""

    value: Fraction
    exact: bool
    """Whether it has no decimal point."""
    rest: str
    """What stands behind the number, with the space between: a percent sign, a unit, or what it is a factor of."""


def read_quantity(text: str) -> Quantity | None:
    """The number that a tidy text opens with; None where it opens with none."""
    text = _CURRENCY.sub(r"\g<sign>", _APPROXIMATELY.sub("", text)).strip()
    braces = _BRACES.match(text)
    text = (braces.group(1) or braces.group(2) or "").strip() if braces else text
    repeating = _repeating(text)
    if repeating is not None:
        return repeating
    match = _NUMBER.match(text)
    if match is None:
        return None
    value = _value(match)
    if value is None:
        return None
    value, rest = _scaled(-value if match["sign"] == "-" else value, text[match.end() :].rstrip())
    return Quantity(value, "." not in match.group(), rest)


def same_value(first: Quantity, second: Quantity, scale: Fraction = Fraction(1)) -> bool:
    """Whether the first times `scale` is the second: exactly, or within the tolerance where one is a decimal."""
    value = first.value * scale
    if first.exact and second.exact:
        return value == second.value
    return abs(value - second.value) <= RELATIVE_TOLERANCE * max(abs(value), abs(second.value))


def _repeating(text: str) -> Quantity | None:
    """A decimal with a bar over the digits that repeat: 0.1\\overline{6} is 16 - 1 over 90."""
    match = _BARRED.match(text)
    if match is None or len(match.group()) > MAX_EXPONENT:
        return None
    sign, whole, once, again = match.groups()
    digits = Fraction(int(whole + once + again) - int(whole + once), (10 ** len(again) - 1) * 10 ** len(once))
    return Quantity(-digits if sign == "-" else digits, True, text[match.end() :].rstrip())


def _value(match: re.Match[str]) -> Fraction | None:
    whole = match["whole"] or match["whole2"]
    top, bottom = match["top"] or match["left"], match["bottom"] or match["right"]
    if top and bottom:
        numerator, denominator = _decimal(top), _decimal(bottom)
        if numerator is None or not denominator:
            return None
        value = numerator / denominator
        if whole and not 0 < value < 1:  # 1 \frac{4}{5} is a mixed number, 2 \frac{7}{3} is not
            return None
        return value + int(whole) if whole else value
    mantissa = _decimal(match["plain"]) if match["plain"] else Fraction(1)
    exponent = int((match["power"] or match["digit"] or match["power2"] or match["digit2"] or "0").replace(" ", ""))
    if mantissa is None or abs(exponent) > MAX_EXPONENT:
        return None
    return mantissa * Fraction(10) ** exponent


def _scaled(value: Fraction, rest: str) -> tuple[Fraction, str]:
    """A number times the `million` behind it, and what stands behind that."""
    match = _SCALED.match(rest)
    if match is None:
        return value, rest
    scale = match[2].casefold()
    value *= 10 ** _SCALES[scale] if scale in _SCALES else 12
    return _scaled(value, re.sub(r"^ ?\\text ?\{ *\}", "", match[1] + rest[match.end() :]).rstrip())


def _decimal(text: str) -> Fraction | None:
    """The value of digits with at most one point; None for `1.2.3` or a lone point."""
    text = text.replace(",", "").replace(" ", "")
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, _, decimals = digits.partition(".")
    if not (whole + decimals).isdigit() or len(digits) > MAX_EXPONENT:
        return None
    return sign * (Fraction(int(whole or 0)) + Fraction(int(decimals or 0), 10 ** len(decimals)))
