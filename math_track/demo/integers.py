"""Problems about whole numbers in the bundled set: divisors, remainders, last digits."""

from __future__ import annotations

from math import gcd
from random import Random

from math_track.demo.sketch import Facts, Family


def _remainder(rng: Random) -> Facts:
    m = rng.randint(5, 13)
    while True:
        a, b = rng.randint(m + 1, 90), rng.randint(m + 1, 90)
        r, s = a % m, b % m
        if r > 1 and s > 1:
            break
    facts: Facts = {"a": a, "b": b, "m": m, "u": a // m, "v": b // m, "w": r * s // m, "r": r, "s": s, "rs": r * s}
    return {**facts, "answer": r * s % m}


REMAINDER = Family(
    _remainder,
    (
        r"""What is the remainder when ${a} \times {b}$ is divided by {m}?
        Idea: Both factors may be replaced by their remainders.
        Reduce {a} | ${a} = {u} \times {m} + {r}$, which leaves {r}.
        Reduce {b} | ${b} = {v} \times {m} + {s}$, which leaves {s}.
        Multiply the remainders | Their product is ${r} \times {s} = {rs}$.
        Reduce again | ${rs} = {w} \times {m} + {answer}$, which leaves {answer}.""",
        r"""{a} boxes of {b} eggs are packed anew, {m} eggs to a carton. How many eggs are left over?
        Idea: Only remainders matter for what is left over.
        Remainder of the boxes | Since ${a} = {u} \times {m} + {r}$, the boxes leave {r}.
        Remainder of a box | Since ${b} = {v} \times {m} + {s}$, a box leaves {s}.
        Product | Instead of all eggs, ${r} \times {s} = {rs}$ are enough.
        Left over | From ${rs} = {w} \times {m} + {answer}$ there are {answer} left.""",
    ),
)


def _least_common(rng: Random) -> Facts:
    while True:
        a, b = rng.randint(6, 60), rng.randint(6, 60)
        g = gcd(a, b)
        if a < b and 1 < g < a:
            break
    facts: Facts = {"a": a, "b": b, "g": g, "u": a // g, "v": b // g}
    return {**facts, "answer": a // g * b}


LEAST_COMMON = Family(
    _least_common,
    (
        r"""What is the least common multiple of {a} and {b}?
        Idea: The common divisor must be counted once only.
        Common divisor | The greatest common divisor is {g}, for ${a} = {g} \times {u}$ and ${b} = {g} \times {v}$.
        Take it out of one | One number is shortened to ${a} / {g} = {u}$.
        Multiply by the other | The multiple is ${u} \times {b} = {answer}$.""",
        r"""Two buses leave together, one every {a} minutes and one every {b} minutes.
        After how many minutes do they leave together again?
        Idea: The time is the least common multiple of both.
        What both share | Both are multiples of {g}: ${a} = {g} \times {u}$ and ${b} = {g} \times {v}$.
        Left of the first | Without the shared part it has ${a} / {g} = {u}$.
        Next meeting | They meet after ${u} \times {b} = {answer}$ minutes.""",
    ),
)


def _last_digit(rng: Random) -> Facts:
    a, n = 10 * rng.randint(1, 9) + rng.choice((2, 3, 7, 8)), rng.randint(9, 60)
    d = a % 10
    cycle = [pow(d, k, 10) for k in (1, 2, 3, 4)]
    place = (n - 1) % 4 + 1
    facts: Facts = {
        "a": a,
        "n": n,
        "d": d,
        "cycle": ", ".join(map(str, cycle)),
        "full": (n - place) // 4,
        "place": place,
    }
    return {**facts, "answer": cycle[place - 1]}


LAST_DIGIT = Family(
    _last_digit,
    (
        r"""What is the last digit of ${a}^{{{n}}}$?
        Idea: The last digits of the powers repeat.
        Only the last digit counts | The number {a} ends in {d}, so the powers of {d} are enough.
        Cycle | Their last digits are {cycle}, and then they repeat.
        Place in the cycle | With ${n} = {full} \times 4 + {place}$ it is place {place}.
        Read off | At place {place} stands {answer}.""",
        r"""In which digit does the power ${a}^{{{n}}}$ end?
        Idea: The end of a product depends on the ends of its factors.
        End of the base | As {a} ends in {d}, it does the same as {d}.
        Ends that repeat | Powers of {d} end in {cycle}, over and over.
        Count modulo four | ${n} = {full} \times 4 + {place}$ leads to place {place}.
        The end | That place has {answer}.""",
    ),
)


def _divisors(rng: Random) -> Facts:
    p, q = rng.sample((2, 3, 5, 7), 2)
    p, q = min(p, q), max(p, q)
    i, j = rng.randint(1, 5), rng.randint(1, 3)
    facts: Facts = {"n": p**i * q**j, "p": p, "q": q, "i": i, "j": j, "u": i + 1, "v": j + 1}
    return {**facts, "answer": (i + 1) * (j + 1)}


DIVISORS = Family(
    _divisors,
    (
        r"""How many positive divisors does {n} have?
        Idea: A divisor is made of the same primes with exponents that are not larger.
        Prime factors | ${n} = {p}^{i} \cdot {q}^{j}$.
        Exponents of {p} | A divisor can have ${i} + 1 = {u}$ exponents of {p}.
        Exponents of {q} | It can have ${j} + 1 = {v}$ exponents of {q}.
        Multiply | Together ${u} \times {v} = {answer}$ divisors.""",
        r"""{n} tiles are laid as a full rectangle. How many lengths of its bottom row are possible?
        Idea: The bottom row can be any divisor of the number of tiles.
        Factor | In primes, ${n} = {p}^{i} \cdot {q}^{j}$.
        Choices for {p} | From 0 to {i}, that is ${i} + 1 = {u}$.
        Choices for {q} | From 0 to {j}, that is ${j} + 1 = {v}$.
        All lengths | There are ${u} \times {v} = {answer}$ lengths.""",
    ),
)


def _multiples(rng: Random) -> Facts:
    a, b = rng.choice(((2, 3), (2, 5), (2, 7), (3, 4), (3, 5), (3, 7), (4, 5), (5, 7)))
    n = rng.randint(40, 250)
    both = n // (a * b)
    facts: Facts = {"n": n, "a": a, "b": b, "ab": a * b, "one": n // a, "two": n // b, "both": both}
    return {**facts, "answer": n // a + n // b - both}


MULTIPLES = Family(
    _multiples,
    (
        r"""How many of the first {n} positive integers are divisible by {a} or by {b}?
        Idea: Numbers that both divide must not be counted twice.
        Multiples of {a} | There are {one} of them, as {n} divided by {a} is {one} and something.
        Multiples of {b} | Likewise {n} divided by {b} gives {two}.
        Multiples of both | ${a} \times {b} = {ab}$ fits {both} times.
        Combine | In all ${one} + {two} - {both} = {answer}$.""",
        r"""Lamps have the numbers from one to {n}. All whose number is a multiple of {a} or of {b} are on.
        How many lamps are on?
        Idea: The lamps of both kinds are counted once.
        Lamps of the first kind | {n} holds {one} multiples of {a}.
        Lamps of the second kind | {n} holds {two} multiples of {b}.
        Lamps of both kinds | It holds {both} multiples of ${a} \times {b} = {ab}$.
        Lamps that are on | These are ${one} + {two} - {both} = {answer}$.""",
    ),
)


def _divisions(a: int, b: int) -> list[tuple[int, int, int, int]]:
    """Euclid's divisions (dividend, divisor, quotient, remainder), down to the remainder 0."""
    found = []
    while b:
        found.append((a, b, a // b, a % b))
        a, b = b, a % b
    return found


def _euclid(rng: Random) -> Facts:
    while True:
        a, b = rng.randint(60, 400), rng.randint(12, 200)
        rows, answer = _divisions(a, b), gcd(a, b)
        if a > b and answer > 1 and 2 <= len(rows) <= 5:
            break
    one = [f"Divide {x} by {y} | ${x} = {q} \\times {y} + {r}$, so the remainder is {r}." for x, y, q, r in rows]
    two = [
        f"Fill {x} with {y} | It fits {q} times, ${x} = {q} \\times {y} + {r}$, and {r} is left." for x, y, q, r in rows
    ]
    return {"a": a, "b": b, "one": "\n".join(one), "two": "\n".join(two), "answer": answer}


EUCLID = Family(
    _euclid,
    (
        r"""What is the greatest common divisor of {a} and {b}?
        Idea: Dividing with remainder goes on until nothing remains.
        {one}
        Last divisor | The division by {answer} leaves nothing.""",
        r"""A floor of {a} by {b} decimetres is covered with equal square tiles. How long can a tile's side be at most?
        Idea: The side is the greatest number that divides both lengths.
        {two}
        Side of the tile | Nothing is left beside {answer}.""",
    ),
)

FAMILIES = {
    "remainder": REMAINDER,
    "least-common": LEAST_COMMON,
    "last-digit": LAST_DIGIT,
    "divisors": DIVISORS,
    "multiples": MULTIPLES,
    "euclid": EUCLID,
}
