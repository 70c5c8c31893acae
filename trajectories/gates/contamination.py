"""Contamination: episodes of a task that stands in an evaluation set, by id, by commit or by its statement."""

from __future__ import annotations

import re
from typing import Literal

from datasketch import MinHash, MinHashLSH

from trajectories.gates.base import Forgetful, GateSettings, Seeing
from trajectories.gates.tasks import TaskFacts
from trajectories.gates.whole import Found
from trajectories.records import Episode
from trajectories.repositories import repository_of

SHINGLE = 5
"""Words of a shingle: shorter ones are shared by all issues written to one template."""
_PERMUTATIONS = 128
_FEWEST = 8
"""Shingles without which a statement is too short to be told from others."""
# Two rows a band finds a pair of Jaccard 0.2 with 93 % and of 0.3 with 99.8 %; what is found is then measured exactly.
# That low, because a task holds the statement in a frame of the agent's own instructions.
_BANDS = (_PERMUTATIONS // 2, 2)

_TAGS = ("pr_description", "issue_description", "issue", "problem_statement", "task")
_FRAMES = (*((f"<{tag}>", f"</{tag}>") for tag in _TAGS), ("ISSUE:", "INSTRUCTIONS:"))
"""What an agent's prompt puts before and behind the statement."""
_OPENING = re.compile(r"(?:Consider the following )?(?:PR description|issue)\s*:\s*")
_PARAGRAPHS = 20
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_WORD = re.compile(r"\w+")
_SMITH = re.compile(r"\.([0-9a-f]{7,40})(?:\.|$)")


class Contamination(Seeing, Forgetful):
    """Drops episodes of the evaluation sets' tasks."""

    kind: Literal["episode", "step"] = "episode"

    def __init__(self, settings: GateSettings) -> None:
        self._share = settings.same_statement
        self._tasks = settings.tasks
        self._ids = {normal_id(facts.instance_id) for facts in settings.evaluation}
        self._commits: dict[str, list[tuple[str, str]]] = {}
        self._statements: dict[str, frozenset[str]] = {}
        self._index = MinHashLSH(num_perm=_PERMUTATIONS, params=_BANDS)
        for facts in settings.evaluation:
            self._add(facts)

    def idle(self) -> str:
        """Without evaluation sets nothing can be compared."""
        return "" if self._ids else "no evaluation sets were given"

    def look(self, episode: Episode) -> Found:
        """At most one finding: the first of id, commit and statement that agrees."""
        if normal_id(episode.instance_id) in self._ids:
            yield None, f"the task {episode.instance_id} is in an evaluation set", ""
        elif row := self._same_commit(episode):
            yield None, f"repository and base commit are those of {row} in an evaluation set", ""
        elif found := self._same_statement(episode.task):
            row, share = found
            yield None, f"the task holds {share:.0%} of the problem statement of {row} in an evaluation set", ""

    def _add(self, facts: TaskFacts) -> None:
        name = facts.instance_id
        if facts.repository and facts.base_commit:
            self._commits.setdefault(facts.repository, []).append((facts.base_commit, name))
        words = shingles(facts.statement)
        if len(words) >= _FEWEST and name not in self._statements:
            self._statements[name] = words
            self._index.insert(name, _min_hash(words))

    def _same_commit(self, episode: Episode) -> str:
        facts = self._tasks.get(episode.instance_id)
        repository = (facts.repository if facts else "") or repository_of(episode)
        smith = _SMITH.search(episode.instance_id)
        commit = (facts.base_commit if facts else "") or episode.meta.get("base_commit", "").lower()
        commits = [known for known in (commit, smith[1] if smith else "") if len(known) >= 7]
        for base, name in self._commits.get(repository, ()):
            if any(base.startswith(known) or known.startswith(base) for known in commits):
                return name
        return ""

    def _same_statement(self, task: str) -> tuple[str, float] | None:
        """The evaluation row most of whose statement stands in the task, and how much of it."""
        words = shingles(task)
        if not words or not self._statements:
            return None
        # A short statement in a long frame of unknown shape is only found by its own paragraphs.
        paragraphs = sorted(_PARAGRAPH.split(task), key=len, reverse=True)[:_PARAGRAPHS]
        queries = {shingles(text) for text in (task, statement_of(task), *paragraphs)}
        names = {name for found in queries if found for name in self._index.query(_min_hash(found))}
        shares = ((len(self._statements[name] & words) / len(self._statements[name]), name) for name in sorted(names))
        share, name = max(shares, default=(0.0, ""))
        return (name, share) if share >= self._share else None


def statement_of(task: str) -> str:
    """The problem statement inside the frame that an agent's prompt puts around it; the whole text without one."""
    found = (between for frame in _FRAMES if (between := _between(task, *frame)) is not None)
    start, end = min(found, default=(0, -1))
    return _OPENING.sub("", task[start:end].strip(), count=1) if end >= 0 else task


def _between(text: str, opening: str, closing: str) -> tuple[int, int] | None:
    start = text.find(opening)
    end = text.find(closing, start + len(opening)) if start >= 0 else -1
    return (start + len(opening), end) if end >= 0 else None


def shingles(text: str) -> frozenset[str]:
    """All runs of `SHINGLE` words, in lower case and without punctuation."""
    words = _WORD.findall(text.lower())
    return frozenset(" ".join(words[place : place + SHINGLE]) for place in range(len(words) - SHINGLE + 1))


def normal_id(name: str) -> str:
    """An instance id in lower case, written as in the data sets and not as in image names."""
    return name.lower().replace("_1776_", "__")


def _min_hash(words: frozenset[str]) -> MinHash:
    sketch = MinHash(num_perm=_PERMUTATIONS)
    sketch.update_batch([word.encode("utf-8", "replace") for word in words])
    return sketch
