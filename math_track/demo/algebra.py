"""Algebra problems of the bundled set: equations, series, values of a polynomial."""

from __future__ import annotations

from random import Random

from math_track.demo.arithmetic import NAMES
from math_track.demo.sketch import Facts, Family


def _equation(rng: Random) -> Facts:
    a, b, x = rng.randint(2, 12), rng.randint(1, 30), rng.randint(2, 15)
    return {"a": a, "b": b, "c": a * x + b, "ax": a * x, "answer": x}


EQUATION = Family(
    _equation,
    (
        r"""Solve ${a}x + {b} = {c}$ for $x$.
        Idea: The number is taken away first, then the factor.
        Subtract {b} | Taking {b} from both sides leaves ${a}x = {c} - {b} = {ax}$.
        Divide by {a} | Dividing both sides gives $x = {ax} / {a} = {answer}$.
        Check | Indeed ${a} \times {answer} + {b} = {c}$.""",
        r"""A number is multiplied by {a}, then {b} is added, and the result is {c}. What is the number?
        Idea: The steps are undone from the last to the first.
        Undo the addition | Before {b} was added, there was ${c} - {b} = {ax}$.
        Undo the product | Before the multiplication, there was ${ax} / {a} = {answer}$.
        Go forwards again | Starting with it, ${a} \times {answer} + {b} = {c}$, as it should be.""",
    ),
)


def _both_sides(rng: Random) -> Facts:
    c, e, x, b = rng.randint(2, 8), rng.randint(2, 7), rng.randint(2, 12), rng.randint(1, 20)
    a, d = c + e, e * x + b
    return {"a": a, "b": b, "c": c, "d": d, "e": e, "ex": e * x, "side": a * x + b, "answer": x}


BOTH_SIDES = Family(
    _both_sides,
    (
        r"""Find $x$ with ${a}x + {b} = {c}x + {d}$.
        Idea: The unknown goes to the left, the numbers go to the right.
        Unknowns to the left | ${a} - {c} = {e}$, so there remains ${e}x + {b} = {d}$.
        Numbers to the right | ${d} - {b} = {ex}$, so ${e}x = {ex}$.
        Divide by {e} | This gives $x = {ex} / {e} = {answer}$.
        Check the left side | The left side is ${a} \times {answer} + {b} = {side}$, as is the right.""",
        r"""For which $x$ are ${a}x + {b}$ and ${c}x + {d}$ equal?
        Idea: The difference of the two expressions has to vanish.
        Difference of the factors | The factors differ by ${a} - {c} = {e}$.
        Difference of the numbers | The numbers differ by ${d} - {b} = {ex}$.
        Make both equal | So $x$ must be ${ex} / {e} = {answer}$.
        Value of both | Both are then ${c} \times {answer} + {d} = {side}$.""",
    ),
)


def _two_numbers(rng: Random) -> Facts:
    y, gap = rng.randint(2, 40), rng.randint(1, 30)
    x = y + gap
    return {"s": x + y, "d": gap, "twice": 2 * x, "x": x, "y": y, "answer": x * y}


TWO_NUMBERS = Family(
    _two_numbers,
    (
        r"""Two numbers have the sum {s} and the difference {d}. What is their product?
        Idea: Sum and difference together are twice the larger number.
        Twice the larger | Adding both facts gives ${s} + {d} = {twice}$.
        The larger number | Half of it is ${twice} / 2 = {x}$.
        The smaller number | The rest of the sum is ${s} - {x} = {y}$.
        Multiply | The product is ${x} \times {y} = {answer}$.""",
        r"""Let $x + y = {s}$ and $x - y = {d}$. What is $xy$?
        Idea: Adding the equations removes one unknown.
        Add the equations | They give $2x = {s} + {d} = {twice}$.
        Solve for x | So $x = {twice} / 2 = {x}$.
        Solve for y | From the first equation, $y = {s} - {x} = {y}$.
        Product | Then $xy = {x} \times {y} = {answer}$.""",
    ),
)


def _quadratic(rng: Random) -> Facts:
    p = rng.randint(1, 12)
    q = p + rng.randint(1, 12)
    return {"p": p, "q": q, "sum": p + q, "product": p * q, "answer": q}


QUADRATIC = Family(
    _quadratic,
    (
        r"""What is the larger root of $x^2 - {sum}x + {product} = 0$?
        Idea: Two numbers are needed whose sum and product are known.
        Sum and product | The roots add up to {sum} and multiply to {product}.
        Find the pair | These are {p} and {q}, for ${p} + {q} = {sum}$ and ${p} \times {q} = {product}$.
        Factor | The equation reads $(x - {p})(x - {q}) = 0$.
        Choose | The larger root is {q}.""",
        r"""Find the greatest solution of $x^2 + {product} = {sum}x$.
        Idea: The equation is brought to a product of two factors.
        Bring to one side | This is $x^2 - {sum}x + {product} = 0$.
        Numbers with that sum | ${p} + {q} = {sum}$ and ${p} \times {q} = {product}$.
        Write as a product | So $(x - {p})(x - {q}) = 0$.
        Greatest solution | Of {p} and {q}, the greatest is {q}.""",
    ),
)


def _ages(rng: Random) -> Facts:
    name, other = rng.sample(NAMES, 2)
    k, b, m = rng.randint(2, 5), rng.randint(3, 15), rng.randint(2, 10)
    facts: Facts = {"name": name, "other": other, "k": k, "b": b, "m": m, "parts": k + 1}
    return {**facts, "s": (k + 1) * b, "now": k * b, "answer": k * b + m}


AGES = Family(
    _ages,
    (
        r"""{name} is {k} times as old as {other}. Together they are {s} years old.
        How old will {name} be in {m} years?
        Idea: The age of {other} is one part of the sum, that of {name} are {k} parts.
        Count the parts | Together there are ${k} + 1 = {parts}$ parts.
        Age of {other} | One part is ${s} / {parts} = {b}$ years.
        Age of {name} | So {name} is ${k} \times {b} = {now}$ years old.
        Look ahead | In {m} years it will be ${now} + {m} = {answer}$ years.""",
        r"""{name} has {k} times as many stickers as {other}, and the two have {s} stickers in all.
        Then {name} gets {m} more. How many does {name} have now?
        Idea: What {other} has is taken as the unit.
        Units in all | The stickers make ${k} + 1 = {parts}$ units.
        Size of a unit | {other} has ${s} / {parts} = {b}$ stickers.
        Stickers of {name} | {name} had ${k} \times {b} = {now}$ stickers.
        Add the new ones | Now there are ${now} + {m} = {answer}$.""",
    ),
)


def _series(rng: Random) -> Facts:
    a, d, n = rng.randint(1, 15), rng.randint(2, 9), 2 * rng.randint(3, 10)
    last = a + (n - 1) * d
    first = {"a": a, "b": a + d, "c": a + 2 * d, "d": d, "n": n, "steps": n - 1, "half": n // 2}
    return {**first, "last": last, "pair": a + last, "answer": n * (a + last) // 2}


SERIES = Family(
    _series,
    (
        r"""What is the sum of the first {n} terms of the sequence {a}, {b}, {c}, ... with equal steps?
        Idea: The first and the last term make a pair, and so do the others.
        Step of the sequence | Each term grows by ${b} - {a} = {d}$.
        Last term | The last one is ${a} + {steps} \times {d} = {last}$.
        Sum of a pair | First and last make ${a} + {last} = {pair}$.
        All pairs | There are {half} pairs, so ${half} \times {pair} = {answer}$.""",
        r"""A theatre has {n} rows. They have {a}, {b}, {c} and so on seats, always the same number more.
        How many seats are there?
        Idea: Rows from the front and from the back are taken together.
        Growth from row to row | Each row has ${b} - {a} = {d}$ more.
        The back row | It has ${a} + {steps} \times {d} = {last}$ seats.
        Front and back | Both rows have ${a} + {last} = {pair}$ seats.
        Count the pairs | {half} such pairs have ${half} \times {pair} = {answer}$ seats.""",
    ),
)


def _polynomial(rng: Random) -> Facts:
    a, b, c, k = rng.randint(2, 6), rng.randint(2, 9), rng.randint(1, 20), rng.randint(2, 9)
    one, two = a * k * k, b * k
    facts: Facts = {"a": a, "b": b, "c": c, "k": k, "square": k * k, "one": one, "two": two}
    return {**facts, "answer": one + two + c}


POLYNOMIAL = Family(
    _polynomial,
    (
        r"""Let $f(x) = {a}x^2 + {b}x + {c}$. What is $f({k})$?
        Idea: Each term is worked out by itself.
        Square | The square is ${k} \times {k} = {square}$.
        First term | The first term is ${a} \times {square} = {one}$.
        Second term | The second term is ${b} \times {k} = {two}$.
        Add | The value is ${one} + {two} + {c} = {answer}$.""",
        r"""What is the value of ${a}x^2 + {b}x + {c}$ at $x = {k}$?
        Idea: The number is put in for $x$, powers first.
        Power | Here $x^2 = {k} \times {k} = {square}$.
        Term with the square | It is ${a} \times {square} = {one}$.
        Linear term | It is ${b} \times {k} = {two}$.
        Sum of the terms | In all ${one} + {two} + {c} = {answer}$.""",
    ),
)

FAMILIES = {
    "equation": EQUATION,
    "both-sides": BOTH_SIDES,
    "two-numbers": TWO_NUMBERS,
    "quadratic": QUADRATIC,
    "ages": AGES,
    "series": SERIES,
    "polynomial": POLYNOMIAL,
}
