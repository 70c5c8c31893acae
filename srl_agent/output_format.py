"""The grammar of a policy output: `<think>` a thought `</think>`, then exactly one action, and nothing else.

Whitespace (space, tab, line ends) may stand before `<think>`, between the block and the action, and after
the action. What an action is belongs to the domain, which passes a reader of the text behind the block. The
think tags count only up to the action: an argument may hold `<think>` or `</think>` like any other text. A
thought cannot name `</think>` (the first one closes the block) nor `<think>` (the tag would stand twice).

Every output is scanned a fixed number of times with `str.find`, so the time is linear in its length.
End-of-sequence and padding tokens are text to this module: whoever decodes the output cuts them off first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from trajectories.errors import ParseError

OPEN = "<think>"
CLOSE = "</think>"
WHITESPACE = " \t\r\n"

ReadAction = Callable[[str], str]
"""Text behind the think block, stripped, not empty -> the action's text; raises FormatError or ParseError."""


class Violation(StrEnum):
    """The rules an output can break; the value is the name shown in metrics and samples."""

    NO_THINK = "no think block"
    NOT_FIRST = "think block not first"
    TAG_MISSING = "think tag missing"
    TAG_TWICE = "think tag twice"
    EMPTY_THOUGHT = "empty thought"
    NO_ACTION = "no action"
    MALFORMED = "action not well-formed"
    TWO_ACTIONS = "two actions"
    TRAILING = "text after the action"


class FormatError(ParseError):
    """Raised by a domain's reader to name the rule that was broken; a plain ParseError means MALFORMED."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(str(violation))
        self.violation = violation


@dataclass(frozen=True, slots=True)
class Output:
    """A parsed policy output: either an action or a violation, never both."""

    thought: str
    """The text between the tags, stripped; empty when there is no whole block."""
    action_text: str | None
    """What the domain's reader returned; None on a violation."""
    violation: Violation | None


def parse_output(text: str, read_action: ReadAction) -> Output:
    """Read one output; broken ones come back with their violation instead of raising."""
    text = text.lstrip(WHITESPACE)
    if not text.startswith(OPEN):
        return _broken(_why_not_opened(text))
    end = text.find(CLOSE, len(OPEN))
    if end < 0:
        return _broken(Violation.TAG_MISSING)
    thought = text[len(OPEN) : end].strip()
    if OPEN in thought:
        return _broken(Violation.TAG_TWICE)
    if not thought:
        return _broken(Violation.EMPTY_THOUGHT)
    rest = text[end + len(CLOSE) :].strip(WHITESPACE)
    if not rest:
        return _broken(Violation.NO_ACTION, thought)
    try:
        return Output(thought, read_action(rest), None)
    except FormatError as error:
        return _broken(error.violation, thought)
    except ParseError:
        return _broken(Violation.MALFORMED, thought)


def read_all(text: str) -> str:
    """The reader of domains whose action is everything behind the think block, free of think tags."""
    if OPEN in text or CLOSE in text:
        raise FormatError(Violation.TAG_TWICE)
    return text


def format_output(thought: str, action_text: str) -> str:
    """The one layout that supervised targets have: `<think>thought</think>`, a line end, the action.

    Raises ParseError for a thought that the grammar cannot carry (empty, or holding a think tag).
    """
    thought = thought.strip()
    if not thought or OPEN in thought or CLOSE in thought:
        raise ParseError("a thought must not be empty nor hold <think> or </think>; clean it before formatting")
    return f"{OPEN}{thought}{CLOSE}\n{action_text}"


def _broken(violation: Violation, thought: str = "") -> Output:
    return Output(thought, None, violation)


def _why_not_opened(text: str) -> Violation:
    """Which rule a text breaks that does not begin with `<think>`."""
    opened, closed = text.find(OPEN), text.find(CLOSE)
    if opened < 0:
        return Violation.NO_THINK if closed < 0 else Violation.TAG_MISSING
    return Violation.TAG_MISSING if 0 <= closed < opened else Violation.NOT_FIRST
