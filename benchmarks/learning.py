"""Does step-wise training raise the reward on held-out steps? Seeds of the bundled set, beside a learning rate of 0.

Each seed has its own supervised cold start, from which an srl stage sets out; from the first seed's another one, with
a learning rate of 0, the same data order and the same evaluation. Prints one row a run and the spread over the seeds;
the runs stay in --output, and a run that is finished there is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COMMON = {
    "swe": ["--preset", "smoke", "--set", "data.held_out_episodes=13", "--set", "data.held_out_steps=32"],
    "math": ["--preset", "smoke-math", "--set", "data.held_out_steps=32"],
}
"""What the runs of each domain share."""


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", choices=COMMON, default="swe")
    parser.add_argument("--output", type=Path, help="default: runs/learning, or runs/learning-DOMAIN")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=24, help="optimiser steps of each srl stage")
    parser.add_argument("--rate", default="3e-5", help="learning rate of the srl stage")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, the cores shared among them")
    parser.add_argument("--set", action="append", default=[], help="further settings for every run")
    args = parser.parse_args()
    args.output = args.output or Path("runs/learning" if args.domain == "swe" else f"runs/learning-{args.domain}")
    with ThreadPoolExecutor(args.jobs) as pool:
        starts = dict(zip(args.seeds, pool.map(lambda seed: cold_start(args, seed), args.seeds), strict=True))
        runs = [(seed, args.rate) for seed in args.seeds] + [(args.seeds[0], "0")]
        curves = pool.map(lambda run: held_out(args, *run, starts[run[0]]), runs)
        print_table([(*run, curve) for run, curve in zip(runs, curves, strict=True)])


def cold_start(args: argparse.Namespace, seed: int) -> Path:
    """The checkpoint that both srl stages of a seed set out from."""
    return train(args, f"seed{seed}-sft", ["--stages", "sft", "--set", f"seed={seed}"])


def train(args: argparse.Namespace, name: str, options: list[str]) -> Path:
    """Run, or go on with, one run of the command line; returns its last checkpoint."""
    folder, stage = args.output / name, options[1]
    settings = [f"trainer.threads={max(1, (os.cpu_count() or 1) // args.jobs)}", *args.set]
    extra = [part for setting in settings for part in ("--set", setting)]
    command = [sys.executable, "-m", "srl_agent", "train", "--domain", args.domain]
    if (folder / "config.yaml").exists():
        command += ["--resume", str(folder)]
    else:
        command += [*COMMON[args.domain], *options, *extra, "--output", str(folder)]
    print("$", " ".join(command), flush=True)
    args.output.mkdir(parents=True, exist_ok=True)
    with (args.output / f"{name}.log").open("a") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log)
    return checkpoint(folder / stage)


def checkpoint(stage: Path) -> Path:
    """The last complete checkpoint of a stage."""
    found = [path.parent for path in stage.glob("checkpoint-*/complete.json")]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]))


def held_out(args: argparse.Namespace, seed: int, rate: str, start: Path) -> dict[int, dict[str, float]]:
    """Held-out metrics by optimiser step of one srl stage from `start`."""
    name = f"seed{seed}-rate{rate}"
    settings = {
        "seed": seed,
        "model.name": start,
        "srl.max_steps": args.steps,
        "srl.learning_rate": rate,
        "srl.rollouts": 8,
        "eval.every": args.steps // 2,
        "eval.rollouts": 2,
    }
    train(args, name, ["--stages", "srl", *[p for key, value in settings.items() for p in ("--set", f"{key}={value}")]])
    lines = (args.output / name / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return {record["step"]: record for record in records if "held_out/reward" in record}


def print_table(rows: list[tuple[int, str, dict[int, dict[str, float]]]]) -> None:
    """One row a run, then mean and standard deviation over the seeds of each learning rate."""
    print(
        "\nseed  rate    held-out reward: start -> half -> end   change   format errors start -> end   exact at the end"
    )
    changes: dict[str, list[tuple[float, float]]] = {}
    for seed, rate, curve in rows:
        points = [curve[step] for step in sorted(curve)]
        first, last = points[0], points[-1]
        rewards = " -> ".join(f"{point['held_out/reward']:+.3f}" for point in points)
        errors = f"{first['held_out/format_error_rate']:.3f} -> {last['held_out/format_error_rate']:.3f}"
        change = last["held_out/reward"] - first["held_out/reward"]
        print(f"{seed:<5} {rate:<7} {rewards:<38} {change:+.3f}   {errors:<28} {last['held_out/exact_match']:.3f}")
        changes.setdefault(rate, []).append((first["held_out/reward"], last["held_out/reward"]))
    for rate, pairs in changes.items():
        starts, ends = [start for start, _ in pairs], [end for _, end in pairs]
        differences = [end - start for start, end in pairs]
        print(f"rate {rate}: start {spread(starts)}, end {spread(ends)}, change {spread(differences)}")


def spread(values: list[float]) -> str:
    """Mean and sample standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):+.3f} (sd {deviation:.3f})"


if __name__ == "__main__":
    main()
