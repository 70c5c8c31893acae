"""The reward function that the trainer calls: token ids to text to scores, the last scores kept for the metrics."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Protocol

from srl_agent.domain import Score, Scorer, StepKey

DEPTH_BUCKETS = ((1, 3, "1-3"), (4, 7, "4-7"), (8, 15, "8-15"), (16, 10**9, "16+"))
"""Steps are reported by depth k in these ranges: first, last, name."""


@dataclass(frozen=True)
class Place:
    """What the metrics tell the steps apart by."""

    depth: int
    """k: which step of its episode it is, from 1 on."""
    source: str = ""
    """The format that the episode was read from."""
    kind: str = ""
    """Kind of the expert's action, as the domain names it; empty where there are none."""


@dataclass(frozen=True)
class Output:
    """One sampled output."""

    text: str
    score: Score
    tokens: int
    cut: bool
    """Whether it stopped at the limit on its length, without an end token."""


class OutputReward(Protocol):
    """What the trainer calls for its rewards; it reads `outputs` after each call."""

    outputs: list[Output]
    """What the last call scored, in its order."""
    ends: set[int]
    """Tokens that end an output; the trainer adds the model's."""

    def kind_of(self, action: str) -> str:
        """Kind of an expert's action, for the metrics."""
        ...

    def __call__(self, *arguments: Any, **columns: Any) -> list[float]:
        """One reward an output: called by name with `completion_ids` and all columns of the training rows."""
        ...


class StepReward:
    """Scores outputs against expert actions; `outputs` holds what the last call saw, in its order."""

    __name__ = "step"

    def __init__(self, scorer: Scorer, tokenizer: Any, kind_of: Callable[[str], str] = lambda action: "") -> None:
        self.scorer, self.tokenizer, self.kind_of = scorer, tokenizer, kind_of
        self.outputs: list[Output] = []
        self.ends: set[int] = {tokenizer.eos_token_id, tokenizer.pad_token_id}
        """Tokens that end an output; a model may have more than its tokenizer says."""

    def decode(self, ids: Sequence[int]) -> str:
        """See the function."""
        return decode(self.tokenizer, ids, self.ends)

    def __call__(
        self,
        *,
        completion_ids: Sequence[Sequence[int]],
        expert_action: Sequence[str],
        instance_id: Sequence[str],
        traj_id: Sequence[str],
        step: Sequence[int],
        **_: Any,
    ) -> list[float]:
        """One reward an output, -1.0 where the format is broken and never None (which TRL drops from the baseline)."""
        texts = [self.decode(ids) for ids in completion_ids]
        steps = [StepKey(*key) for key in zip(instance_id, traj_id, step, strict=True)]
        scores = self.scorer(texts, list(expert_action), steps)
        self.outputs = [
            Output(text, score, len(ids), not ids or ids[-1] not in self.ends)
            for text, score, ids in zip(texts, scores, completion_ids, strict=True)
        ]
        return [score.reward for score in scores]


def decode(tokenizer: Any, ids: Sequence[int], ends: Collection[int]) -> str:
    """The text with special tokens kept, so that one amid the output breaks the format; the end is cut off."""
    stop = len(ids)
    while stop and ids[stop - 1] in ends:
        stop -= 1
    text: str = tokenizer.decode(ids[:stop], skip_special_tokens=False)
    return text


def output_metrics(outputs: Sequence[Output]) -> dict[str, float]:
    """Mean length in tokens and the share of cut outputs, over all rounds of a batch (TRL's own figures weigh rounds,
    not outputs)."""
    return {
        "completion_tokens": fmean(output.tokens for output in outputs),
        "cut": fmean(output.cut for output in outputs),
    }


def score_metrics(scores: Sequence[Score], places: Sequence[Place]) -> dict[str, float]:
    """Means over a batch: reward, format errors, exact matches, capped texts, outputs without an answer, faults of the
    scoring, and the reward by depth, source and kind."""
    metrics = {
        "reward": fmean(score.reward for score in scores),
        "format_error_rate": fmean(score.violation is not None for score in scores),
        "exact_match": fmean(score.exact for score in scores),
        "capped": fmean(score.capped for score in scores),
        "unanswered": fmean(score.unanswered for score in scores),
        "scoring_faults": fmean(score.fault for score in scores),
    }
    parts: dict[str, list[float]] = {}
    for score, place in zip(scores, places, strict=True):
        for part in parts_of(place):
            parts.setdefault(f"reward_{part}", []).append(score.reward)
    return metrics | {name: fmean(parts[name]) for name in sorted(parts)}


def group_error(groups: Sequence[Sequence[Score]]) -> float:
    """Standard error of the mean reward, a mean over steps: outputs of one step are alike. 0 for a single step."""
    means = [fmean(score.reward for score in group) for group in groups]
    return stdev(means) / len(means) ** 0.5 if len(means) > 1 else 0.0


def parts_of(place: Place) -> list[str]:
    """The parts of a batch that a step is in, such as `depth/4-7`, `source/swegym-openhands`, `kind/edit`."""
    depth = next((name for first, last, name in DEPTH_BUCKETS if first <= place.depth <= last), "")
    named = (("depth", depth), ("source", place.source), ("kind", place.kind))
    return [f"{what}/{name}" for what, name in named if name]
