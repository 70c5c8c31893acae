"""Leak: an action that writes much of the gold patch word for word, or a task that gives the patch away."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from trajectories.gates.base import Forgetful, GateSettings, excerpt
from trajectories.gates.whole import Found
from trajectories.records import Episode

TELLING = 12
"""Fewest characters of a line that tells anything: `else:` and `return x` are in every patch."""
_NOT_WRITTEN = frozenset({"old_str", "old_string", "path", "file_path"})


class GoldPatch(Forgetful):
    """Drops episodes whose actions, or whose task, hold a large part of the gold patch's added lines."""

    kind: Literal["episode", "step"] = "episode"

    def __init__(self, settings: GateSettings) -> None:
        self._tasks = settings.tasks
        self._share = settings.gold_share
        self._fewest = settings.gold_lines

    def idle(self) -> str:
        """Without gold patches nothing can be compared."""
        has_patch = any(facts.patch for facts in self._tasks.values())
        return "" if has_patch else "no task rows with a patch were given"

    def blind(self, episode: Episode) -> bool:
        """Without its task's patch, or with one too short to tell a copy."""
        return len(self._gold(episode)) < self._fewest

    def _gold(self, episode: Episode) -> frozenset[str]:
        facts = self._tasks.get(episode.instance_id)
        return added_lines(facts.patch) if facts else frozenset()

    def look(self, episode: Episode) -> Found:
        """One finding at the step that completed the copy, or one for the task."""
        if self.blind(episode):
            return
        gold = self._gold(episode)
        given = gold & telling_lines([episode.task])
        if len(given) >= self._share * len(gold):
            yield None, f"the task gives {len(given)} of the gold patch's {len(gold)} added lines", ""
        seen, copied = set(given), set[str]()
        for step, turn in enumerate(episode.turns, start=1):
            values = [value for key, value in turn.action.arguments if key not in _NOT_WRITTEN]
            copied |= (gold & telling_lines(values)) - seen
            if len(copied) >= self._share * len(gold):
                yield (
                    step,
                    f"writes {len(copied)} of the gold patch's {len(gold)} added lines verbatim",
                    excerpt("\n".join(sorted(copied))),
                )
                return
            seen |= gold & telling_lines([turn.observation])


@lru_cache(maxsize=8)  # asked several times of each episode, and runs of one task often stand together
def added_lines(patch: str) -> frozenset[str]:
    """The telling lines that a unified diff adds and does not also take away, without indentation."""
    lines = [line for line in patch.splitlines() if not line.startswith(("+++", "---"))]
    removed = telling_lines(line[1:] for line in lines if line.startswith("-"))
    return telling_lines(line[1:] for line in lines if line.startswith("+")) - removed


def telling_lines(texts: Iterable[str]) -> frozenset[str]:
    """The lines of texts that have at least `TELLING` characters, without indentation and line numbers."""
    lines = (_bare(line) for text in texts for line in text.splitlines())
    return frozenset(line for line in lines if len(line) >= TELLING)


def _bare(line: str) -> str:
    """Without what editors set before a line: its number and a tab, or a diff's sign of an addition."""
    head, tab, rest = line.partition("\t")
    plain = rest if tab and head.strip().isdigit() else line
    return plain.strip().removeprefix("+").strip()
