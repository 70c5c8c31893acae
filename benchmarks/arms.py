"""Ways to train from one cold start, compared on the same held-out steps: a table, and a figure if matplotlib is here.

Each seed has its own supervised cold start; every arm goes on from it for as many optimiser steps, and its checkpoints
half-way and at the end are scored by `srl-agent eval steps` under one reward (similarity, body), whatever the arm was
trained on. Runs and scores stay in --output, and what is finished there is not done again; the weights go as soon as
nothing sets out from them (1.5 GB a checkpoint).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

DATA = ("data.held_out_episodes=13", "data.held_out_steps=32")
ARMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "srl": ("srl", ()),
    "srl, every group kept": ("srl", ("srl.dynamic_sampling.enabled=false",)),
    "srl, calls compared wrapped": ("srl", ("reward.text=wrapped",)),
    "one-step (whole episodes)": ("srl", ("srl.target=episode", "srl.max_completion_tokens=448")),
    "more sft": ("sft", ("sft.batch_size=8", "sft.lr_scheduler=constant", "sft.warmup_ratio=0")),
    "rlvr": ("rlvr", ("rlvr.prompts_per_step=2", "rlvr.rollouts=4")),
}
"""Name to (stage, settings); `srl -> rlvr` goes on from the arm `srl` with the settings of `rlvr`, whose outputs are
whole rollouts in sandboxes: the preset's 2 tasks x 4 of them an optimiser step."""
Summary = dict[str, Any]
"""What `eval steps` writes."""
Table = dict[tuple[str, int], list[Summary]]
"""Arm and seed -> scores at the start, half-way and at the end."""
CHAINED = "srl -> rlvr"


def main() -> None:
    """Run what is missing, then print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/arms"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=24, help="optimiser steps of each arm")
    parser.add_argument("--rlvr-steps", type=int, help="those of rlvr, which take minutes each; as many by default")
    parser.add_argument("--rate", default="3e-5", help="learning rate of each arm")
    parser.add_argument("--rollouts", type=int, default=8, help="outputs of each of the 4 prompts of an optimiser step")
    parser.add_argument("--outputs", type=int, default=2, help="outputs that are scored of each held-out step")
    parser.add_argument("--arms", nargs="+", default=[*ARMS, CHAINED], choices=[*ARMS, CHAINED])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, the cores shared among them")
    args = parser.parse_args()
    if CHAINED in args.arms and "srl" not in args.arms:
        parser.error(f"--arms: {CHAINED!r} sets out from the end of 'srl', which is not among them")
    args.output.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(args.jobs) as pool:
        starts = dict(zip(args.seeds, pool.map(partial(cold_start, args), args.seeds), strict=True))
        first = [(arm, seed) for seed in args.seeds for arm in args.arms if arm != CHAINED]
        last = [(CHAINED, seed) for seed in args.seeds if CHAINED in args.arms]
        table: Table = {}
        for jobs in (first, last):  # A chained arm sets out from what another one has made.
            curves = pool.map(lambda job: curve(args, job[0], job[1], starts[job[1]]), jobs)
            table |= dict(zip(jobs, curves, strict=True))
    print_table(args, table)
    draw(args, table)


def cold_start(args: argparse.Namespace, seed: int) -> Path:
    """The checkpoint that every arm of a seed sets out from, scored."""
    checkpoint = train(args, f"seed{seed}-cold", "sft", ("data.held_out_steps=1", f"seed={seed}"))[-1]
    score(args, seed, checkpoint)
    return checkpoint


def curve(args: argparse.Namespace, arm: str, seed: int, start: Path) -> list[Summary]:
    """Scores at the start, half-way and at the end of one arm."""
    origin, kind = start, arm
    if arm == CHAINED:
        origin, kind = args.output / arm_name("srl", seed) / "srl" / f"checkpoint-{args.steps}", "rlvr"
    found = args.output / arm_name(arm, seed) / "curve.json"
    if not found.exists():
        checkpoints = run_arm(args, kind, arm_name(arm, seed), seed, origin)
        points = [score(args, seed, folder) for folder in (origin, *checkpoints)]
        found.write_text(json.dumps(points), encoding="utf-8")
        for folder in checkpoints if arm != "srl" else checkpoints[:-1]:
            shutil.rmtree(folder)
    curves: list[Summary] = json.loads(found.read_text(encoding="utf-8"))
    return curves


def steps_of(args: argparse.Namespace, arm: str) -> int:
    """Optimiser steps of an arm."""
    rlvr = arm in ("rlvr", CHAINED) and args.rlvr_steps
    return int(args.rlvr_steps if rlvr else args.steps)


def arm_name(arm: str, seed: int) -> str:
    """The run directory of an arm."""
    return f"seed{seed}-" + "".join(letter if letter.isalnum() else "-" for letter in arm)


def run_arm(args: argparse.Namespace, arm: str, name: str, seed: int, start: Path) -> list[Path]:
    """Checkpoints half-way and at the end of an arm."""
    stage, settings = ARMS[arm]
    steps = steps_of(args, arm)
    common = [f"model.name={start}", f"seed={seed}", "data.held_out_steps=1", f"trainer.save_every={steps // 2}"]
    common += [f"{stage}.max_steps={steps}", f"{stage}.learning_rate={args.rate}"]
    if stage != "sft":
        common += [f"{stage}.prompts_per_step=4", f"{stage}.rollouts={args.rollouts}"]
    return train(args, name, stage, (*common, *settings))[-2:]


def train(args: argparse.Namespace, name: str, stage: str, settings: tuple[str, ...]) -> list[Path]:
    """Run, or go on with, one run of the command line; returns its checkpoints, oldest first."""
    folder = args.output / name
    if (folder / "config.yaml").exists():
        command = ["train", "--resume", str(folder)]
    else:
        options = [*DATA, *settings, threads(args)]
        command = ["train", "--domain", "swe", "--preset", "smoke", "--stages", stage, "--output", str(folder)]
        command += [part for setting in options for part in ("--set", setting)]
    call(args, name, command)
    found = [path.parent for path in (folder / stage).glob("checkpoint-*/complete.json")]
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


def score(args: argparse.Namespace, seed: int, checkpoint: Path) -> Summary:
    """What `srl-agent eval steps` says of a checkpoint."""
    folder = checkpoint.parent.parent / f"score-{checkpoint.name}"
    summary = folder / "summary.json"
    if not summary.exists():
        options = [*DATA, f"model.name={checkpoint}", f"eval.rollouts={args.outputs}", threads(args)]
        command = ["eval", "steps", "--domain", "swe", "--preset", "smoke", "--seed", str(seed)]
        command += ["--output", str(folder)]
        call(args, folder.parent.name, command + [part for option in options for part in ("--set", option)])
    found: Summary = json.loads(summary.read_text(encoding="utf-8"))
    return found


def threads(args: argparse.Namespace) -> str:
    """The setting that shares the cores among the runs."""
    return f"trainer.threads={max(1, (os.cpu_count() or 1) // args.jobs)}"


def call(args: argparse.Namespace, name: str, words: list[str]) -> None:
    """Call the command line, its output into a log of its own."""
    command = [sys.executable, "-m", "srl_agent", *words]
    print("$", " ".join(command), flush=True)
    with (args.output / f"{name}.log").open("a") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log)


def print_table(args: argparse.Namespace, table: Table) -> None:
    """One row an arm: mean over the seeds and sample standard deviation of the reward and what else is scored."""
    print("\n| arm | start | half-way | end | change | exact at the end | format errors at the end |")
    print("|---|---|---|---|---|---|---|")
    for arm in args.arms:
        curves = [table[arm, seed] for seed in args.seeds]
        at = [spread([points[place]["reward"] for points in curves]) for place in range(3)]
        change = spread([points[-1]["reward"] - points[0]["reward"] for points in curves])
        ends = [
            statistics.fmean(points[-1][name] for points in curves) for name in ("exact_match", "format_error_rate")
        ]
        print(f"| {arm} | {' | '.join(at)} | {change} | {ends[0]:.3f} | {ends[1]:.3f} |")
    floors = table[args.arms[0], args.seeds[0]][0]["reward_floors"]
    print("floors, no skill needed: " + ", ".join(f"{name} {value:.3f}" for name, value in floors.items()))


def spread(values: list[float]) -> str:
    """Mean and sample standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):+.3f} ({deviation:.3f})"


def draw(args: argparse.Namespace, table: Table) -> None:
    """The mean reward of each arm over its steps, with the seeds' standard deviation as bars."""
    try:
        from matplotlib import pyplot
    except ImportError:
        print("no figure: pip install matplotlib")
        return
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for number, arm in enumerate(args.arms):
        steps, begin = steps_of(args, arm), args.steps if arm == CHAINED else 0
        places = [begin + place + 0.04 * number for place in (0, steps // 2, steps)]  # bars beside each other
        rewards = [[table[arm, seed][place]["reward"] for seed in args.seeds] for place in range(3)]
        bars = [statistics.stdev(values) if len(values) > 1 else 0.0 for values in rewards]
        axes.errorbar(places, [statistics.fmean(values) for values in rewards], bars, label=arm, capsize=3)
    axes.set(xlabel="optimiser steps after the cold start", ylabel="reward on held-out steps")
    axes.legend(loc="upper left", fontsize="small")
    figure.savefig(args.output / "arms.svg")
    print(f"figure: {args.output / 'arms.svg'}")


if __name__ == "__main__":
    main()
