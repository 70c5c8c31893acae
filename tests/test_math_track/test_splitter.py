"""What is a step of a worked solution: forms of headings, what must not be taken for one, and what is left out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from needs import need

from math_track.splitter import (
    AGAIN,
    GAP,
    NO_STEPS,
    NO_TITLES,
    NOT_FROM_ONE,
    ONE_STEP,
    REASONS,
    NotSplit,
    join,
    split_solution,
)

Case = tuple[str, str, list[str]]
"""A claim, a text, and the titles of its steps."""

LONG = "Show that the map is one to one"
FORMS: list[Case] = [
    ("a bold title with the colon inside", "1. **One:** a\n2. **Two:** b", ["One", "Two"]),
    ("a bold title with the colon behind", "1. **One**: a\n2. **Two**: b", ["One", "Two"]),
    ("a bold title without a colon", "1. **One** a\n2. **Two** b", ["One", "Two"]),
    ("a bold title on a line of its own", "1. **One**\n   a\n2. **Two**\n   b", ["One", "Two"]),
    ("a bold title with a full stop", "1. **One.** a\n2. **Two.** b", ["One", "Two"]),
    ("two blanks behind the number", "1.  **One** a\n2.  **Two** b", ["One", "Two"]),
    ("no blank behind the number", "1.**One** a\n2.**Two** b", ["One", "Two"]),
    ("a bracket behind the number", "1) **One** a\n2) **Two** b", ["One", "Two"]),
    ("underscores for bold", "1. __One__: a\n2. __Two__: b", ["One", "Two"]),
    ("number and title in bold", "**1. One**\na\n**2. Two**\nb", ["One", "Two"]),
    ("only the number in bold", "**1.** **One** a\n**2.** **Two** b", ["One", "Two"]),
    ("a numbered heading", "### 1. One\na\n### 2. Two\nb", ["One", "Two"]),
    ("a numbered heading in bold", "### **1. One**\na\n### **2. Two**\nb", ["One", "Two"]),
    ("a bold title in a heading", "#### 1. **One**\na\n#### 2. **Two**\nb", ["One", "Two"]),
    ("Step in a heading", "### Step 1: One\na\n### Step 2: Two\nb", ["One", "Two"]),
    ("Step with a dash", "## Step 1 - One\na\n## Step 2 – Two\nb", ["One", "Two"]),
    ("a numbered heading with a dash", "## 1 - One\na\n## 2 – Two\nb", ["One", "Two"]),
    ("a blank before the colon", "**Step 1 : One**\na\n**Step 2 : Two**\nb", ["One", "Two"]),
    ("Step in bold with the title", "**Step 1: One**\na\n**Step 2: Two**\nb", ["One", "Two"]),
    ("Step in bold with the title before a sentence", "**Step 1: One.** a\n**Step 2: Two.** b", ["One", "Two"]),
    ("Step in bold before the title", "**Step 1:** One\na\n**Step 2:** Two\nb", ["One", "Two"]),
    ("Step in bold before the colon", "**Step 1**: One\na\n**Step 2**: Two\nb", ["One", "Two"]),
    ("Step without marks", "Step 1: One\na\nStep 2: Two\nb", ["One", "Two"]),
    ("Step with a title and a sentence", "Step 1: One: we add.\nStep 2: Two: we take.", ["One", "Two"]),
    ("a long title behind Step", "Step 1: Show that the map is one to one\na\nStep 2: Two\nb", [LONG, "Two"]),
    ("STEP in capitals", "STEP 1: One\na\nSTEP 2: Two\nb", ["One", "Two"]),
    ("a title of few words up to a colon", "1. Coprime pairs:\na\n2. Counting:\nb", ["Coprime pairs", "Counting"]),
    ("an indented list", "  1. **One** a\n  2. **Two** b", ["One", "Two"]),
    ("CRLF as line ends", "1. **One**\r\na\r\n2. **Two**\r\nb\r\n", ["One", "Two"]),
    ("a formula in the title", r"1. **Bound \( 2:3 \)**: a" "\n2. **Use $x:y$** b", [r"Bound \( 2:3 \)", "Use $x:y$"]),
    (
        "a colon in a formula is not the end of a plain title",
        "Step 1: Ratio $a: b$ of areas\na\nStep 2: Two\nb",
        ["Ratio $a: b$ of areas", "Two"],
    ),
    (
        "more than nine steps",
        "\n".join(f"{number}. **T{number}** a" for number in range(1, 13)),
        [f"T{number}" for number in range(1, 13)],
    ),
]
TWO = ["One", "Two"]
NOT_FOOLED: list[Case] = [
    ("an indented list is inside its step", "1. **One**\n   1. **A**\n   2. **B**\n2. **Two**", TWO),
    ("a list of bold items under headings", "### 1. One\n1. **A**\n2. **B**\n### 2. Two\n1. **C**\n2. **D**", TWO),
    ("a heading below the level of the steps", "## Step 1: One\n### 1. A\n### 2. B\n## Step 2: Two\n### 1. C", TWO),
    ("an unindented list without titles", "1. **One**\n1. if odd\n2. if even\n2. **Two**", TWO),
    ("a list without titles before the steps", "Given:\n1. n is odd\n2. n > 3\n\n1. **One** a\n2. **Two** b", TWO),
    ("a final list of answers", "1. **One** a\n2. **Two** b\n\nAnswers:\n1. $x = 3$\n2. $x = 4$", TWO),
    ("a list of brackets", "1. **One** a\n1) **A**\n2) **B**\n2. **Two** b", TWO),
    ("cases inside a step", "1. **One**\n**Case 1:** odd\n**Case 2:** even\n2. **Two**", TWO),
    ("numbers in a fence", "1. **One**\n```\n2. **X**\n3. **Y**\n```\n2. **Two**", TWO),
    ("numbers in a fence of tildes", "1. **One**\n~~~~\n2. **X**\n~~~\n~~~~\n2. **Two**", TWO),
    ("a fence that is never closed", "1. **One**\na\n2. **Two**\n```\n3. **X**", TWO),
    ("numbers in a display", "1. **One**\n\\[\n2. **X**\n\\]\n2. **Two**", TWO),
    ("numbers between dollars", "1. **One**\n$$\n2. **X**\n$$\n2. **Two**", TWO),
    ("numbers in an inline formula over lines", "1. **One** \\( a +\n2. **X** \\)\n2. **Two**", TWO),
    ("a spaced row of an array", "1. **One**\n\\[ a \\\\[2pt]\n2. **X** \\]\n2. **Two**", TWO),
    ("an environment", "1. **One**\n\\begin{align*}\n\n2. **X**\n\\end{align*}\n2. **Two**", TWO),
    (
        "an environment in another",
        "1. **One**\n\\begin{cases}\\begin{cases}\n\\end{cases}\n2. **X**\\end{cases}\n2. **Two**",
        TWO,
    ),
    ("a display that is never closed", "1. **One** \\[ a\n\n2. **Two** \\[ b \\]", TWO),
    ("a display that is opened twice", "1. **One** \\[ a\n2. **Two** \\[ b \\]", TWO),
    ("a lone pair of dollars", "1. **One** $$\n\n2. **Two** $$ b $$", TWO),
    ("an environment that is never closed", "1. **One** \\begin{align}\n\n2. **Two** b", TWO),
    ("a proof environment holds prose", "\\begin{proof}\n1. **One** a\n2. **Two** b\n\\end{proof}", TWO),
    ("prices", "1. **One** it costs $5\n2. **Two** and $6", TWO),
    ("decimals and years", "1. **One** a\n2.5 metres: short\n2024. **X**\n2. **Two** b", TWO),
    ("numbers of sections below", "## Step 1: One\n## Step 1.1: A\n## Step 1b: B\n## Step 2: Two", TWO),
    ("bold numbers in a sentence", "1. **One** a\n**3** apples\n**2.5** pears\n2. **Two** b", TWO),
    ("a quotation", "1. **One**\n> 2. **X**\n2. **Two**", TWO),
    ("a bulleted list", "1. **One**\n- 2. **X**\n* 2. **Y**\n2. **Two**", TWO),
    ("the word in a sentence", "Step 1: One\na\nStep 2 follows from it.\nStep 2: Two\nb", TWO),
    ("text behind the last step", "1. **One** a\n2. **Two** b\n\n### Answer\n\\boxed{3}", TWO),
]
# Repeated to 300,000 characters.
HOSTILE = [
    *("\\[", "\\(", "$$", "```\n", "~~~\n````\n", "\\begin{align}", "\\end{align}", "\\begin{align}\\end{align}\n"),
    *("1. **", "1. **A**\n", "Step 1: $\n", "1. " + "\\( " * 90 + ":\n", "1. $" * 70 + "\n"),
    *("\n", " \n", "\t", "*", "#", "\\\\"),
]
LEFT_OUT = [
    ("nothing at all", "", NO_STEPS),
    ("an answer only", "42", NO_STEPS),
    ("prose", "We add. Then we take.\n\nSo 3.", NO_STEPS),
    ("all numbers in code", "```\n1. **One**\n2. **Two**\n```", NO_STEPS),
    ("a single step", "1. **One** a", ONE_STEP),
    ("a single step with a list inside", "1. **One**\n   1. **A**\n   2. **B**", ONE_STEP),
    ("sentences with numbers", "1. We add both, and get:\na\n2. Now we take.", NO_TITLES),
    ("Step without a title", "Step 1:\na\nStep 2:\nb", NO_TITLES),
    ("Step with a sentence", "Step 1: We construct a map that fits\nStep 2: It is a map.", NO_TITLES),
    ("items that say how a case is met", "1. For odd numbers:\na\n2. To find the rest:\nb", NO_TITLES),
    ("bold sentences", "1. **Let it be odd. We take two.**\n2. **So it holds. That is all.**", NO_TITLES),
    ("a first line without a title", "1. We add\n2. **Two** b\n3. **Three** c", NO_TITLES),
    ("a line without a title between others", "1. **One** a\n2. then\n3. **Three** c", NO_TITLES),
    ("a last line without a title", "1. **One** a\n2. **Two** b\n3. then", NO_TITLES),
    ("a title that is cut off", "1. **One** a\n2. **Two** b\n3. **Thr", NO_TITLES),
    ("a list that begins at 2", "2. **Two** a\n3. **Three** b", NOT_FROM_ONE),
    ("a list that begins at 0", "0. **Zero** a\n1. **One** b", NOT_FROM_ONE),
    ("a gap", "1. **One** a\n2. **Two** b\n4. **Four** c", GAP),
    ("a number twice", "1. **One** a\n2. **Two** b\n2. **Again** c", AGAIN),
    ("numbers that fall", "1. **One** a\n2. **Two** b\n1. **Less** c", AGAIN),
    ("a list for each part", "(a)\n1. **One** a\n2. **Two** b\n(b)\n1. **One** a\n2. **Two** b", AGAIN),
    ("two levels of one indent", "1. **One**\n1. **A**\n2. **B**\n2. **Two**", AGAIN),
]


def named(cases: list[Case]) -> list[object]:
    return [pytest.param(text, titles, id=claim) for claim, text, titles in cases]


@pytest.mark.parametrize(("text", "titles"), named(FORMS + NOT_FOOLED))
def test_the_steps_are_found(text: str, titles: list[str]) -> None:
    split = split_solution(text)
    assert [step.title for step in split.steps] == titles
    assert [step.number for step in split.steps] == list(range(1, len(titles) + 1))
    assert join(split) == text


@pytest.mark.parametrize(("text", "reason"), [pytest.param(text, why, id=claim) for claim, text, why in LEFT_OUT])
def test_what_has_no_such_structure_is_left_out_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(NotSplit) as caught:
        split_solution(text)
    assert (caught.value.reason, str(caught.value)) == (reason, reason)


@pytest.mark.parametrize("text", [text for _, text, _ in FORMS[:30]])
def test_the_body_is_what_stands_behind_the_heading(text: str) -> None:
    bodies = [step.body for step in split_solution(text).steps]
    assert bodies in (["a", "b"], ["we add.", "we take."])


def test_the_text_of_a_step_goes_from_its_heading_to_the_next() -> None:
    split = split_solution("Hello.\n\n  1. **One:**\n     a\n\n  2. **Two:** b\n\nBye.\n")
    assert [step.text for step in split.steps] == ["1. **One:**\n     a", "2. **Two:** b\n\nBye."]
    assert (split.preamble, split.pieces[0]) == ("Hello.\n\n", "  1. **One:**\n     a\n\n")


@pytest.mark.parametrize(
    "between", ["---", "***", "_ _ _", "## Second part", "---\n\n## Second part", "## Second part\n\n---\n", "--- \r\n"]
)
def test_what_stands_between_two_steps_is_in_no_step_s_text(between: str) -> None:
    text = f"### 1. One\n2 - 1\n\n{between}\n\n### 2. Two\nb\n\n---\n\nBye."
    split = split_solution(text)
    assert [step.text for step in split.steps] == ["### 1. One\n2 - 1", "### 2. Two\nb\n\n---\n\nBye."]
    assert [step.body for step in split.steps] == ["2 - 1", "b\n\n---\n\nBye."]
    assert join(split) == text


@pytest.mark.parametrize("end", ["- 3", "$a$\n---\n$b$", "#1", "### A\nb", "--"])
def test_the_end_of_a_step_that_is_no_separator_is_its_own(end: str) -> None:
    assert split_solution(f"1. **One**\n{end}\n2. **Two** b").steps[0].body == end


PARTS = r"""1. **A** a|2. **B** b|3. **C**|Step 2: B|### 1. A|**2. B**|1. then|   1. **A**|```|~~~|\[|\]|\(|\)|$$|$|\\
\begin{align}|\end{align}|**|#|1|.| |---|## A"""
words = st.sampled_from([*PARTS.replace("\n", "|").split("|"), "\n", "\n\n", "\r\n", "\t"])


@given(st.lists(words, max_size=25).map("".join) | st.text())
@example("1. **A**\n2. **B**")
def test_any_text_is_split_without_loss_or_left_out(text: str) -> None:
    try:
        split = split_solution(text)
    except NotSplit as error:
        assert error.reason in REASONS
        return
    assert join(split) == text
    assert [step.number for step in split.steps] == list(range(1, len(split.pieces) + 1))
    assert len(split.steps) > 1 and all(step.title for step in split.steps)
    for piece, step in zip(split.pieces, split.steps, strict=True):
        assert piece.strip().startswith(step.text) and step.text.endswith(step.body)


MAKERS = (
    "{0}. **{1}:** {2}",
    "{0}. **{1}**\n   {2}",
    "### Step {0}: {1}\n{2}",
    "**Step {0}:** {1}\n{2}",
    "**{0}. {1}** {2}",
)
titles = st.from_regex(r"[A-Z][a-z]{3,9}( [a-z]{4,6}ing){0,3}", fullmatch=True)
bodies = st.sampled_from(
    [
        "We add 2.",
        "\\[\n1. **x**\n\\]\nend",
        "$3. 4$",
        "- item\n     1. **Sub:** a\n     2. **Sub:** b",
        "so:\n```\n2. **x**\n```",
    ]
)


@given(
    st.sampled_from(MAKERS),
    st.lists(st.tuples(titles, bodies), min_size=2, max_size=12),
    st.sampled_from(["", "Hi.\n\n"]),
)
def test_what_was_written_as_steps_comes_back_as_steps(maker: str, parts: list[tuple[str, str]], before: str) -> None:
    text = before + "\n\n".join(maker.format(number, *part) for number, part in enumerate(parts, start=1))
    split = split_solution(text)
    assert [(step.title, step.body) for step in split.steps] == parts
    assert (split.preamble, join(split)) == (before, text)


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_repetition_is_read_in_linear_time(unit: str) -> None:
    # A quadratic pass over 300,000 characters would take hours: the time limit of the suite is the bound.
    text = unit * (300_000 // len(unit))
    with pytest.raises(NotSplit):
        split_solution(text)


def s1k(shared_data: Path) -> list[str]:
    path = shared_data / "math" / "s1K.problem-solution.json"
    if not path.is_file():
        need(f"no s1K at {path}")
    return [row["solution"] for row in json.loads(path.read_text(encoding="utf-8"))]


def test_of_the_1000_solutions_of_s1k_196_split_into_1274_steps(shared_data: Path) -> None:
    found: Counter[str] = Counter()
    steps = 0
    for text in s1k(shared_data):
        try:
            split = split_solution(text)
            assert join(split) == text
            found["split"] += 1
            steps += len(split.steps)
        except NotSplit as error:
            found[error.reason] += 1
    assert found == {"split": 196, NO_STEPS: 725, NO_TITLES: 64, AGAIN: 15}
    assert steps == 1274


@pytest.mark.parametrize(
    "maker", [*MAKERS[:3], MAKERS[4], "#### {0}. {1}\n{2}", "{0}) **{1}**: {2}", "**Step {0}: {1}**\n\n{2}"]
)
def test_the_solutions_of_s1k_split_alike_in_every_form(shared_data: Path, maker: str) -> None:
    fence = "\n\n```\n1. **X**\n2. **Y**\n```\n\n"
    for text in s1k(shared_data):
        try:
            parts = [(step.title, step.body) for step in split_solution(text).steps]
        except NotSplit:
            continue
        written = "\n\n".join(maker.format(number, *part) for number, part in enumerate(parts, start=1))
        assert [(step.title, step.body) for step in split_solution(written).steps] == parts
        fenced = split_solution(written.replace("\n\n", fence).replace("\n", "\r\n"))
        assert [step.title for step in fenced.steps] == [title for title, _ in parts]


def bold_items(text: str) -> list[int]:
    """Numbers of the items of outermost lists that open with bold type, as a CommonMark parser sees the text."""
    tokens = MarkdownIt("commonmark").parse(text)
    found = []
    for place, token in enumerate(tokens):
        if token.type == "list_item_open" and token.level == 1 and token.info:
            first = next(one for one in tokens[place + 1 :] if one.type in ("inline", "list_item_close"))
            if any(child.type == "strong_open" for child in (first.children or [])[:2]):
                found.append(int(token.info))
    return found


def test_on_s1k_a_markdown_parser_sees_the_same_steps_but_for_three(shared_data: Path) -> None:
    other = []
    for number, text in enumerate(s1k(shared_data)):
        seen = bold_items(text)
        if seen != list(range(1, len(seen) + 1)) or len(seen) < 2:
            seen = []
        try:
            steps = [step.number for step in split_solution(text).steps]
        except NotSplit:
            steps = []
        if steps != seen:
            other.append(number)
    # Bold sentences for titles; "Step 1:" instead of a list; the text ends within the last title.
    assert other == [284, 627, 778]
