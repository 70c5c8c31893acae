r"""Final answers: what an output, or a worked solution of a data set, says its answer is.

The order is that of Qwen2.5-Math's evaluation (`extract_answer` in evaluation/parser.py of QwenLM/Qwen2.5-Math):

1. the phrase of Minerva's prompt, `final answer is $...$. I hope`;
2. the last `\boxed`; braces that never close take all that follows;
3. behind the last `the answer is`, else the last `final answer is`, else the first `答案是`;
4. the last number, commas left out: the 4 of `3/4`, as there.

Where this module differs, it reads what a person would read:

* `\fbox` and `\framebox` count as boxes; the word "boxed" alone does not; an empty box is passed over;
* escaped braces open and close nothing; a box without braces ends at the line, not only at a `$`;
* an answer behind a phrase ends with its sentence or line, or before "i.e.", but not within a formula or environment;
  there it goes on to the end of the output.

Texts are scanned from end to end a fixed number of times. Nothing is normalised here but white space and the marks
at the ends; what makes two answers equal stands in `math_track.equivalence`.
"""

from __future__ import annotations

import re

_MINERVA_OPEN, _MINERVA_CLOSE = "final answer is $", "$. I hope"
_BOX = re.compile(r"(?:\\boxed|\\fbox|\\framebox|boxed(?=\{))\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_END_OF_BARE_BOX = re.compile(r"\$|\n|\\\]|\\\)|$")
_PHRASES = ("he answer is", "final answer is")
_CHINESE_PHRASE = "答案是"
_DISPLAY = re.compile(r"\\\[(.*?)\\\]|\$\$(.*?)\$\$", re.DOTALL)
_MARK = re.compile(
    # A formula, by Pandoc's rule for dollars: those of "$5. He has $3 left" are money.
    r"(?P<skipped>\$(?![\s$])(?:[^$\n]|\n(?!\s*\n))*+(?<!\s)\$(?![0-9])|(?<![a-z])(?:approx|ca)\.)"
    r"|(?P<open>\\begin\b|\\\[|\\\()"
    r"|(?P<close>\\end\{[^{}\n]*\}|\\\]|\\\))"
    r"|(?P<end>\n|[.?。](?=\s)|[,;]? ?\(?\b(?:i\.e\.|e\.g\.))"  # no "!": 5! is a factorial
)
_NUMBER = re.compile(r"-?(?:[0-9]*\.[0-9]+|[0-9]+)")
_ENDS_OF_ANSWER = " \t\r\n*`"


def final_answer(text: str) -> str:
    """The answer that an output ends with; empty where it has none."""
    for find in (_of_minerva, boxed_answer, _behind_phrase, _last_number):
        answer = find(text)
        if answer:
            return answer
    return ""


def boxed_answer(text: str) -> str:
    r"""What stands in the last `\boxed` that is not empty, as in the solutions of MATH and Minerva Math; else ''."""
    for match in reversed(list(_BOX.finditer(text))):
        answer = _trimmed(_box_content(text, match.end()))
        if answer:
            return answer
    return ""


def hashed_answer(text: str) -> str:
    """What stands behind the last `####` of a worked solution of GSM8K, such as `18`; empty where it has none."""
    _, marks, answer = text.rpartition("####")
    return _trimmed(answer) if marks else ""


def _box_content(text: str, start: int) -> str:
    """What a box holds whose braces open at `start`, or what stands there without braces."""
    if not text.startswith("{", start):
        end = _END_OF_BARE_BOX.search(text, start)
        return text[start : end.start()] if end else text[start:]
    depth = 0
    for match in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0:
            return text[start + 1 : match.start()]
    return text[start + 1 :]


def _of_minerva(text: str) -> str:
    start = text.find(_MINERVA_OPEN)
    if start < 0 or _MINERVA_CLOSE not in text:
        return ""
    rest = text[start + len(_MINERVA_OPEN) :]
    return _trimmed(rest.split(_MINERVA_CLOSE, 1)[0])


def _behind_phrase(text: str) -> str:
    for phrase in _PHRASES:
        _, found, rest = text.rpartition(phrase)
        if found:
            return _first_statement(rest)
    return _first_statement(text.partition(_CHINESE_PHRASE)[2])


def _first_statement(text: str) -> str:
    """The formula set apart, sentence or line that a text opens with."""
    text = text.lstrip(_ENDS_OF_ANSWER + ":：")
    display = _DISPLAY.match(text)
    if display:
        return _trimmed(display.group(1) or display.group(2) or "")
    return _trimmed(text[: _end_of_statement(text)])


def _end_of_statement(text: str) -> int:
    """Where the first sentence or line ends that ends in no formula; of a text whose formulas do not close, in any."""
    depth, ends = 0, []
    for mark in _MARK.finditer(text):
        depth = max(0, depth + (mark["open"] is not None) - (mark["close"] is not None))
        if mark["end"] is not None and mark.start():
            ends.append(mark.start())
            if depth == 0:
                return mark.start()
    return ends[0] if depth and ends else len(text)


def _last_number(text: str) -> str:
    numbers = _NUMBER.findall(text.replace(",", ""))
    return str(numbers[-1]) if numbers else ""


def _trimmed(answer: str) -> str:
    """An answer on one line, without the marks around it that belong to the sentence."""
    answer = " ".join(line.strip() for line in answer.split("\n")).strip(_ENDS_OF_ANSWER)
    return answer.removeprefix(":").removesuffix(".").removesuffix("/").strip(_ENDS_OF_ANSWER)
