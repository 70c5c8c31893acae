r"""Texts of answers in one spelling: LaTeX's many ways to write the same signs, and plain text and Unicode, made LaTeX.

Spelling only; what makes two answers equal stands in `math_track.equivalence`. `\text{...}` keeps its text.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate

_SIGNS = {
    "−": "-", "–": "-", "—": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": "/", "⁄": "/", "∕": "/",
    "π": r"\pi ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "λ": r"\lambda ", "μ": r"\mu ", "ω": r"\omega ",
    "φ": r"\phi ", "τ": r"\tau ", "∞": r"\infty ", "√": r"\sqrt ", "±": r"\pm ", "∓": r"\mp ", "≤": r"\le ",
    "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ",
    "ℝ": r"\mathbb{R}", "°": r"^\circ ", "Å": r"\AA ", "\u212b": r"\AA ", "′": "'", "⟨": r"\langle ", "⟩": r"\rangle ",
    "½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}",
}  # fmt: skip
_UNICODE = str.maketrans(_SIGNS)
_RAISED, _LOWERED = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹]+"), re.compile("[₀-₉]+")
_SAME = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "leq": "le", "geq": "ge", "leqslant": "le", "geqslant": "ge",
    "neq": "ne", "lt": "<", "gt": ">", "lbrace": r"\{", "rbrace": r"\}", "lbrack": "[", "rbrack": "]",
    "varnothing": "emptyset", "degree": r"^\circ", "infin": "infty", "mbox": "text", "hbox": "text", "textbf": "text",
    "textit": "text", "textrm": "text", "textnormal": "text", "textsf": "text", "mathrm": "text",
    "operatorname": "text", "R": r"\mathbb{R}", "Reals": r"\mathbb{R}", "dots": "ldots", "ast": "*", "div": "/",
    "pounds": "£", "colon": ":", "AA": r"\text{ angstrom}",
}  # fmt: skip
_PLAIN = {"{,}": ",", r"\%": "%", "**": "^", "<=": r"\le ", ">=": r"\ge ", "!=": r"\ne "}
_NOTHING = {
    "left", "right", "displaystyle", "textstyle", "limits", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "bigg",
    "Bigg", "biggl", "biggr", "Biggl", "Biggr", "mathbf", "boldsymbol", "bm", "mathit", "mathsf", "bf", "it", "rm",
    "qquad", "quad", "hspace", "thinspace", "phantom",
}  # fmt: skip
_COMMAND = re.compile(r"\\([A-Za-z]+)\*?")
_SPACES = re.compile(r"(\\\\)(?:\[[^\]]*\])?|\\[,;:! ]|~|\s+")
_SPACE_IN_NUMBER = re.compile(r"(?<=[0-9])(?:,?\\[,!;:]\s?| )(?=[0-9]{3}(?![0-9]))")
_DELIMITERS = re.compile(r"\\?\$|(?<!\\)\\[()\[\]]|\\(?:left|right) ?\.(?![0-9])")
_DEGREES = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)(?![A-Za-z])\s*")
_TRIGONOMETRIC = r"\\(?:sin|cos|tan|cot|sec|csc)(?: ?\^ ?\{?[0-9]\}?)? ?\(? ?"
_DEGREES_WITHIN = re.compile(rf"({_TRIGONOMETRIC})([0-9.]+) ?{_DEGREES.pattern}")
_PRIMES = re.compile(r" ?\^ ?(?:\\prime(?![A-Za-z])|\{ ?((?:\\prime ?)+)\})")
_CHOOSE = re.compile(r"\{([^{}]*)\\choose([^{}]*)\}")
_GROUP = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
_FRACTION = re.compile(r"\\frac\s*(?:\{([^{}]*)\}|([0-9A-Za-z]))\s*(?:\{([^{}]*)\}|([0-9A-Za-z]))")
_TOP, _BOTTOM = re.compile(r"\\frac\s*([0-9A-Za-z])"), re.compile(rf"(\\frac\s*{_GROUP})\s*([0-9A-Za-z])")
_BASE = re.compile(r"\\log ?_ ?([0-9A-Za-z])")
_BRACKETS_ABOVE = re.compile(r"\^ ?\(([^()]*)\)")
_ROOT = re.compile(r"\\sqrt\s*(?:([0-9A-Za-z])|\(([^()]*)\))")
_POWERS_OF_TEN = re.compile(r"(?<![A-Za-z\\_^.0-9])([0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE]([+-]?[0-9]+)(?![0-9A-Za-z.])")
_NAMES = re.compile(
    r"(?<![A-Za-z\\])(?:np\.|math\.)?"
    r"(arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|csc|sec(?= ?\()|sqrt|exp|log|ln|pi|infty|infinity|inf)"
    r"(?![A-Za-z])"
)
_SHORT_WORDS = {"yes", "no", "odd", "dne"}
_TEXT_WITHOUT_LETTERS = re.compile(r"\\text ?\{([^{}A-Za-z]*)\}")
_TEXT = re.compile(r"(\\text\s*\{[^{}]*\})")
_TEXT_WITH_POWERS = re.compile(r"\\text\s*\{((?:[^{}^]|\^ ?\{[^{}]*\}|\^)*)\}")
_COUNTED = re.compile(r"\\text\{ *([-+]?[0-9][0-9.,]*)((?: +|st|nd|rd|th)[^{}0-9]*)\}")


def tidy(text: str) -> str:
    """An answer in one spelling, on one line, without dollar signs and without a full stop behind it."""
    text = _SPACE_IN_NUMBER.sub("", text).strip("* ")
    text = _RAISED.sub(lambda match: f"^{{{match.group()}}}", text)
    text = _LOWERED.sub(lambda match: f"_{{{match.group()}}}", text)
    text = unicodedata.normalize("NFKC", text.translate(_UNICODE))
    text = _DELIMITERS.sub(" ", "".join(char for char in text if char.isprintable() or char.isspace()))
    text = _COMMAND.sub(_one_command, text)
    text = _SPACES.sub(lambda match: match.group(1) or " ", text)
    for written, meant in _PLAIN.items():
        text = text.replace(written, meant)
    text = _TEXT_WITH_POWERS.sub(_one_text, text)
    if counted := _COUNTED.fullmatch(text.strip(" .")):
        text = rf"{counted[1]} \text{{{counted[2]}}}"
    parts = _TEXT.split(_TEXT_WITHOUT_LETTERS.sub(r"\1", text))
    parts[::2] = [_tidy_formula(part) for part in parts[::2]]
    return _unwrapped("".join(parts).strip().removesuffix(".").strip())


def same_spelling(first: str, second: str) -> bool:
    """Whether two tidy texts are the same letter by letter; case counts but for words that both mark as text."""
    if compact(first) == compact(second):
        return True
    return r"\text" in first and r"\text" in second and compact(_lowered(first)) == compact(_lowered(second))


def compact(text: str) -> str:
    """A tidy text for comparing letter by letter: no spaces, no braces around one sign, no text marks."""
    text = re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\{([0-9A-Za-z])\}", r"\1", text)
    text = re.sub(r"(?<=[0-9]) +(?=[0-9])", "&", text)
    return text.replace(" ", "")


def _lowered(text: str) -> str:
    """A tidy text with its words in lower case, but not the single letters that are marked as text."""
    return re.sub(r"\\text\s*\{[^{}]*[^\W\d_]{2}[^{}]*\}", lambda match: match.group().casefold(), text)


def words(text: str) -> str:
    r"""What a tidy text says if it is words, in lower case without articles, else ''.

    Words stand in `\text{...}`, or have at least four letters or are known: `abc` may be a product.
    """
    marked = r"\text" in text
    plain = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", text)
    if not re.fullmatch(r"[^\W\d_][^\\^_=<>+*/0-9]*", plain.strip()):
        return ""
    found = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", plain.casefold())
    if not marked and max(map(len, found), default=0) < 4 and not set(found) & _SHORT_WORDS:
        return ""
    return " ".join(found[1:] if len(found) > 1 and found[0] in {"a", "an", "the"} else found)


def _unwrapped(text: str) -> str:
    """A text without braces around all of it."""
    while text.startswith("{") and text.endswith("}"):
        depths = list(
            accumulate({"{": 1, "}": -1}.get(char, 0) for char in text.replace("\\{", "__").replace("\\}", "__"))
        )
        if 0 in depths[:-1] or depths[-1]:
            break
        text = text[1:-1].strip()
    return text


def _one_text(match: re.Match[str]) -> str:
    """A text without the braces of its powers, such as `s^{-1}`."""
    return rf"\text{{{match[1].replace('{', '').replace('}', '')}}}"


def _one_command(match: re.Match[str]) -> str:
    name = match.group(1)
    if name in _NOTHING:
        return ""
    same = _SAME.get(name, name)
    return "\\" + same if same.isalpha() else same


def _tidy_formula(text: str) -> str:
    """What holds outside of text: names of functions, powers of ten, fractions, roots, primes, degrees."""
    text = _NAMES.sub(_one_name, text)
    text = _POWERS_OF_TEN.sub(r"\1\\times 10^{\2}", text)
    text = _ROOT.sub(r"\\sqrt{\1\2}", text)
    text = _BOTTOM.sub(r"\1{\2}", _TOP.sub(r"\\frac{\1}", _FRACTION.sub(_one_fraction, text)))
    text = _BASE.sub(r"\\log_{\1}", _BRACKETS_ABOVE.sub(r"^{\1}", text))
    text = _CHOOSE.sub(r"\\binom{\1}{\2}", text)
    text = _PRIMES.sub(lambda match: "'" * (match.group(1) or "p").count("p"), text)
    text = _DEGREES_WITHIN.sub(r"\1(\\frac{\2\\pi}{180})", text)
    return _DEGREES.sub(r"\\text{ degrees}", text)


def _one_name(match: re.Match[str]) -> str:
    name = match.group(1)
    return r"\infty" if name.startswith("inf") else "\\" + name


def _one_fraction(match: re.Match[str]) -> str:
    top, bottom = match.group(1) or match.group(2) or "", match.group(3) or match.group(4) or ""
    return rf"\frac{{{top.strip()}}}{{{bottom.strip()}}}"
