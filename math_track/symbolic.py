r"""Equality of two formulas, by latex2sympy2-extended and math-verify: needs minutes and gigabytes for some of them.

So call it where it can be killed (`math_track.grader`). The time-outs of math-verify are off: they need signals, which
only a main thread has, and do not reach into long operations on large whole numbers.
"""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from math import comb, factorial, prod
from typing import Any

from latex2sympy2_extended.latex2sympy2 import ConversionConfig, NormalizationConfig, latex2sympy
from math_verify import verify
from math_verify.grader import should_treat_as_complex
from sympy import (
    Add,
    Derivative,
    Eq,
    Expr,
    Float,
    I,
    Mul,
    Number,
    Pow,
    Rational,
    Symbol,
    UnevaluatedExpr,
    binomial,
    cosh,
    exp,
    simplify,
    sinh,
    tanh,
)
from sympy import factorial as sympy_factorial

RELATIVE_TOLERANCE = 1e-4
"""Between constants of which one has decimals, as `numeric_equal` of Qwen2.5-Math's grader has it."""
EXACT_TOLERANCE = 1e-60
"""Between constants without decimals that are not rational; `evalf` takes up to 100 digits where they cancel."""
PRECISION = 30
LARGEST = 100_000
"""Bits of a rational that is computed exactly; 2^1996 has 1,997."""

_SPELLING = NormalizationConfig(  # no malformed operators: mended, `\frac{3}{4}1000` is `\frac{3}{4}{1}000`, which is 0
    basic_latex=True, units=False, malformed_operators=False, nits=True, boxed="none", equations=False
)
_MEANING = ConversionConfig(lowercase_symbols=False)
_RENAMED = (
    (re.compile(r"(?<![A-Za-z\\])E(?=_)"), r"\\Xi "),  # E with an index is a variable, which the parser does not know
    (re.compile(r"(?<![A-Za-z\\{])I(?![A-Za-z])"), r"\\Upsilon "),  # the parser takes I for the imaginary unit
    (re.compile(r"([A-Za-z])('+)"), lambda match: f"{match[1]}_{{p{len(match[2])}}}"),  # it drops primes
    # it takes 2(3), (2)3 and \binom{2}{1}3 for the mixed number 2 + 3
    (re.compile(r"(\)|(?<![_0-9.])[0-9.]+) ?(?=\()"), r"\1 \\cdot "),
    (re.compile(r"(\)|\\binom ?\{[^{}]*\} ?\{[^{}]*\}) ?(?=[0-9])"), r"\1 \\cdot "),
)
_NUMBERS = re.compile(r"[0-9.] +[0-9]")
"""Two numbers side by side: a list, a product or a mistake."""
logging.getLogger("math_verify").setLevel(logging.ERROR)  # else it warns once that its time-outs are off


def same_formula(answer: str, gold: str) -> bool:
    """Whether two tidy texts, read as LaTeX, are equal; False where one cannot be read."""
    real = not (should_treat_as_complex(answer) or should_treat_as_complex(gold))  # else t in one is not t in the other
    ours, theirs = _parsed(answer, real), _parsed(gold, real)
    if ours is None or theirs is None:
        return False
    if isinstance(ours, Eq) or isinstance(theirs, Eq):
        return isinstance(ours, Eq) and isinstance(theirs, Eq) and _same_equation(ours, theirs)
    if _is_constant(ours) and _is_constant(theirs):
        return _same_constant(ours, theirs)
    return not _differ_at_a_point(ours, theirs) and bool(verify(theirs, ours, timeout_seconds=None))


def _parsed(text: str, real: bool) -> Any:
    """What a text says, with capital letters of their own and names for derivatives; None where it cannot be read.

    `real` is whether variables stand for real numbers.
    """
    if _NUMBERS.search(text) or text.count("=") > 1:  # the parser adds the numbers, and takes the last of the sides
        return None
    for written, meant in _RENAMED:
        text = written.sub(meant, text)
    try:
        value = latex2sympy(
            text,
            is_real=real,
            normalization_config=_SPELLING,
            conversion_config=_MEANING,
        )
    except Exception:  # noqa: BLE001 (what the parser raises for a text that is no formula)
        return None
    if isinstance(value, Expr | Eq):
        value = value.xreplace({derivative: _named(derivative) for derivative in value.atoms(Derivative)})
        value = value.rewrite([sinh, cosh, tanh], exp)
        return value.xreplace({symbol: I for symbol in value.free_symbols if symbol.name == "i"})
    return value


def _named(derivative: Derivative) -> Expr:
    """The derivative of a known formula, or a name for that of an unknown: SymPy's dx/dt is 0, as x says no t."""
    known = derivative.expr.free_symbols & set(derivative.variables)
    return derivative.doit() if known else Symbol(str(derivative), real=True)


def _is_constant(value: Any) -> bool:
    return isinstance(value, Expr) and not value.free_symbols and value.is_number is True


def _same_constant(first: Expr, second: Expr) -> bool:
    one, other = _rational(first), _rational(second)
    if one is not None and other is not None:
        return one == other
    return _close(first, second, RELATIVE_TOLERANCE if first.has(Float) or second.has(Float) else EXACT_TOLERANCE)


def _rational(value: Any) -> Fraction | None:
    """The exact value of a constant made of whole numbers; None for others and for very large ones."""
    if isinstance(value, Rational):
        return Fraction(int(value.p), int(value.q)) if value.is_finite else None
    if not isinstance(value, Add | Mul | Pow | UnevaluatedExpr | sympy_factorial | binomial):
        return None
    parts = [part for part in map(_rational, value.args) if part is not None]
    if len(parts) != len(value.args):
        return None
    if isinstance(value, Add | UnevaluatedExpr):
        return sum(parts, Fraction(0))
    return prod(parts, start=Fraction(1)) if isinstance(value, Mul) else _grown(value, parts)


def _grown(value: Expr, parts: list[Fraction]) -> Fraction | None:
    """Of a power, a factorial or a binomial coefficient, which may be too large."""
    first, last = parts[0], parts[-1]
    if last.denominator != 1 or (not isinstance(value, Pow) and not 0 <= last <= first):
        return None
    if max(first.numerator.bit_length(), first.denominator.bit_length()) * abs(last) > LARGEST:
        return None
    if isinstance(value, Pow):
        return first ** int(last) if first or last >= 0 else None
    if first.denominator != 1:
        return None
    return Fraction(factorial(int(first)) if isinstance(value, sympy_factorial) else comb(int(first), int(last)))


def _close(first: Expr, second: Expr, tolerance: float) -> bool:
    """Whether the difference of two constants is within the tolerance, relative to the larger."""
    one, other = first.evalf(PRECISION), second.evalf(PRECISION)
    if not (_is_computed(one) and _is_computed(other)):
        return bool(one == other and one.is_extended_real)
    difference = Add(first, Mul(-1, second, evaluate=False), evaluate=False).evalf(PRECISION)
    return bool(_magnitude(difference) <= tolerance * max(_magnitude(one), _magnitude(other)))


def _is_computed(value: Expr) -> bool:
    """Whether a number came out, and not what cannot be computed, such as Mod(7, 5), or an infinity."""
    return bool(value.is_finite) and all(isinstance(part, Number) for part in value.as_real_imag())


def _magnitude(value: Expr) -> Float:
    """The larger of the real and the imaginary part of a computed number; 0 where no digit is significant."""
    return max(abs(Float(part)) if part.is_comparable else Float(0) for part in value.as_real_imag())


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
    return not _close(one, other, RELATIVE_TOLERANCE)


def _same_equation(first: Eq, second: Eq) -> bool:
    """Whether one equation is the other times a number."""
    difference = second.lhs - second.rhs
    if difference == 0:
        return False
    ratio = simplify((first.lhs - first.rhs) / difference)
    return bool(ratio.is_number and ratio.is_finite and not ratio.is_zero)
