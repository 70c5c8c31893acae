"""What reading a data set lost: every episode and message is counted as kept, merged or dropped, with the reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from trajectories.records import Episode

_PLACE = re.compile(r"(?<![\w-])\d+\b")


@dataclass(frozen=True, slots=True)
class Where:
    """A row of a file: `index` is its line in a JSONL file or its place in a list, from 1."""

    file: str
    index: int


@dataclass(frozen=True, slots=True)
class Drop:
    """One loss: a whole row (`episode`), or `messages` of a kept one."""

    what: Literal["episode", "messages"]
    reason: str
    file: str
    index: int
    messages: int


@dataclass(frozen=True, slots=True)
class SourceTurns:
    """What became of the expert's turns in the source: each is kept, with one or more actions, or lost as a turn."""

    kept: int = 0
    merged: int = 0
    """Turns without a call, folded into the thought of the next."""
    dropped: int = 0
    """Turns whose call could not be read, and turns without a call at the end."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader made of one row; `kept + merged + sum(dropped.values())` are its messages."""

    episode: Episode
    kept: int
    merged: int = 0
    """Messages that live on inside another one's text: turns without a call, second observations."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Reason to number of messages."""
    turns: SourceTurns | None = None
    """None where the source has exactly one turn an action."""


@dataclass(frozen=True, slots=True)
class LossReport:
    """Snapshot of a Tally. Episodes are rows of the files; messages are the source's, turns in our own format."""

    episodes_read: int = 0
    episodes_kept: int = 0
    episodes_dropped: int = 0
    messages_read: int = 0
    messages_kept: int = 0
    messages_merged: int = 0
    messages_dropped: int = 0
    turns_kept: int = 0
    """The expert's turns, of kept episodes only, as the three counts that follow."""
    turns_merged: int = 0
    turns_dropped: int = 0
    actions_kept: int = 0
    """More than `turns_kept` where one turn had several calls."""
    formats: Mapping[str, int] = field(default_factory=dict)
    """Format to number of kept episodes."""
    drops: tuple[Drop, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str, int, int, str]]:
        """(what, reason, rows concerned, messages, first place) grouped by reason, most rows first.

        Where places inside a reason differ (`messages[3]`), they are written N, so that one cause is one row.
        """
        groups: dict[tuple[str, str], list[Drop]] = {}
        for drop in self.drops:
            groups.setdefault((drop.what, _PLACE.sub("N", drop.reason)), []).append(drop)
        ordered = sorted(groups.items(), key=lambda item: (item[0][0], -len(item[1]), item[0][1]))
        return [_group_row(what, reason, drops) for (what, reason), drops in ordered]


def _group_row(what: str, reason: str, drops: list[Drop]) -> tuple[str, str, int, int, str]:
    exact = {drop.reason for drop in drops}
    shown = exact.pop() if len(exact) == 1 else reason
    return what, shown, len(drops), sum(drop.messages for drop in drops), f"{drops[0].file}:{drops[0].index}"


class Tally:
    """Counts while reading; `report()` takes a snapshot."""

    def __init__(self) -> None:
        self._kept: Counter[str] = Counter()
        self._messages: Counter[str] = Counter()
        self._turns: Counter[str] = Counter()
        self._drops: list[Drop] = []
        self._episodes_dropped = 0

    def keep(self, where: Where, format: str, messages: int, reading: Reading) -> None:
        """Count a kept episode; `messages` is the number counted in the raw row, not by the reader."""
        self._kept[format] += 1
        self._messages["read"] += messages
        self._messages["kept"] += reading.kept
        self._messages["merged"] += reading.merged
        actions = len(reading.episode.turns)
        turns = reading.turns or SourceTurns(kept=actions)
        self._turns.update(kept=turns.kept, merged=turns.merged, dropped=turns.dropped, actions=actions)
        for reason, number in reading.dropped.items():
            self._messages["dropped"] += number
            self._drops.append(Drop("messages", reason, where.file, where.index, number))

    def drop(self, where: Where, reason: str, messages: int = 0) -> None:
        """Count a row of which nothing is kept."""
        self._episodes_dropped += 1
        self._messages["read"] += messages
        self._messages["dropped"] += messages
        self._drops.append(Drop("episode", reason, where.file, where.index, messages))

    def report(self) -> LossReport:
        """What was counted so far."""
        kept = self._kept.total()
        return LossReport(
            episodes_read=kept + self._episodes_dropped,
            episodes_kept=kept,
            episodes_dropped=self._episodes_dropped,
            messages_read=self._messages["read"],
            messages_kept=self._messages["kept"],
            messages_merged=self._messages["merged"],
            messages_dropped=self._messages["dropped"],
            turns_kept=self._turns["kept"],
            turns_merged=self._turns["merged"],
            turns_dropped=self._turns["dropped"],
            actions_kept=self._turns["actions"],
            formats=dict(self._kept),
            drops=tuple(self._drops),
        )
