"""One batch while it is being filled: which sampled groups it keeps, and what the metrics and samples say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from srl_agent.config import DynamicSamplingConfig
from srl_agent.dynamic_sampling import Batch, is_informative, take_group
from srl_agent.step_reward import Output, OutputReward, Place, output_metrics, score_metrics

RECORDED = ("instance_id", "traj_id", "step", "n_steps", "prompt", "expert_action")
"""Columns of a row that the run's samples repeat."""


@dataclass
class Fill:
    """What one process sampled for one optimiser step."""

    kept: list[Batch] = field(default_factory=list)
    """Informative groups, those that the batch before had over first."""
    spare: Batch = field(default_factory=dict)
    """The last group sampled: it fills the batch up, without weight, when too few groups were kept."""
    outputs: list[Output] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    """For each output, where the step that it answers stands."""
    groups: list[dict[str, Any]] = field(default_factory=list)
    """A record a sampled group, for the run's samples."""
    dull: list[int] = field(default_factory=list)
    """Row numbers of the steps whose groups were not kept because they taught nothing."""
    rounds: int = 0

    def add(
        self,
        numbers: Sequence[int],
        rows: Sequence[dict[str, Any]],
        out: Batch,
        reward: OutputReward,
        size: int,
        sampling: DynamicSamplingConfig,
    ) -> None:
        """Take in one round: `size` outputs for each of `rows` (of those numbers), as TRL and the reward saw them."""
        for index, (number, row) in enumerate(zip(numbers, rows, strict=True)):
            outputs = reward.outputs[index * size : (index + 1) * size]
            rewards = [output.score.reward for output in outputs]
            void = any(output.score.void for output in outputs)
            keep = not void and (not sampling.enabled or is_informative(rewards, sampling.eps))
            self.spare = take_group(out, index, size)
            if keep:
                self.kept.append(self.spare)
            elif not void:
                self.dull.append(number)
            self.outputs += outputs
            self.places += [Place(row["step"], row["source"], reward.kind_of(row["expert_action"]))] * size
            self.groups.append(_record(row, keep, outputs))
        self.rounds += 1

    def metrics(self) -> dict[str, float]:
        """What the sampled groups say together; nothing where none was sampled."""
        if not self.groups:
            return {}
        return {
            "kept_ratio": fmean(group["kept"] for group in self.groups),
            **output_metrics(self.outputs),
            **score_metrics([output.score for output in self.outputs], self.places),
        }


def _record(row: dict[str, Any], kept: bool, outputs: Sequence[Output]) -> dict[str, Any]:
    records = [
        {
            "text": output.text,
            "reward": output.score.reward,
            "violation": output.score.violation,
            "exact": output.score.exact,
        }
        for output in outputs
    ]
    return {**{name: row[name] for name in RECORDED}, "kept": kept, "outputs": records}
