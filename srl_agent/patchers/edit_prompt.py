"""The prompt of a one-shot repair: the issue and whole files within the model's window, answered by edits.

What does not fit is cut by one rule. The issue keeps its beginning and end within half of the window. The files share
the rest: each has its length or, where it is longer, an equal part of what the shorter ones leave; a file that is cut
keeps its first and last lines, with a note of how many are missing between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from srl_agent.step_sets import TOKENS_A_MESSAGE
from trajectories.records import Message
from trajectories.steps import cut_middle

SYSTEM_PROMPT = """\
You repair an issue in a code repository by editing its files. Answer with your reasoning, once, and then the edits:
<think>what is wrong, and which lines have to change</think>
### path/to/file.py
<<<<<<< SEARCH
lines as they stand in the file now
=======
lines that take their place
>>>>>>> REPLACE
Write one such block for each place that changes. Copy the lines under SEARCH exactly, indentation included, and take \
so many of them that they occur only once in the file. An empty SEARCH makes a new file. Change nothing but what the \
issue needs, and no tests."""
TOKENS_A_FILE = 32
"""Allowance for what stands around a file: its tags, path and note."""


@dataclass(frozen=True, slots=True)
class EditPrompt:
    """A prompt, and what had to be cut."""

    messages: tuple[Message, ...]
    cut: Mapping[str, int]
    """Files to the lines that are missing; the issue to characters, under the empty name."""


def edit_prompt(issue: str, files: Mapping[str, str], window: int, count: Callable[[str], int]) -> EditPrompt:
    """The prompt of at most `window` tokens, as `count` counts them."""
    shown_issue = fitting_issue(issue, window // 2, count)
    rest = window - sum(count(text) + TOKENS_A_MESSAGE for text in (SYSTEM_PROMPT, _user(shown_issue, {})))
    rest -= sum(TOKENS_A_FILE + count(path) for path in files)
    sizes = {path: count(text) for path, text in files.items()}
    shares = _shares(sizes, max(0, rest))
    shown: dict[str, str] = {}
    cut: dict[str, int] = {}
    for path, text in files.items():
        shown[path], missing = _fitting(text, shares[path], count) if sizes[path] > shares[path] else (text, 0)
        cut |= {path: missing} if missing else {}
    if shown_issue != issue:
        cut[""] = len(issue) - len(shown_issue)
    return EditPrompt((Message("system", SYSTEM_PROMPT), Message("user", _user(shown_issue, shown))), cut)


def fitting_issue(issue: str, tokens: int, count: Callable[[str], int]) -> str:
    """The issue, or the longest of its beginning and end that has at most so many tokens."""
    if count(issue) <= tokens:
        return issue
    most = largest(len(issue), lambda chars: count(cut_middle(issue, chars)) <= tokens)
    return cut_middle(issue, most)


def _user(issue: str, files: Mapping[str, str]) -> str:
    parts = [f'<file path="{path}">\n{text.rstrip()}\n</file>' for path, text in files.items()]
    return "\n\n".join([f"<issue>\n{issue.strip()}\n</issue>", *parts])


def _shares(sizes: Mapping[str, int], budget: int) -> dict[str, int]:
    """Each its size where that is no more than an equal part of what the smaller ones leave, else that part."""
    shares: dict[str, int] = {}
    for place, path in enumerate(sorted(sizes, key=lambda path: sizes[path])):
        shares[path] = min(sizes[path], budget // (len(sizes) - place))
        budget -= shares[path]
    return shares


def _fitting(text: str, tokens: int, count: Callable[[str], int]) -> tuple[str, int]:
    """As many first and last lines as fit, with a note between, and how many are missing."""
    lines = text.split("\n")

    def kept(most: int) -> str:
        tail = most // 2
        note = f"[... {len(lines) - most} lines are left out here ...]"
        return "\n".join([*lines[: most - tail], note, *lines[len(lines) - tail :]])

    most = largest(len(lines) - 1, lambda most: count(kept(most)) <= tokens)
    return kept(most), len(lines) - most


def largest(most: int, good: Callable[[int], bool]) -> int:
    """The largest of 0..most that is good, 0 where none is; what is good stays so when it gets smaller."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if good(middle):
            low = middle
        else:
            high = middle - 1
    return low
