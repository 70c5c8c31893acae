"""Gates for single steps: repeated, looping, over-long, or answered with a complaint about their form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from trajectories.gates.base import Always, GateSettings, excerpt
from trajectories.gates.whole import Found, step_digest
from trajectories.gates.writes import may_write
from trajectories.records import Action, Episode, Turn
from trajectories.render import body_text
from trajectories.stats import action_kind

# What differs between two runs of one command although nothing changed: durations, clock times, addresses.
_VARYING = re.compile(r"\d+\.\d+ ?s\b|\b\d\d:\d\d:\d\d(?:\.\d+)?\b|\b0x[0-9a-f]+\b|/tmp/\w+|\s+")

_HEAD = 400
"""Characters of an observation in which a harness complains; file contents begin later or look different."""
_OPENING = (
    r"^\s*(?:<returncode>-?\d+</returncode>\s*(?:<output>\s*)?|<(?:tool_use_)?error>\s*|\[[^\]\n]{0,60}\]\s*)*"
    r"(?:ERROR:?\s+)?"
)
_OF_HARNESS = re.compile(
    _OPENING
    + r"""(?:
    Your\ (?:output|command|response|tool\ call)\ (?:was|is)\ not\ (?:formatted|properly\ formatted|valid)
    |Your\ (?:bash\ )?command\ contained\ syntax\ errors\ and\ was\ NOT\ executed
    |(?:Tool|Function)\ call(?:\ argument)?s?\ (?:validation\ )?(?:error|failed)
    |Error\ (?:parsing|validating)\ (?:the\ )?(?:tool|function)\ call
    |Missing\ required\ (?:parameter|argument)s?\ for\ function
    |(?:Error:\ )?No\ tool\ calls?\ found
    |Cannot\ execute\ multiple\ commands\ at\ once
    |(?:Please\ always\ provide|Your\ last\ output\ did\ not)
    |(?:Previous|Your\ previous)\ response\ had\ (?:parsing\ errors|warnings)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
"""Complaints that only a harness words like that."""
_OF_TOOL = re.compile(
    _OPENING
    + r"""(?:
    Error\ (?:parsing|validating)\ (?:tool|function|arguments?|the\ tool)
    |(?:Error:\ )?(?:Missing|Missing\ the)\ required\ (?:parameter|argument)s?
    |(?:Error:\ )?(?:Function|Tool)\ ['"`][\w.-]+['"`]\ 
      (?:not\ found|is\ not\ (?:a\ )?(?:registered|known|available|valid))
    |(?:Error:\ )?(?:Unknown|Unrecognized|Invalid)\ (?:function|tool|command)\b[^\n]{0,80}
      (?:tool|function|allowed|available|[`'"])
    |(?:Error:\ )?No\ (?:such\ tool|valid\ JSON|function\ call)
    |Failed\ to\ parse\ (?:tool|function|arguments)
    |(?:Parameter|Argument)\ [`'"]\w+[`'"]\ is\ required
    |Unexpected\ argument
    |Invalid\ `\w+`\ parameter:[^\n]{0,120}\ should\ be\ an?\ (?:list|string|integer|number|boolean|one\ of)
    |Format\ error
    |InputValidationError
    )""",
    re.VERBOSE | re.IGNORECASE,
)
"""Complaints that a program of the task may make too, and so none where the action ran one."""


class RepeatedStep(Always):
    """Takes steps from the targets that repeat an earlier action of the episode and see the same again.

    What comes after a change of files is no repetition: a check that is run again after an edit asks something new.
    """

    kind: Literal["episode", "step"] = "step"

    def __init__(self, settings: GateSettings) -> None:
        del settings

    def look(self, episode: Episode) -> Found:
        """One finding a repetition; the first time is not one."""
        seen: dict[tuple[bytes, str], int] = {}
        for step, turn in enumerate(episode.turns, start=1):
            key = _seen(turn)
            first = seen.setdefault(key, step)
            if first != step:
                yield step, f"the action and observation of step {first} again", excerpt(body_text(turn.action))
            if may_write(turn.action):
                # Running one script twice on end is a repetition, though for all we know it writes.
                seen = {key: first} if action_kind(turn.action) == "bash" else {}


def _seen(turn: Turn) -> tuple[bytes, str]:
    """What two turns share where the second told nothing new."""
    return step_digest(turn.action), _VARYING.sub(" ", turn.observation).strip()


class Loop(Always):
    """Takes the repetitions of a cycle of actions from the targets, where they also see again what they saw in it."""

    kind: Literal["episode", "step"] = "step"

    def __init__(self, settings: GateSettings) -> None:
        self._repeats = settings.loop_repeats
        self._longest = settings.loop_cycle

    def look(self, episode: Episode) -> Found:
        """One finding a step behind the first time round."""
        seen = [_seen(turn) for turn in episode.turns]
        digests = [digest for digest, _ in seen]
        reasons: dict[int, str] = {}
        for cycle in range(1, self._longest + 1):
            for start, end in _stretches(digests, cycle):
                times = (end - start) // cycle
                if times >= self._repeats:
                    reason = f"a cycle of {cycle} action{'s' * (cycle > 1)}, {times} times from step {start + 1} on"
                    for step in _told_again(seen, start, end):
                        reasons.setdefault(step, reason)
        for step, reason in sorted(reasons.items()):
            yield step, reason, excerpt(body_text(episode.turns[step - 1].action))


def _told_again(seen: list[tuple[bytes, str]], start: int, end: int) -> Iterator[int]:
    """Steps, from 1, of a stretch whose action and observation stood in it before."""
    known: set[tuple[bytes, str]] = set()
    for place in range(start, end):
        if seen[place] in known:
            yield place + 1
        known.add(seen[place])


def _stretches(digests: list[bytes], cycle: int) -> Iterator[tuple[int, int]]:
    """Longest ranges [start, end) in which each action equals the one `cycle` before it."""
    start = 0
    for place in range(cycle, len(digests) + 1):
        if place == len(digests) or digests[place] != digests[place - cycle]:
            yield start, place
            start = place - cycle + 1


class LongAction(Always):
    """Takes over-long actions from the targets: no policy writes them in one output."""

    kind: Literal["episode", "step"] = "step"

    def __init__(self, settings: GateSettings) -> None:
        self._most = settings.max_action_chars

    def look(self, episode: Episode) -> Found:
        """One finding an action whose argument values have more characters than allowed."""
        for step, turn in enumerate(episode.turns, start=1):
            length = _length(turn.action)
            if length > self._most:
                yield step, f"{length} characters, more than {self._most}", excerpt(body_text(turn.action))


def _length(action: Action) -> int:
    return sum(len(value) for _, value in action.arguments)


class FailedFormat(Always):
    """Takes steps from the targets whose call the harness refused for its form."""

    kind: Literal["episode", "step"] = "step"

    def __init__(self, settings: GateSettings) -> None:
        del settings

    def look(self, episode: Episode) -> Found:
        """One finding a step whose observation begins with such a complaint."""
        for step, turn in enumerate(episode.turns, start=1):
            if _refused(turn):
                yield step, "the harness refused the form of the call", excerpt(turn.observation)


def _refused(turn: Turn) -> bool:
    head = turn.observation[:_HEAD]
    ran = action_kind(turn.action) in ("bash", "python") and any(value.strip() for _, value in turn.action.arguments)
    return bool(_OF_HARNESS.match(head)) or (not ran and bool(_OF_TOOL.match(head)))
