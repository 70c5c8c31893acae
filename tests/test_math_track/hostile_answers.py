"""Answers written to hang, crash or fill what grades them, made from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

PIECES = (
    "\\frac", "\\sqrt", "\\boxed", "\\left", "\\right", "\\text", "\\begin{pmatrix}", "\\end{pmatrix}", "\\binom",
    "\\sum", "\\int", "\\lim", "\\prod", "\\log", "\\pm", "\\cup", "\\in", "\\infty", "\\le", "\\%", "\\\\", "\\",
    "&", "{", "}", "(", ")", "[", "]", "|", "^", "_", "!", "=", "<", ">", ",", ";", "+", "-", "*", "/", "%", "$", " ",
    "\n", "\x00", "\x1b[2J", "x", "i", "e", "pi", "nan", "inf", "or", "1", "9", "0", "10", "1e999999999",
    "99999999999999999999", ".", "'", '"', "#", "π", "²", "½", "٣", "７", "\u202e", "\u200b", "😀", "𝟙",
    "__import__('os')", "lambda:0", "import",
)  # fmt: skip
BRACKETS = (("(", ")"), ("{", "}"), ("[", "]"), ("\\frac{1}{", "}"), ("\\sqrt{", "}"), ("\\{", "\\}"))


def _soup(draw: random.Random) -> str:
    return "".join(draw.choices(PIECES, k=draw.randint(1, 60)))


def _nested(draw: random.Random) -> str:
    opening, closing = draw.choice(BRACKETS)
    depth = draw.choice([5, 30, 200, 5_000])
    return opening * depth + "x" + closing * (depth if draw.random() < 0.5 else draw.randint(0, depth))


def _tower(draw: random.Random) -> str:
    base, height = draw.choice(["2", "9", "10", "x", "0.1"]), draw.randint(2, 8)
    return f"{base}^{{" * height + draw.choice(["9", "99", "x", "-9"]) + "}" * height


def _huge(draw: random.Random) -> str:
    number = draw.choice(["9" * draw.choice([10, 300, 20_000]), f"10^{{{10 ** draw.randint(2, 12)}}}"])
    form = draw.choice(
        [
            "{}!",
            "{}!!",
            "\\binom{{{}}}{{{}}}",
            "2^{{{}}}",
            "x^{{{}}}+1",
            "\\lfloor {} \\rfloor",
            "{}e{}",
            "\\frac{{1}}{{{}}}",
        ]
    )
    return form.replace("{}", number)


def _endless(draw: random.Random) -> str:
    big = 10 ** draw.randint(3, 10)
    return draw.choice(
        [
            f"\\sum_{{k=1}}^{{{big}}} \\frac{{1}}{{k^k}}",
            f"\\prod_{{k=1}}^{{{big}}} (x+k)",
            f"\\int_0^{{{big}}} e^{{x^x}} \\sin(x^{{x}}) dx",
            f"(x+y+z)^{{{big}}}",
            f"\\gcd({big}!, {big + 1}!)",
            f"\\lim_{{x\\to 0}} \\frac{{\\sin(x^{{{big}}})}}{{x^{{{big}}}}}",
            f"{big}^{{{big}}} \\bmod 7",
            "\\begin{pmatrix}" + "&".join(["x+1"] * 60) + "\\end{pmatrix}^{-1}",
        ]
    )


def _long(draw: random.Random) -> str:
    return draw.choice(
        ["1", "a", "\\", "{", "1,", "-", "=", " ", "\\pm ", "\\text{", "<", "1+", "é", "\n"]
    ) * draw.choice([500, 900, 200_000])


def _unicode(draw: random.Random) -> str:
    return "".join(
        chr(draw.choice([draw.randrange(32), draw.randrange(0xD800), draw.randrange(0xE000, 0x110000)]))
        for _ in range(40)
    )


def _cut(draw: random.Random) -> str:
    matrix = r"\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}"
    whole = r"\boxed{\frac{3\sqrt{3}}{4}+" + matrix + r"\cup \left(\frac{3}{5},\frac{8}{3}\right]}"
    start, end = sorted(draw.sample(range(len(whole)), 2))
    return whole[start:end]


KINDS: tuple[Callable[[random.Random], str], ...] = (
    _soup,
    _soup,
    _nested,
    _tower,
    _huge,
    _endless,
    _long,
    _unicode,
    _cut,
)
GOLDS = (
    "5",
    "x+1",
    r"\frac{3}{4}",
    "(1,2)",
    r"\text{east}",
    r"12\pi",
    r"1 \pm \sqrt{19}",
    r"x \in [-2,7]",
    "y = 2x + 3",
)


def hostile_pairs(count: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Hostile answers, each with a gold answer that is none of them; every kind in turn."""
    draw = random.Random(seed)
    for place in range(count):
        yield KINDS[place % len(KINDS)](draw), draw.choice(GOLDS)
