r"""Equality of two formulas, by latex2sympy2-extended and math-verify: needs minutes and gigabytes for some of them.

So call it where it can be killed (`math_track.grader`). The time-outs of math-verify are off: they need signals, which
only a main thread has, and do not reach into long operations on large whole numbers.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from math_verify import LatexExtractionConfig, parse, verify
from math_verify.parser import NormalizationConfig
from sympy import Eq, Expr, Float, I, Max, Rational, simplify

RELATIVE_TOLERANCE = 1e-4
"""Between constants of which one has decimals, as `numeric_equal` of Qwen2.5-Math's grader has it."""
EXACT_TOLERANCE = 1e-12
"""Between constants without decimals, of which `PRECISION` digits are computed."""
PRECISION = 30

_CONFIG = (
    LatexExtractionConfig(
        boxed_match_priority=-1,
        normalization_config=NormalizationConfig(
            basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none", equations=False
        ),
    ),
)
_INDEXED_E = re.compile(r"(?<![A-Za-z\\])E(?=_)")
_OTHER_E = r"\\Xi "  # E with an index is a variable, which the parser does not know
logging.getLogger("math_verify").setLevel(logging.ERROR)  # else it warns once that its time-outs are off


def same_formula(answer: str, gold: str) -> bool:
    """Whether two tidy texts, read as LaTeX, are equal; False where one cannot be read."""
    ours, theirs = _parsed(answer), _parsed(gold)
    if ours is None or theirs is None:
        return False
    if isinstance(ours, Eq) or isinstance(theirs, Eq):
        return isinstance(ours, Eq) and isinstance(theirs, Eq) and _same_equation(ours, theirs)
    if _is_constant(ours) and _is_constant(theirs):
        return _same_constant(ours, theirs)
    return not _differ_at_a_point(ours, theirs) and bool(verify(theirs, ours, timeout_seconds=None))


def _parsed(text: str) -> Any:
    found = parse(f"${_INDEXED_E.sub(_OTHER_E, text)}$", _CONFIG, fallback_mode="no_fallback", parsing_timeout=None)
    value = found[0] if found else None
    if isinstance(value, Expr):
        return value.subs({symbol: I for symbol in value.free_symbols if symbol.name == "i"})
    return value


def _is_constant(value: Any) -> bool:
    return isinstance(value, Expr) and not value.free_symbols and value.is_number is True


def _same_constant(first: Expr, second: Expr) -> bool:
    tolerance = RELATIVE_TOLERANCE if first.has(Float) or second.has(Float) else EXACT_TOLERANCE
    one, other = first.evalf(PRECISION), second.evalf(PRECISION)
    if not (one.is_finite and other.is_finite):
        return bool(one == other)
    return bool(abs(one - other).evalf() <= tolerance * Max(abs(one), abs(other)).evalf())


def _differ_at_a_point(first: Any, second: Any) -> bool:
    """Whether two formulas have different values for some numbers: quickly said, where `simplify` takes long.

    Only positive numbers are tried, so that roots and logarithms are real; False where no value can be computed.
    """
    if not (isinstance(first, Expr) and isinstance(second, Expr)):
        return False
    symbols = sorted(first.free_symbols | second.free_symbols, key=str)
    numbers = {symbol: Rational(2 * place + 3, 2 * place + 2) for place, symbol in enumerate(symbols)}
    one, other = first.subs(numbers).evalf(PRECISION), second.subs(numbers).evalf(PRECISION)
    if not (one.is_number and other.is_number and one.is_finite and other.is_finite):
        return False
    return bool(abs(one - other).evalf() > RELATIVE_TOLERANCE * Max(abs(one), abs(other)).evalf())


def _same_equation(first: Eq, second: Eq) -> bool:
    """Whether one equation is the other times a number."""
    difference = second.lhs - second.rhs
    if difference == 0:
        return False
    ratio = simplify((first.lhs - first.rhs) / difference)
    return bool(ratio.is_number and ratio.is_finite and not ratio.is_zero)
