"""Splits a worked solution at its numbered, titled steps, as the SRL paper does with the solutions of DeepSeek-R1.

A step begins with a line such as `2. **Coprime Pairs**: ...`, `2. Coprime Pairs:`, `**2. Coprime Pairs**`,
`### 2. Coprime Pairs`, `### Step 2: Coprime Pairs`, `**Step 2:** Coprime Pairs` or `Step 2: Coprime Pairs`. Which lines
are steps is decided so:

* Only lines that begin in prose count (`math_track.blocks`), and only those that share one form: the same indent, the
  same level of heading, the same way of writing the number. Lists of another form are inside the steps.
* That form is the outermost in which a line has a title: Markdown headings before anything else, the highest first;
  then the least indent; then the one that comes first.
* The titled lines of the form must be numbered 1, 2, 3 ... to the end. A gap, a restart and a second list of steps (one
  for each part of a question, say) leave the solution out: which text belongs to which step would be a guess.
* A line without a title that goes on with the numbering is a step without a title, and leaves the solution out ("Step
  3:" alone is one: the paper trains on titled steps). One that does not is an item of a list inside the step: such a
  list begins with 1, wherever it stands.
* A rule (`---`) or a heading without a number at the end of a step stands between the steps, and is no part of either:
  it stays in the text, and in no step's own.
* What stands before the first step is the preamble; what stands behind the last one (a closing remark, the answer)
  belongs to it. A solution needs two steps at least: of N steps, N-1 are targets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from math_track.blocks import prose_lines
from math_track.headings import Form, Heading, read_heading
from math_track.records import WorkedStep
from trajectories.errors import ParseError

NO_STEPS = "no numbered steps"
ONE_STEP = "only one step"
NO_TITLES = "numbered steps without titles"
NOT_FROM_ONE = "numbering does not begin at 1"
GAP = "numbering has a gap"
AGAIN = "numbering begins again"
_SEPARATOR = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|#{1,6}[ \t].*)")
"""Thematic breaks and ATX headings, as CommonMark has them."""
REASONS = (NO_STEPS, ONE_STEP, NO_TITLES, NOT_FROM_ONE, GAP, AGAIN)


class NotSplit(ParseError):
    """A solution without the structure; `reason` is one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Split:
    """A solution in pieces that together are its text, character by character."""

    preamble: str
    """What stands before the first step."""
    pieces: tuple[str, ...]
    """The text from the start of each step to the start of the next, what stands between the two included."""
    steps: tuple[WorkedStep, ...]
    """What the pieces are, one each."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A numbered line, and where in the text it begins."""

    start: int
    heading: Heading


def split_solution(text: str) -> Split:
    """The steps of a solution; NotSplit where it has none that can be told for sure."""
    lines = _steps(_numbered_lines(text))
    starts = [line.start for line in lines]
    pieces = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    own = [*(_without_separators(piece) for piece in pieces[:-1]), pieces[-1]]
    steps = [_worked(line.heading, piece) for line, piece in zip(lines, own, strict=True)]
    return Split(text[: starts[0]], tuple(pieces), tuple(steps))


def join(split: Split) -> str:
    """The text that was split."""
    return split.preamble + "".join(split.pieces)


def _without_separators(piece: str) -> str:
    """A step up to the rules and headings that close it, its own first line aside."""
    first, *rest = piece.splitlines(keepends=True)
    while rest and (not rest[-1].strip() or _is_separator(rest[-1])):
        rest.pop()
    return first + "".join(rest)


def _is_separator(line: str) -> bool:
    return _SEPARATOR.fullmatch(line.rstrip()) is not None and read_heading(line) is None


def _worked(heading: Heading, piece: str) -> WorkedStep:
    return WorkedStep(heading.number, heading.title, piece.strip(), piece[heading.length :].strip())


def _numbered_lines(text: str) -> list[_Line]:
    found = ((start, read_heading(text[start:end])) for start, end in prose_lines(text))
    return [_Line(start, heading) for start, heading in found if heading is not None]


def _steps(lines: Sequence[_Line]) -> list[_Line]:
    """The lines that begin the steps."""
    by_form: dict[Form, list[_Line]] = {}
    for line in lines:
        by_form.setdefault(line.heading.form, []).append(line)
    titled = [found for found in by_form.values() if any(line.heading.title for line in found)]
    if not titled:
        raise NotSplit(NO_TITLES if lines else NO_STEPS)
    steps = _in_order(min(titled, key=_outermost))
    if len(steps) < 2:
        raise NotSplit(ONE_STEP)
    return steps


def _outermost(found: Sequence[_Line]) -> tuple[int, int, int]:
    form = found[0].heading.form
    return form.level or 7, form.indent, found[0].start


def _in_order(found: Sequence[_Line]) -> list[_Line]:
    """The titled lines, which must be numbered 1, 2, 3 ...; NotSplit where they are not."""
    steps: list[_Line] = []
    item = 0  # the last number of a list inside the step
    for line in found:
        number, expected = line.heading.number, len(steps) + 1
        if line.heading.title:
            if number != expected:
                raise NotSplit(_why_not(number, expected, item))
            steps.append(line)
            item = 0
        elif number == 1 or number == item + 1 > 1:
            item = number
        elif number == expected:
            raise NotSplit(NO_TITLES)
    return steps


def _why_not(number: int, expected: int, item: int) -> str:
    """What is wrong with a titled line of another number than expected, behind item `item` of an untitled list."""
    if item and number == item + 1:
        return NO_TITLES
    return NOT_FROM_ONE if expected == 1 else AGAIN if number < expected else GAP
