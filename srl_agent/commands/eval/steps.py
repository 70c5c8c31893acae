"""`srl-agent eval steps`: the reward of a model on held-out expert steps, from this machine or from a server."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from srl_agent.chat_server import ChatServer, Server
from srl_agent.commands.data.console import open_console, print_table, say, warn
from srl_agent.commands.data.settings import ESTIMATED, token_counter
from srl_agent.commands.eval import Resolve
from srl_agent.config import Config
from srl_agent.domain import StepSets, find_domain
from srl_agent.errors import ConfigError
from srl_agent.evaluation import Answerer, score_answers, summary, write_evaluation
from srl_agent.run_dir import provenance
from srl_agent.sandboxes import sandbox_line

CountTokens = Callable[[str], int]
SECTIONS = ("data", "reward", "eval")
"""Settings that the summary repeats."""


def steps(args: argparse.Namespace, resolve: Resolve) -> int:
    """Score, print, and write into `--output`. Raises SrlError, ParseError and OSError."""
    config, why = resolve()
    console = open_console()
    for line in why:
        say(console, line)
    domain = find_domain(config.domain)
    config, count_tokens, make, facts = _server(args, config) if args.server else _local(args, config)
    folder = args.output or Path("runs") / f"eval-steps-{datetime.now():%Y%m%d-%H%M%S}"
    sets = domain.load_steps(config, count_tokens)
    floors = domain.floors(config, sets.train)
    sandbox = f"sandbox: {sandbox_line(config)}"
    for line in (*sets.summary, sandbox, _floors_line(floors), *(f"{name}: {value}" for name, value in facts.items())):
        say(console, line)
    if not sets.held_out:
        raise ConfigError("data.held_out_episodes: nothing is held out; raise it, or give more episodes")
    scorer = domain.scorer(config)  # before the outputs: a reward that needs sandboxes may be refused
    total = len(sets.held_out) * config.eval.rollouts
    answers = make()(sets.held_out, config.eval.rollouts, _teller(console, total))
    groups = score_answers(sets.held_out, answers, scorer, domain.action_kind)
    found = summary(groups)
    write_evaluation(folder, groups, {**facts, **found, **_provenance(config, sets, floors)})
    _print(console, config, found)
    say(console, f"wrote {folder / 'outputs.jsonl'} and {folder / 'summary.json'}")
    return 0


Chosen = tuple[Config, CountTokens, Callable[[], Answerer], dict[str, str]]
"""The settled configuration, how tokens are counted, how to make what answers, and facts for terminal and summary."""


def _server(args: argparse.Namespace, config: Config) -> Chosen:
    if not args.server_model:
        raise ConfigError("--server: name the model with --server-model, as the server's GET /models lists it")
    for option, least in (("concurrency", 1), ("timeout", 0.001), ("retries", 0)):
        if getattr(args, option) < least:
            raise ConfigError(f"--{option}: expected {least} or more, found {getattr(args, option)}")
    request = {
        "temperature": config.srl.temperature,
        "top_p": 1.0,
        "max_tokens": config.srl.max_completion_tokens,
        **_extra(args.server_extra),
    }
    server = Server(args.server, args.server_model, request, args.concurrency, args.timeout, args.retries)
    answerer = ChatServer(server, config.seed)
    counted = f"by the tokenizer of {args.tokenizer}" if args.tokenizer else ESTIMATED
    facts = {"engine": f"server {args.server}", "model": args.server_model, "request": json.dumps(request)}
    return config, token_counter(args.tokenizer), lambda: answerer, facts | {"prompt tokens": counted}


def _extra(text: str) -> dict[str, Any]:
    try:
        extra = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--server-extra: expected a JSON object, found {text!r} ({error})") from error
    if not isinstance(extra, dict):
        raise ConfigError(f'--server-extra: expected a JSON object such as {{"top_k": -1}}, found {text!r}')
    return extra


def _local(args: argparse.Namespace, config: Config) -> Chosen:
    given = [name for name in ("server_model", "tokenizer") if getattr(args, name)]
    if given:
        raise ConfigError(f"--{given[0].replace('_', '-')} goes with --server; a local model is --model.name")
    import torch

    from srl_agent.choices import check_lengths, choose_dtype, this_machine, usable_cores
    from srl_agent.commands.train import quieten_libraries
    from srl_agent.cpu import keep_freed_memory
    from srl_agent.local_answers import LocalModel
    from srl_agent.models import context_length, load_tokenizer

    quieten_libraries()
    keep_freed_memory()
    torch.set_num_threads(config.trainer.threads or usable_cores())
    machine = this_machine()
    dtype, why_dtype = choose_dtype(config, machine)
    model = config.model.model_copy(update={"dtype": dtype})
    config = config.model_copy(update={"model": model, "stages": ("srl",)})
    check_lengths(config, context_length(model.name))
    tokenizer = load_tokenizer(model.name)
    device = ("cuda" if torch.cuda.is_available() else "mps") if machine.accelerator else "cpu"
    facts = {"engine": f"transformers on {device}, {dtype} ({why_dtype})", "model": model.name}
    return config, token_counter(model.name), lambda: LocalModel(config, tokenizer, device), facts


def _floors_line(floors: Mapping[str, float]) -> str:
    return "reward floors (no skill needed): " + ", ".join(f"{name} {value:.3f}" for name, value in floors.items())


def _teller(console: Any, total: int) -> Callable[[int], None]:
    """Prints a line at each tenth of the outputs."""
    said = 0

    def tell(done: int) -> None:
        nonlocal said
        if done * 10 // total > said:
            said = done * 10 // total
            say(console, f"{done} of {total} outputs")

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
    if found["cut"]:
        warn(
            console,
            f"{found['cut']:.0%} of the outputs were cut at {config.srl.max_completion_tokens} tokens; raise "
            "srl.max_completion_tokens",
        )
