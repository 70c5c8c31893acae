"""How a trainer fills its batches: draws steps, samples groups, keeps informative ones and carries over the rest.

Written against what transformers' and TRL's trainers have (`accelerator`, `state`, `args`, ...), without naming them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object

from srl_agent.config import GrpoConfig
from srl_agent.domain import StepKey
from srl_agent.dynamic_sampling import OLD_LOGPS, Batch, Oversampling, merge_groups, silence, whole_rows
from srl_agent.fill import Fill
from srl_agent.play import PlayedReward, own_tokens
from srl_agent.prompt_tokens import PromptTokens
from srl_agent.step_reward import OutputReward
from srl_agent.step_stream import StepStream

OnFill = Callable[[int, Fill, dict[str, float]], None]
"""Called on every process after a batch was filled: (optimiser step, fill of all processes, metrics of the stage)."""


class Filling:
    """The part of a trainer that makes its batches; `begin_filling` comes before anything else."""

    accelerator: Any
    args: Any
    model: Any
    state: Any
    train_dataset: Any
    num_generations: int
    _tokenizer: Any
    _metrics: Any
    _generate_and_score_completions: Any
    _get_per_token_logps_and_entropies: Any

    def begin_filling(
        self, section: GrpoConfig, stage: str, reward: OutputReward, stream: StepStream, on_fill: OnFill
    ) -> None:
        """Settings of the stage, and what it draws from and tells."""
        self.section, self.stage = section, stage
        self.reward, self.stream, self.on_fill = reward, stream, on_fill
        self.player = reward if isinstance(reward, PlayedReward) else None
        self.starts: list[StepKey] = []
        """Of the round that is sampled, one a group."""
        self.oversampling = Oversampling(section.dynamic_sampling.max_oversampling)
        self.carried: list[Batch] = []
        """Kept groups that the last batch had over, with the log-probabilities of the policy that sampled them."""
        self.prompt_tokens = PromptTokens()

    def fill_batch(self) -> Batch:
        """Sample until this process holds its share of informative groups, or the bound on refills is reached."""
        sampling, size = self.section.dynamic_sampling, self.num_generations
        need = self.args.generation_batch_size // size // self.accelerator.num_processes
        fill = Fill(kept=list(self.carried))
        self.prompt_tokens.take()
        carried = len(self.carried)
        while (missing := self._most(need - len(fill.kept))) > 0 and fill.rounds <= sampling.max_refills:
            numbers = self._draw(self.oversampling.prompts(missing))
            rows = [self.train_dataset[number] for number in numbers]
            self.starts = [StepKey(row["instance_id"], row["traj_id"], row["step"]) for row in rows]
            out = self._generate_and_score_completions([dict(row) for row in rows for _ in range(size)])
            if self.player:
                out["tool_mask"] = own_tokens(out["completion_ids"], self.player.played)
            fill.add(numbers, rows, out, self.reward, size, sampling)
        kept, filler = fill.kept[:need], fill.spare or fill.kept[0]
        total = int(self._sum(len(kept)))
        silent = [silence(filler) for _ in range(need - len(kept))]
        merged = merge_groups([*kept, *silent], self._tokenizer.pad_token_id)
        # The loss is a mean over all rows; rows without weight must not shrink the others' share. 0: none has weight.
        merged["loss_scale"] = torch.tensor(need * self.accelerator.num_processes / total if total else 0.0)
        merged["num_items_in_batch"] = self.accelerator.gather(merged["completion_mask"].sum()).sum()
        self.carried = self._with_old_logps(fill.kept[need:], filler)
        self._report(fill, total, self._sum(carried))
        return merged

    def _draw(self, count: int) -> list[int]:
        """Numbers of `count` rows for this process; the order does not depend on how many processes share it."""
        first = count * self.accelerator.process_index
        # One stretch a process: rows of one episode stay together, and share their prompts' beginning.
        return self.stream.take(count * self.accelerator.num_processes)[first : first + count]

    def _with_old_logps(self, groups: list[Batch], filler: Batch) -> list[Batch]:
        """The groups ready for the next batch, when the policy that sampled them will not be the present one."""
        lacking = [group for group in groups if OLD_LOGPS not in group]
        for index in range(self._most(len(lacking))):  # every process takes part in every pass: FSDP gathers in it
            group = lacking[index] if index < len(lacking) else dict(filler)
            with torch.no_grad():
                group[OLD_LOGPS] = self._get_per_token_logps_and_entropies(self.model, *whole_rows(group))[0]
        return groups

    def _most(self, count: int) -> int:
        return int(self.accelerator.gather(torch.tensor([count], device=self.accelerator.device)).max())

    def _sum(self, value: float) -> float:
        return float(self.accelerator.gather(torch.tensor([float(value)], device=self.accelerator.device)).sum())

    def _report(self, fill: Fill, used: int, carried: float) -> None:
        for name in ("outputs", "places", "groups", "dull"):
            setattr(fill, name, gather_object(getattr(fill, name)))
        metrics = {"groups_used": float(used), "groups_carried": carried, "refills": float(max(fill.rounds - 1, 0))}
        metrics |= fill.metrics()
        self.oversampling.learn(metrics.get("kept_ratio", self.oversampling.kept_ratio))
        self.stream.rest(fill.dull)
        metrics |= self.prompt_tokens.metrics(self._sum)
        metrics |= {"epoch": self.stream.position / self.stream.rows, "resting": float(self.stream.asleep)}
        for name, value in metrics.items():
            self._metrics["train"][f"{self.stage}/{name}"].append(value)
        self.on_fill(self.state.global_step + 1, fill, metrics)

    def restore(self, checkpoint: Path, state: dict[str, Any]) -> bool:
        """Go on where the process that wrote the checkpoint stopped; `state` is what its marker says.

        Returns whether carried groups are lost, as they belong to another number of processes.
        """
        self.stream.restore(state)
        # Checkpoints from before the name was made unlike the metric's have the same number as `kept_ratio`.
        self.oversampling.kept_ratio = state["recent_kept_ratio" if "recent_kept_ratio" in state else "kept_ratio"]
        carried = checkpoint / self._carried_name()
        self.carried = torch.load(carried, map_location=self.accelerator.device) if carried.is_file() else []
        written = {path.name.rpartition("-")[2] for path in checkpoint.glob("carried-*")}  # "2.pt" of 2 processes
        return bool(written - {carried.name.rpartition("-")[2]})

    def _carried_name(self) -> str:
        """Of the file with this process's carried groups: they go to as many processes as there were, or nowhere."""
        return f"carried-{self.accelerator.process_index + 1}-of-{self.accelerator.num_processes}.pt"

    def kept_state(self, checkpoint: Path) -> dict[str, Any]:
        """What `restore` reads: for the marker, and this process's carried groups in a file of their own."""
        if self.carried:
            torch.save(self.carried, checkpoint / self._carried_name())
        return {**self.stream.state(), "recent_kept_ratio": self.oversampling.kept_ratio}
