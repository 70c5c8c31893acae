"""`srl-agent eval steps`: the reward of a model on held-out expert steps, from this machine or from a server."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from srl_agent.answers import Answer, Answerer, Sampling, seeds_of
from srl_agent.commands.data.console import by_tenths, open_console, print_table, say, say_empty, warn
from srl_agent.commands.eval import Resolve
from srl_agent.commands.eval.engines import choose_answerer
from srl_agent.config import Config
from srl_agent.domain import StepSets, facts_of, find_domain
from srl_agent.errors import ConfigError
from srl_agent.evaluation import score_answers, summary, write_evaluation
from srl_agent.run_dir import provenance
from trajectories.records import StepExample

SECTIONS = ("data", "reward", "eval")
"""Settings that the summary repeats."""


def steps(args: argparse.Namespace, resolve: Resolve) -> int:
    """Score, print, and write into `--output`. Raises SrlError, ParseError and OSError."""
    config, why = resolve()
    console = open_console()
    for line in why:
        say(console, line)
    domain = find_domain(config.domain)
    engine, make = choose_answerer(args, config, sampling_of(config))
    config, facts = engine.config, engine.facts
    folder = args.output or Path("runs") / f"eval-steps-{datetime.now():%Y%m%d-%H%M%S}"
    sets = domain.load_steps(config, engine.count_tokens)
    floors = domain.floors(config, sets.train)
    for line in (*sets.summary, *_lines(facts_of(domain, config)), _floors_line(floors), *_lines(facts)):
        say(console, line)
    if not sets.held_out:
        raise ConfigError("data.held_out_episodes: nothing is held out; raise it, or give more episodes")
    scorer = domain.scorer(config)  # before the outputs: a reward that needs sandboxes may be refused
    total = len(sets.held_out) * config.eval.rollouts
    model = make()
    prompts, seeds = [step.prompt for step in sets.held_out], _seeds(model, config, sets.held_out)
    answers = model(prompts, config.eval.rollouts, seeds, _teller(console, total))
    groups = score_answers(sets.held_out, answers, scorer, domain.action_kind)
    found = summary(groups)
    write_evaluation(folder, groups, {**facts, **found, **_provenance(config, sets, floors)})
    _print(console, config, found)
    say(console, f"wrote {folder / 'outputs.jsonl'} and {folder / 'summary.json'}")
    return 0


def sampling_of(config: Config) -> Sampling:
    """As the srl stage draws its rollouts."""
    return Sampling(config.srl.temperature, config.srl.max_completion_tokens)


def _seeds(model: Answerer, config: Config, steps: Sequence[StepExample]) -> list[list[int]]:
    """One an output; what is drawn together begins with the run's seed, as the evaluation within a run does."""
    if model.together:
        return [[config.seed] * config.eval.rollouts for _ in steps]
    return [seeds_of(config.seed, f"{step.traj_id}:{step.step}", config.eval.rollouts) for step in steps]


def _lines(facts: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {value}" for name, value in facts.items()]


def _floors_line(floors: Mapping[str, float]) -> str:
    return "reward floors (no skill needed): " + ", ".join(f"{name} {value:.3f}" for name, value in floors.items())


def _teller(console: Any, total: int) -> Callable[[int, list[Answer]], None]:
    count, done = by_tenths(lambda line: say(console, line), total, "outputs"), 0
    count(done)

    def tell(number: int, answers: list[Answer]) -> None:
        nonlocal done
        done += len(answers)
        count(done)

    return tell


def _provenance(config: Config, sets: StepSets, floors: Mapping[str, float]) -> dict[str, Any]:
    settings = {section: getattr(config, section).model_dump(mode="json") for section in SECTIONS}
    sampling = {"temperature": config.srl.temperature, "max_completion_tokens": config.srl.max_completion_tokens}
    facts = {"seed": config.seed, "data_sha256": sets.digest, "reward_floors": dict(floors)}
    settings["srl"] = {"target": config.srl.target, **sampling}
    return {**facts, "settings": settings, "provenance": provenance({})}


def _print(console: Any, config: Config, found: Mapping[str, Any]) -> None:
    say(
        console,
        f"reward {found['reward']:.3f} +- {found['reward_stderr']:.3f}, exact {found['exact_match']:.3f}, format "
        f"errors {found['format_error_rate']:.3f} ({found['steps']} expert steps x {config.eval.rollouts})",
    )
    columns = ("reward", "reward_stderr", "exact_match", "format_error_rate")
    rows = [
        (part, str(row["steps"]), *(f"{row[name]:.3f}" for name in columns)) for part, row in found["parts"].items()
    ]
    print_table(console, "by part", ("", "steps", "reward", "+-", "exact", "format errors"), rows)
    if found["violations"]:
        say(console, "broken: " + ", ".join(f"{name} {count}" for name, count in found["violations"].items()))
    if found["empty"]:
        warn(console, say_empty(found["empty"], found["outputs"]))
    if found["cut"]:
        warn(
            console,
            f"{found['cut']:.0%} of the outputs were cut at {config.srl.max_completion_tokens} tokens; raise "
            "srl.max_completion_tokens",
        )
