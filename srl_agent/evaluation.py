"""A model's outputs on expert steps, scored and summed up without training: records, figures and files; no torch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from srl_agent.answers import Answer
from srl_agent.domain import Score, Scorer, key_of
from srl_agent.run_dir import write_json
from srl_agent.step_reward import Place, group_error, parts_of
from trajectories.records import StepExample
from trajectories.store import write_atomically

SCHEMA = "srl-agent/eval-steps-1"
RECORDED = ("instance_id", "traj_id", "step", "n_steps", "source", "expert_action")


@dataclass(frozen=True)
class Scored:
    """A step with its outputs and what they earned."""

    step: StepExample
    place: Place
    answers: Sequence[Answer]
    scores: Sequence[Score]


def score_answers(
    steps: Sequence[StepExample], answers: Sequence[Sequence[Answer]], scorer: Scorer, kind_of: Callable[[str], str]
) -> list[Scored]:
    """Every output against the expert's action of its step."""
    texts = [answer.text for group in answers for answer in group]
    experts = [step.expert_action for step, group in zip(steps, answers, strict=True) for _ in group]
    keys = [key_of(step) for step, group in zip(steps, answers, strict=True) for _ in group]
    scores = iter(scorer(texts, experts, keys))
    return [
        Scored(
            step,
            Place(step.step, step.source, kind_of(step.expert_action)),
            group,
            [next(scores) for _ in group],
        )
        for step, group in zip(steps, answers, strict=True)
    ]


def figures(groups: Sequence[Scored]) -> dict[str, Any]:
    """Means over the outputs of these steps; the error of the reward is that of a mean over steps."""
    scores = [score for group in groups for score in group.scores]
    return {
        "steps": len(groups),
        "reward": fmean(score.reward for score in scores),
        "reward_stderr": group_error([group.scores for group in groups]),
        "exact_match": fmean(score.exact for score in scores),
        "format_error_rate": fmean(score.violation is not None for score in scores),
    }


def summary(groups: Sequence[Scored]) -> dict[str, Any]:
    """The figures of all steps and of each part, and what else the outputs show."""
    answers = [answer for group in groups for answer in group.answers]
    scores = [score for group in groups for score in group.scores]
    parts: dict[str, list[Scored]] = {}
    for group in groups:
        for part in parts_of(group.place):
            parts.setdefault(part, []).append(group)
    return {
        **figures(groups),
        "outputs": len(answers),
        "capped": fmean(score.capped for score in scores),
        "scoring_faults": fmean(score.fault for score in scores),
        "empty": sum(not answer.text.strip() for answer in answers),
        "cut": fmean(answer.cut for answer in answers),
        "completion_tokens": fmean(answer.tokens for answer in answers),
        "violations": dict(Counter(str(score.violation) for score in scores if score.violation).most_common()),
        "parts": {part: figures(parts[part]) for part in sorted(parts)},
    }


def write_evaluation(folder: Path, groups: Sequence[Scored], record: Mapping[str, Any]) -> None:
    """`outputs.jsonl`, a line a step in the form of a run's samples, then `summary.json`; each whole or not at all."""
    write_atomically(folder / "outputs.jsonl", (json.dumps(_row(group)) for group in groups))
    write_json(folder / "summary.json", {"schema": SCHEMA, **record})


def _row(group: Scored) -> dict[str, Any]:
    outputs = [
        {
            "text": answer.text,
            "reward": score.reward,
            "violation": score.violation,
            "exact": score.exact,
            "tokens": answer.tokens,
            "cut": answer.cut,
        }
        for answer, score in zip(group.answers, group.scores, strict=True)
    ]
    prompt = [{"role": message.role, "content": message.content} for message in group.step.prompt]
    facts = {name: getattr(group.step, name) for name in RECORDED}
    return {**facts, "kind": group.place.kind, "prompt": prompt, "outputs": outputs}
