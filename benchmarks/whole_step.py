"""A whole optimiser step (rollout, reward, loss, update) of the srl stage against TRL's GRPOTrainer on the same rows.

The rows are the first steps of one episode under full context, the same in every optimiser step; both trainers sample
with transformers on this machine, each in a process of its own. The first step warms up and is left out.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

METHODS = ("TRL", "ours")
PARTS = ("time/rollout", "time/sync", "time/reward", "time/loss", "time/other")


def main() -> None:
    """Run both methods and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="", help="expert episodes; the bundled set if left out")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--prompts", type=int, default=6, help="steps of the episode, which are a batch")
    parser.add_argument("--rollouts", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=64, help="longest output")
    parser.add_argument("--prompt-tokens", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=3, help="optimiser steps, the first left out")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--only", choices=METHODS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        print(json.dumps(run(args)))
        return
    print_table(args, {method: apart(method) for method in METHODS})


def apart(method: str) -> dict[str, Any]:
    """The figures of a method, measured in another process."""
    command = [sys.executable, __file__, *sys.argv[1:], "--only", method]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Seconds of the optimiser steps behind the first, their parts, tokens, and the peak of the process's memory."""
    from srl_agent.choices import choose_dtype, this_machine
    from srl_agent.config import Config

    settings = {
        "data": {
            "path": args.data,
            "context": "full",
            "max_prompt_tokens": args.prompt_tokens,
            "max_observation_chars": 1000,
        },
        "model": {"name": args.model, "dtype": args.dtype},
        "srl": {
            "prompts_per_step": args.prompts,
            "rollouts": args.rollouts,
            "max_completion_tokens": args.tokens,
            "batching": "episode",
            "micro_batch_prompts": args.prompts if args.only == "ours" else 1,
            "dynamic_sampling": {"enabled": False},
        },
        "trainer": {"loss_pass": "shared" if args.only == "ours" else "plain", "attention": "merge"},
    }
    config = Config.model_validate(settings)
    dtype = choose_dtype(config, this_machine())[0]
    config = config.model_copy(update={"model": config.model.model_copy(update={"dtype": dtype})})
    with tempfile.TemporaryDirectory() as folder:
        trainer = build(args, config, Path(folder))
        trainer.train()
    logs = [record for record in trainer.state.log_history if "step_time" in record][1:]
    return {
        "seconds": [record["step_time"] for record in logs],
        "parts": {part: statistics.fmean(record.get(part, 0.0) for record in logs) for part in PARTS},
        "tokens": statistics.fmean(record["completions/mean_length"] for record in logs),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def build(args: argparse.Namespace, config: Any, folder: Path) -> Any:
    """The trainer of a method on the first steps of the first episode that has enough of them."""
    from datasets import Dataset
    from trl import GRPOTrainer

    from srl_agent.commands.train import quieten_libraries, token_counter
    from srl_agent.hooks import Hooks
    from srl_agent.models import load_policy, load_tokenizer
    from srl_agent.stage_grpo import training_rows
    from srl_agent.step_reward import StepReward
    from srl_agent.step_stream import StepStream
    from srl_agent.swe import SweDomain
    from srl_agent.trl_trainer import SrlTrainer, grpo_arguments

    quieten_libraries()
    tokenizer = load_tokenizer(config.model.name)
    steps = SweDomain().load_steps(config, token_counter(tokenizer)).train
    names = [step.traj_id for step in steps]
    longest = next((name for name in names if names.count(name) >= args.prompts), None)
    if longest is None:
        raise SystemExit(f"no episode has {args.prompts} steps of these prompts' lengths; lower --prompts")
    rows = training_rows([step for step in steps if step.traj_id == longest][: args.prompts])
    common = {
        "model": load_policy(config.model.name),
        "args": grpo_arguments(config, "srl", folder, args.steps, 1, False),
        "train_dataset": Dataset.from_list(rows),
        "processing_class": tokenizer,
    }
    reward = StepReward(SweDomain().scorer(config), tokenizer)
    if args.only == "TRL":
        return GRPOTrainer(reward_funcs=reward, **common)
    stream = StepStream([list(range(len(rows)))], seed=0)
    trainer = SrlTrainer(
        config=config, stage="srl", reward=reward, stream=stream, on_fill=lambda step, fill, metrics: None, **common
    )
    trainer.hooks = Hooks(lambda step, record: None)  # asked when the last step is saved
    return trainer


def print_table(args: argparse.Namespace, found: dict[str, dict[str, Any]]) -> None:
    """One row a method, and the ratio of their medians."""
    medians = {method: statistics.median(figures["seconds"]) for method, figures in found.items()}
    print(f"{args.prompts} prompts x {args.rollouts} outputs of up to {args.tokens} tokens, {args.model}")
    print("| method | seconds a step | mean output, tokens | peak memory, GB | TRL's time / its time |")
    print("|---|---|---|---|---|")
    for method, figures in found.items():
        ratio = medians["TRL"] / medians[method]
        print(f"| {method} | {medians[method]:.1f} | {figures['tokens']:.0f} | {figures['memory']:.1f} | {ratio:.2f} |")
    parts = ", ".join(
        f"{part.removeprefix('time/')} {seconds:.1f} s" for part, seconds in found["ours"]["parts"].items()
    )
    print(f"ours, where the time goes: {parts}")


if __name__ == "__main__":
    main()
