"""`srl-agent data steps`: episodes to training and held-out step rows, with what was left out and the reward floors."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from srl_agent.commands.data.console import open_console, print_gates, print_report, print_table, say, warn_of_losses
from srl_agent.commands.data.convert import refuse_same
from srl_agent.commands.data.settings import ESTIMATED, config_of, token_counter
from srl_agent.config import Config
from srl_agent.errors import ConfigError
from srl_agent.step_sets import load_step_data
from srl_agent.swe import SYSTEM_PROMPT, SweDomain
from srl_agent.wording import plural
from trajectories.store import write_steps


def steps(args: argparse.Namespace) -> int:
    """Write `train.jsonl` and `held_out.jsonl` into `--output`; raises SrlError, ParseError and OSError."""
    if Path(args.output).exists() and not Path(args.output).is_dir():
        raise ConfigError(f"--output: {args.output} is a file; expected a folder, which gets train.jsonl")
    paths = {name: Path(args.output) / f"{name}.jsonl" for name in ("train", "held_out")}
    if args.input:
        for path in paths.values():
            refuse_same(args.input, str(path))
    config = config_of(args)
    count_tokens = token_counter(args.tokenizer)
    loaded = load_step_data(config.data, SYSTEM_PROMPT, count_tokens)
    sets = SweDomain().sets_of(config, loaded, count_tokens)
    console = open_console()
    for line in sets.summary:
        say(console, line)
    if not args.tokenizer:
        say(console, ESTIMATED)
    print_report(console, loaded.report)
    print_gates(console, loaded.gates)
    _print_floors(console, config, SweDomain().floors(config, sets.train))
    for name, rows in (("train", sets.train), ("held_out", sets.held_out)):
        say(console, f"wrote {paths[name]}: {plural(write_steps(paths[name], rows), 'step')}")
    warn_of_losses(console, loaded.report)
    return 0


def _print_floors(console: Console, config: Config, floors: Mapping[str, float]) -> None:
    reward = config.reward
    title = f"reward floors of the training steps ({reward.name}, text {reward.text}, autojunk {reward.autojunk})"
    rows = [(name, f"{value:.3f}") for name, value in floors.items()]
    print_table(console, title, ("output that needs no skill", "mean reward"), rows)
