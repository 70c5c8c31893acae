"""Final answers found in outputs and in the solutions of data sets."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from math_track.extract import boxed_answer, final_answer, hashed_answer


def balanced(text: str) -> bool:
    depths = list(accumulate((char == "{") - (char == "}") for char in text))
    return min(depths) >= 0 and depths[-1] == 0


CASES = {
    "a box": (r"so $\boxed{18}$.", "18"),
    "the last of two boxes": (r"\boxed{1} or rather \boxed{2}", "2"),
    "braces inside a box": (r"\boxed{\frac{1}{\sqrt{2}}} holds", r"\frac{1}{\sqrt{2}}"),
    "escaped braces in a box": (r"\boxed{\left\{1, 2\right)} and {x}", r"\left\{1, 2\right)"),
    "a box in a box": (r"\boxed{\text{so } \boxed{7}}", "7"),
    "a box that never closes": (r"thus \boxed{12", "12"),
    "an empty box behind a full one": (r"\boxed{3}, in the form \boxed{}", "3"),
    "a space before the brace": (r"\boxed {5}", "5"),
    "a box without braces": (r"it is $\boxed 9$ and 4", "9"),
    "an fbox": (r"\fbox{6}", "6"),
    "a framebox": (r"$\framebox{204}$ minutes", "204"),
    "a box whose backslash was lost": ("boxed{8}", "8"),
    "a box over two lines": ("\\boxed{1 +\n  x}", "1 + x"),
    "a box before a phrase": (r"\boxed{5}. The answer is 6.", "5"),
    "Minerva's phrase": (r"Final Answer: The final answer is $\frac12$. I hope it is correct.", r"\frac12"),
    "Minerva's phrase before a box": (r"\boxed{2}; the final answer is $3$. I hope it is correct.", "3"),
    "the answer is": ("The answer is 42.", "42"),
    "the last of two phrases": ("The answer is 1? No, the answer is 2.", "2"),
    "a phrase and more sentences": ("The answer is 3.5. Here 7 was added.", "3.5"),
    "a phrase and more lines": ("The answer is: 12 apples\n\nI checked 3 times.", "12 apples"),
    "a full stop in a formula": ("The answer is $x = 3. 5$ or so. Next", "$x = 3. 5$ or so"),
    "a full stop in text in a formula": (r"The answer is $2x \text{ if. } x$. So", r"$2x \text{ if. } x$"),
    "a line break in a formula": ("The answer is $x\n= 5$. So", "$x = 5$"),
    "a blank line behind a dollar": ("The answer is $5\n\nand $6$", "$5"),
    "a full stop in parentheses of LaTeX": (r"The answer is \(a. b\). So", r"\(a. b\)"),
    "parentheses of LaTeX that never close": (r"The answer is \(a. So it goes on.", r"\(a"),
    "an environment": ("The answer is\n\\begin{cases}\n1. 2\n3\n\\end{cases}\nSo", r"\begin{cases} 1. 2 3 \end{cases}"),
    "money": ("The answer is $5. He has $3 left.", "$5"),
    "the same in other words": ("The answer is 1/2, i.e. 0.5", "1/2"),
    "the same in parentheses": ("The answer is 1/2 (i.e. a half).", "1/2"),
    "an example": ("The answer is 5 cm; e.g. a pen has them.", "5 cm"),
    "an abbreviation": ("The answer is approx. 5. So", "approx. 5"),
    "a phrase before a displayed formula": ("The answer is\n\\[\n\\frac{1}{2}\n\\]\nas said in 1.", r"\frac{1}{2}"),
    "a phrase in bold": ("**The final answer is 5**", "5"),
    "final answer is": ("My final answer is 10", "10"),
    "a Chinese phrase": ("所以答案是 15。\n\n完", "15"),
    "the word boxed alone": ("I boxed 3 eggs, 4 are left", "4"),
    "the last number": ("first 3, then 1,234.50 in all", "1234.50"),
    "a negative last number": ("it falls to -7 degrees", "-7"),
    "nothing": ("I do not know.", ""),
    "an empty text": ("", ""),
}


@pytest.mark.parametrize(("text", "answer"), CASES.values(), ids=CASES)
def test_the_final_answer_is(text: str, answer: str) -> None:
    assert final_answer(text) == answer


def test_a_worked_solution_of_gsm8k_ends_with_its_answer() -> None:
    assert hashed_answer("9 * 2 = $<<9*2=18>>18 every day.\n#### 1,018") == "1,018"


def test_a_text_without_hashes_has_no_such_answer() -> None:
    assert hashed_answer("18") == ""


@given(st.text(), st.text(alphabet="01x+-(){}", min_size=1).filter(balanced))
def test_a_box_is_found_behind_any_text(before: str, inner: str) -> None:
    assert boxed_answer(rf"{before}\boxed{{<{inner}>}}, as asked.") == f"<{inner}>"


@given(st.lists(st.sampled_from(["\\boxed", "{", "}", "\\", "$", " ", "\n", "the answer is", "1", ","])).map("".join))
def test_no_text_of_such_pieces_fails_and_no_answer_has_line_breaks(text: str) -> None:
    assert "\n" not in final_answer(text)
