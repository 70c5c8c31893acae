"""A patcher at work on many tasks at once: each prediction is kept as it comes, and a stopped process goes on there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from envs.pool import ThreadPool
from srl_agent.patchers import Patched
from srl_agent.patchers.keep import keep
from srl_agent.swe_eval.predictions import read_predictions, write_predictions
from srl_agent.swe_eval.records import Prediction, Task

PREDICTIONS = "preds.jsonl"


@dataclass(frozen=True)
class Generated:
    """What there is after all tasks were worked on."""

    predictions: dict[str, Prediction]
    failed: dict[str, str]
    """Ids of the tasks whose sandbox failed, to why: the same call again works on these, and only these."""


def generate(
    tasks: Sequence[Task],
    work: Callable[[Task], Patched],
    folder: Path,
    jobs: int,
    tell: Callable[[Task, str], None],
) -> Generated:
    """A prediction for each task, `jobs` at once; those that `folder` has are not made again.

    `tell` hears of each task how its work ended. A task whose sandbox fails is tried once more, then left to the next
    call. Other exceptions of `work` end the whole, with what was made kept.
    """
    path, kept = folder / PREDICTIONS, _kept(folder)
    wanted = {task.instance_id for task in tasks}
    failed: dict[str, str] = {}
    for outcome in ThreadPool(jobs).map(work, left_to_do(tasks, folder)):
        name = outcome.item.instance_id
        if outcome.value is None:
            failed[name] = outcome.error
        else:
            keep(folder, outcome.value)
            kept[name] = outcome.value.prediction
            write_predictions(path, list(kept.values()))
        tell(outcome.item, _how(outcome.value) if outcome.value else outcome.error)
    return Generated({name: one for name, one in kept.items() if name in wanted}, failed)


def _how(made: Patched) -> str:
    """How the work ended, with what a server or git said where they refused something."""
    faults = [str(made.record[name]) for name in ("prompt_fault", "patch_fault") if made.record.get(name)]
    return ": ".join([str(made.prediction.effort.get("ended", "done")), *faults])


def left_to_do(tasks: Sequence[Task], folder: Path) -> list[Task]:
    """Those that have no prediction in the folder."""
    kept = _kept(folder)
    return [task for task in tasks if task.instance_id not in kept]


def _kept(folder: Path) -> dict[str, Prediction]:
    path = folder / PREDICTIONS
    return {one.instance_id: one for one in read_predictions(path)} if path.is_file() else {}
