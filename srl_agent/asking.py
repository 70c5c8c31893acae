"""Ask a model many prompts, keep each answer in a file as it comes, and go on where an earlier process was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from srl_agent.answers import Answer, Answerer, Prompt, seeds_of
from srl_agent.errors import ConfigError
from srl_agent.run_dir import append_jsonl, read_jsonl, write_json, write_text

ANSWERS, ASKED = "answers.jsonl", "asked.json"
MADE_WITH = "made_with"


@dataclass(frozen=True)
class Question:
    """A prompt, and the name that its answers are kept under."""

    name: str
    """Unique among the questions that are asked together."""
    prompt: Prompt


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
        self.by_name = {row["name"]: [Answer(**answer) for answer in row["answers"]] for row in rows}
        if self._path.exists():  # without a line that a kill has cut, behind which nothing could be added
            write_text(self._path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def add(self, name: str, answers: list[Answer]) -> None:
        """Keep the answers of a question, unless it has some."""
        if name not in self.by_name:
            self.by_name[name] = answers
            append_jsonl(self._path, [{"name": name, "answers": [asdict(answer) for answer in answers]}])


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
    left = [number for number, question in enumerate(questions) if question.name not in kept.by_name]
    tell(len(questions) - len(left))
    if left:
        model = make()
        for block in _blocks(left, len(questions), model.together // rollouts if model.together else None):
            prompts = [questions[number].prompt for number in block]
            seeds = [seeds_of(seed, questions[number].name, rollouts) for number in block]
            model(prompts, rollouts, seeds, _keeper(kept, [questions[number].name for number in block], tell))
    return [kept.by_name[question.name] for question in questions]


def _keeper(kept: Answers, names: Sequence[str], tell: Callable[[int], None]) -> Callable[[int, list[Answer]], None]:
    def keep(place: int, answers: list[Answer]) -> None:
        kept.add(names[place], answers)
        tell(len(kept.by_name))

    return keep


def _blocks(left: Sequence[int], count: int, together: int | None) -> list[Sequence[int]]:
    """What is asked at a time: all that is left, or whole blocks of what is drawn together, where any of it is left."""
    if together is None:
        return [left]
    width, missing = max(1, together), set(left)
    blocks = [range(start, min(start + width, count)) for start in range(0, count, width)]
    return [block for block in blocks if missing & set(block)]
