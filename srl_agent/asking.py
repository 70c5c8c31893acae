"""Ask a model many prompts, keep each answer in a file as it comes, and go on where an earlier process was stopped.

An answer is kept under the name and the text of its question, so that more questions, or fewer, build on what is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from srl_agent.answers import Answer, Answerer, Prompt, seeds_of
from srl_agent.errors import ConfigError
from srl_agent.run_dir import append_jsonl, digest, read_jsonl, write_json, write_text

ANSWERS, ASKED = "answers.jsonl", "asked.json"
MADE_WITH = "made_with"


@dataclass(frozen=True)
class Question:
    """A prompt, and the name that its answers are kept under."""

    name: str
    """Unique among the questions that are asked together."""
    prompt: Prompt

    @cached_property
    def key(self) -> str:
        """Tells it from others, also from those of the same name that were asked before in other words."""
        return digest([self.name, [asdict(message) for message in self.prompt]])


def default_folder(name: str, facts: Mapping[str, Any]) -> Path:
    """Where an evaluation of that name goes without `--output`: one for the same `facts`, those that `settle` compares,
    so that what can build on each other meets there, and nothing else does."""
    return Path("runs") / f"eval-{name}-{digest(facts)[:8]}"


def settle(
    folder: Path, facts: Mapping[str, Any], option: str = "--output", made_with: Mapping[str, str] | None = None
) -> list[str]:
    """Say in `folder`, which `option` names, what decides the answers there. ConfigError where it holds others.

    `made_with`, such as versions and threads, decides answers by rounding only: it is written down, and where the
    folder has answers that were made with something else a line for each is returned.
    """
    record, own = folder / ASKED, dict(made_with or {})
    if not record.exists():
        write_json(record, {**facts, MADE_WITH: own})
        return []
    before = json.loads(record.read_text(encoding="utf-8"))
    then = before.pop(MADE_WITH, {})
    now = json.loads(json.dumps(facts))
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            raise ConfigError(
                f"{option}: {folder} has answers under {name} {before.get(name)!r}, and this is {now.get(name)!r}; "
                "name another directory, or repeat the command that made them"
            )
    return [f"{name} {then[name]} before, {own[name]} now" for name in own if then.get(name, own[name]) != own[name]]


class Answers:
    """The answers that a folder has, a line a question, each added in one write."""

    def __init__(self, folder: Path, rollouts: int) -> None:
        self._path = folder / ANSWERS
        rows = [row for row in read_jsonl(self._path) if len(row["answers"]) == rollouts]
        self.by_key = {row["key"]: [Answer(**answer) for answer in row["answers"]] for row in rows}
        if self._path.exists():  # without a line that a kill has cut, behind which nothing could be added
            write_text(self._path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def add(self, question: Question, answers: list[Answer]) -> None:
        """Keep the answers of a question, unless it has some."""
        if question.key not in self.by_key:
            self.by_key[question.key] = answers
            row = {"name": question.name, "key": question.key, "answers": [asdict(answer) for answer in answers]}
            append_jsonl(self._path, [row])


def ask_all(
    make: Callable[[], Answerer],
    questions: Sequence[Question],
    rollouts: int,
    seed: int,
    folder: Path,
    tell: Callable[[int], None],
) -> list[list[Answer]]:
    """`rollouts` answers for each question; those that `folder` has (see `settle`) are not asked again.

    The same questions, seed and model give the same draws however often the process was stopped: what is drawn
    together is asked again together. `tell` hears how many questions have their answers. The answerer is made only
    where something is left to ask.
    """
    kept = Answers(folder, rollouts)
    left = [number for number, question in enumerate(questions) if question.key not in kept.by_key]
    tell(len(questions) - len(left))
    if left:
        model = make()
        for block in _blocks(left, len(questions), model.together // rollouts if model.together else None):
            prompts = [questions[number].prompt for number in block]
            seeds = [seeds_of(seed, questions[number].name, rollouts) for number in block]
            model(prompts, rollouts, seeds, _keeper(kept, questions, block, tell))
    return [kept.by_key[question.key] for question in questions]


def _keeper(
    kept: Answers, questions: Sequence[Question], block: Sequence[int], tell: Callable[[int], None]
) -> Callable[[int, list[Answer]], None]:
    def keep(place: int, answers: list[Answer]) -> None:
        kept.add(questions[block[place]], answers)
        tell(sum(question.key in kept.by_key for question in questions))

    return keep


def _blocks(left: Sequence[int], count: int, together: int | None) -> list[Sequence[int]]:
    """What is asked at a time: all that is left, or whole blocks of what is drawn together, where any of it is left."""
    if together is None:
        return [left]
    width, missing = max(1, together), set(left)
    blocks = [range(start, min(start + width, count)) for start in range(0, count, width)]
    return [block for block in blocks if missing & set(block)]
