"""`srl-agent train`: load data and model, run the stages, say where the results are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from accelerate.utils import broadcast_object_list

from srl_agent.choices import (
    Machine,
    check_lengths,
    check_processes,
    check_tracker,
    choose_dtype,
    leave_the_others,
    this_machine,
)
from srl_agent.commands.step_text import print_example
from srl_agent.config import Config
from srl_agent.config_load import dump_config
from srl_agent.cores import choose_threads
from srl_agent.cpu import keep_freed_memory
from srl_agent.domain import StepSets, facts_of, find_domain, tasks_of, with_options
from srl_agent.errors import ConfigError, ModelError
from srl_agent.frozen import check_quantized
from srl_agent.idle import idle_settings
from srl_agent.memory_plan import Lengths, device_bytes, disk_line, lengths_of, plans, say_memory
from srl_agent.models import context_length, load_tokenizer, resolve_model
from srl_agent.progress import Progress
from srl_agent.run_dir import (
    best_checkpoint,
    free_bytes,
    marker,
    new_run,
    provenance,
    read_jsonl,
    write_json,
    write_text,
)
from srl_agent.stages import StageContext, run_stages


def run(config: Config, *, resume: Path | None, dry_run: bool, why: Sequence[str]) -> int:
    """Train as configured; with `resume`, go on in that run directory. Returns the exit status."""
    quieten_libraries()
    keep_freed_memory()
    torch.set_num_threads(choose_threads(config.trainer.threads)[0])
    machine = this_machine()
    progress = Progress(machine.main)
    domain = find_domain(config.domain)
    config = with_options(config)
    dtype, why_dtype = choose_dtype(config, machine)
    config = config.model_copy(update={"model": config.model.model_copy(update={"dtype": dtype})})
    if dry_run:  # first: what a preset sets can be read where its model is out of reach
        progress.console.print(dump_config(config), markup=False)
        progress.say("what each setting means, and what it may be: srl-agent train --settings [NAME]")
    check_processes(config, machine)
    check_quantized(config, machine)
    check_tracker(config)
    tokenizer = _load_tokenizer(progress, config, dry_run)
    check_lengths(config, context_length(config.model.name))
    count_tokens = token_counter(tokenizer)
    steps = domain.load_steps(config, count_tokens)
    floors = domain.floors(config, steps.train)
    tasks = tasks_of(domain, config).problems(config, steps) if "rlvr" in config.stages else steps
    _say_choices(progress, config, machine, steps, floors, why, why_dtype, facts_of(domain, config))
    _say_sets(progress, config, steps, tasks, count_tokens)

    def context_in(folder: Path, stage: str) -> StageContext:
        sets = tasks if stage == "rlvr" else steps
        return StageContext(config, folder, stage, machine, domain, sets, tokenizer, floors, progress)

    place = resume or Path(config.output or default_folder(config))
    _say_needs(partial(context_in, place), lengths_of(steps.train, count_tokens), config, whole=dry_run)
    if dry_run:
        print_example(progress.console, domain, config, steps)
        return 0
    folder = resume or _agree(machine, lambda: new_run(config.output, default_folder(config)))
    context = partial(context_in, folder)
    for stage in config.stages:
        context(stage).check_length()
    if machine.main:
        _write_provenance(folder, config, machine, steps, floors)
    progress.say(f"run directory: {folder}")
    _say_results(progress, config, folder, _trained(progress, config, folder, context))
    leave_the_others()
    return 0


def _trained(progress: Progress, config: Config, folder: Path, context: Callable[[str], StageContext]) -> Path:
    """The checkpoint that the stages end with."""
    try:
        return run_stages(context, config.stages, resolve_model(config.model.name))
    except KeyboardInterrupt:
        progress.warn(
            "interrupted; it goes on from its last checkpoint, or from the stage's beginning where there is none yet, "
            f"with: srl-agent train --resume {folder}"
        )
        raise


def _load_tokenizer(progress: Progress, config: Config, dry_run: bool) -> Any:
    try:
        return load_tokenizer(config.model.name)
    except ModelError:
        if dry_run:
            progress.say("memory: unknown, as the model is out of reach")
        raise


def _agree(machine: Machine, choose: Callable[[], Path]) -> Path:
    """What the main process chooses, on every process: two clocks would name two directories."""
    chosen = [choose() if machine.main else Path()]
    if machine.processes > 1:
        broadcast_object_list(chosen)
    return chosen[0]


def quieten_libraries() -> None:
    """Keep the terminal for our own lines: progress bars and informational logs of the libraries are off."""
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()


def token_counter(tokenizer: Any) -> Callable[[str], int]:
    """Tokens of a text under the policy's tokenizer, without special tokens."""

    def count(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    return count


def default_folder(config: Config) -> Path:
    """`runs/<domain>-<preset>-<date and time>`, numbered on if it is taken."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    base = Path("runs") / f"{config.domain.rpartition(':')[2].lower()}-{config.preset or 'custom'}-{stamp}"
    taken = [base, *[base.with_name(f"{base.name}-{number}") for number in range(2, 100)]]
    return next((path for path in taken if not path.exists()), base)


def _say_choices(
    progress: Progress,
    config: Config,
    machine: Machine,
    steps: StepSets,
    floors: Mapping[str, float],
    why: Sequence[str],
    why_dtype: str,
    domain_facts: Mapping[str, str],
) -> None:
    device = machine.accelerator or f"CPU, threads: {choose_threads(config.trainer.threads)[1]}"
    progress.heading(f"srl-agent train --domain {config.domain}")
    for line in why:
        progress.say(line)
    progress.facts(
        {
            "model": f"{config.model.name}, {config.model.dtype} ({why_dtype})",
            "device": device + _processes(machine),
            "stages": " -> ".join(config.stages),
            "reward": f"{config.reward.name}, text {config.reward.text}, autojunk {config.reward.autojunk}",
            **domain_facts,
        }
    )
    for line in steps.summary:
        progress.say(line)
    if floors:
        cells = ", ".join(f"{name} {value:.3f}" for name, value in floors.items())
        progress.say(f"reward floors (no skill needed): {cells}")


def _processes(machine: Machine) -> str:
    sharding = f", weights shared out by {machine.sharding}" if machine.sharding else ""
    return f", {machine.processes} processes{sharding}" if machine.processes > 1 else sharding


def _say_sets(
    progress: Progress, config: Config, steps: StepSets, tasks: StepSets, count_tokens: Callable[[str], int]
) -> None:
    """What `rlvr` trains on beside the others, and what of data and settings is likely not meant."""
    for line in tasks.summary:
        if line not in steps.summary:
            progress.say(f"rlvr: {line}")
    _say_not_evaluated(progress, config, {stage: tasks if stage == "rlvr" else steps for stage in config.stages})
    for line in idle_settings(config):
        progress.warn(line)
    _say_too_long(progress, config, steps, count_tokens)


def _say_needs(context: Callable[[str], StageContext], lengths: Lengths, config: Config, *, whole: bool) -> None:
    """What the stages are likely to need of the device's memory and of the disk."""
    first = context(config.stages[0])
    found = plans(config, first.machine, lengths, device_bytes(first.machine))
    say_memory(first.progress, config, found, lengths, whole=whole)
    first.progress.say(disk_line(found, lambda stage: context(stage).checkpoints, free_bytes(first.run)))


def _say_not_evaluated(progress: Progress, config: Config, sets: Mapping[str, StepSets]) -> None:
    """Stages with nothing held out; a warning where something was asked for."""
    stages = [stage for stage in config.stages if not sets[stage].held_out]
    if stages:
        line = (
            f"no evaluation in {', '.join(stages)}, which have nothing held out: their last checkpoint is taken as the "
            "best, and whether they learn shows only in the training reward"
        )
        (progress.warn if config.data.held_out_episodes else progress.say)(line)


def _say_too_long(progress: Progress, config: Config, steps: StepSets, count_tokens: Callable[[str], int]) -> None:
    """Steps whose expert action alone is longer than an output may be: the policy cannot reach it."""
    limit = config.srl.max_completion_tokens
    count = sum(count_tokens(step.expert_action) > limit for step in steps.train)
    if count and "srl" in config.stages:
        progress.warn(
            f"{count} of {len(steps.train)} expert actions are longer than an output may be ({limit} tokens, "
            "srl.max_completion_tokens): no output can equal them"
        )


def _write_provenance(
    folder: Path, config: Config, machine: Machine, steps: StepSets, floors: Mapping[str, float]
) -> None:
    facts = {
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "seed": config.seed,
        "accelerator": machine.accelerator,
        "processes": machine.processes,
        "threads": torch.get_num_threads(),
        "data_sha256": steps.digest,
        "train_steps": len(steps.train),
        "held_out_steps": len(steps.held_out),
        "reward": config.reward.model_dump(),
        "reward_floors": dict(floors),
    }
    record = folder / "run.json"
    if not record.exists():
        write_json(record, provenance(facts))
    else:
        _check_same_data(record, steps)
    write_text(folder / "config.yaml", dump_config(config))


def _check_same_data(record: Path, steps: StepSets) -> None:
    before = json.loads(record.read_text(encoding="utf-8")).get("data_sha256")
    if before != steps.digest:
        raise ConfigError(f"data.path: the data has changed since this run began ({record} has another digest)")


def _shown(row: Mapping[str, Any]) -> str:
    reward = f"{row['reward']:.3f} +- {row['reward_stderr']:.3f}"
    return f"{row['solved']:.1%} of the tasks solved (outcome {reward})" if "solved" in row else reward


def _say_results(progress: Progress, config: Config, folder: Path, checkpoint: Path) -> None:
    rows = read_jsonl(folder / "metrics.jsonl")
    evaluated = [row for row in rows if "held_out/reward" in row]
    kept = {stage: best_checkpoint(folder / stage) for stage in config.stages}
    figures = {stage: marker(path).get("held_out") for stage, path in kept.items() if path}
    samples = folder / "samples"
    progress.heading("Done")
    facts = {
        "checkpoint": f"{checkpoint} (Hugging Face layout)",
        "metrics": str(folder / "metrics.jsonl"),
        **({"samples": f"{samples} (every group with its rewards)"} if samples.is_dir() else {}),  # sft has none
        "settings": f"{folder / 'config.yaml'}, {folder / 'run.json'}",
    }
    if evaluated:
        start = {name.removeprefix("held_out/"): value for name, value in evaluated[0].items()}
        ends = " -> ".join(f"{_shown(known)} after {stage}" for stage, known in figures.items() if known)
        facts["held-out reward"] = f"{_shown(start)} at the start -> {ends} (+- standard error, best checkpoints)"
    stage = "rlvr" if config.stages[-1] == "rlvr" else "srl"
    settings = f"--config {folder / 'config.yaml'} --output {folder}-next"
    facts["go on"] = f"srl-agent train {settings} --model.name {checkpoint} --stages {stage}"
    progress.facts(facts)
