"""`srl-agent eval` on a benchmark of mathematics: ask, grade, and print accuracies beside the paper's."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from math_track.benchmarks import BENCHMARKS, PAPER, Rows, parse_slice, read_benchmark
from math_track.commands.result_table import print_results
from math_track.evaluation import (
    GREEDY,
    SAMPLED,
    Ask,
    Task,
    answer_task,
    grade_task,
    settle_task,
    write_results,
)
from math_track.grader import Grader
from math_track.options import OF_STEPS, MathOptions
from math_track.prompts import evaluation_prompt
from srl_agent.asking import default_folder
from srl_agent.commands.data.console import by_tenths, open_console, say, warn
from srl_agent.commands.eval import Resolve
from srl_agent.commands.eval.engines import Engine, check_fits, choose_engine
from srl_agent.config import Config
from srl_agent.config_load import read_options
from srl_agent.cores import usable_cores
from srl_agent.errors import ConfigError
from srl_agent.run_dir import provenance
from srl_agent.wording import plural

GRADERS = ("math-verify", "latex2sympy2-extended", "sympy")
"""Packages whose versions decide verdicts."""


def benchmark(args: argparse.Namespace, resolve: Resolve) -> int:
    """Ask, grade, write and print. Raises SrlError, ParseError and OSError."""
    config, why = resolve()
    console = open_console()
    grader = _grader(console, config)
    tasks = _tasks(args, config.seed, lambda line: say(console, line))
    engine = choose_engine(args, config)
    ask = partial(evaluation_prompt, thinking=args.think)
    facts = _facts(engine, ask)
    folder = args.output or default_folder(args.eval_command, {**facts, **_common(tasks)})
    for line in (*why, *_lines(tasks, engine, folder)):
        say(console, line)
    draws = engine.open(_longest(tasks, engine, ask))
    others = {line for task in tasks for line in settle_task(task, facts, engine.made_with, folder)}
    if others:
        what = "; ".join(sorted(others))
        warn(console, f"{folder} has answers made with something else ({what}); rounding may differ")
    answers = [answer_task(task, ask, draws, folder, _teller(console, task)) for task in tasks]
    count = sum(len(group) for groups in answers for group in groups)
    say(console, f"grading {plural(count, 'output')}")
    with grader() as opened:
        results = [(task, grade_task(task, groups, opened)) for task, groups in zip(tasks, answers, strict=True)]
    graders = {name: version(name) for name in GRADERS}
    made = {"made_with": dict(engine.made_with), "grader": graders, "provenance": provenance({})}
    found = write_results(folder, results, {**facts, **made})
    print_results(console, found)
    say(console, f"wrote {folder / 'items.jsonl'} and {folder / 'summary.json'}")
    return 0


def _grader(console: Console, config: Config) -> Callable[[], Grader]:
    """Makes the grader by the domain's settings; those that are about steps are named."""
    options = read_options(config, MathOptions)
    for name in OF_STEPS:
        if getattr(options, name) != MathOptions.model_fields[name].default:
            warn(console, f"options.{name} does nothing here: the prompt of a benchmark has no steps")
    workers = options.grader_workers if "grader_workers" in config.options else usable_cores()
    return lambda: Grader(workers, options.grader_timeout)


def _tasks(args: argparse.Namespace, seed: int, tell: Callable[[str], None]) -> list[Task]:
    """What is asked: each benchmark greedily, then with as many outputs as `--avg` says, or the paper has."""
    if args.max_tokens < 1:
        raise ConfigError(f"--max-tokens: expected 1 or more, found {args.max_tokens}")
    if args.avg is not None and args.avg < 0:
        raise ConfigError(f"--avg: expected outputs a problem, 0 for greedy alone, found {args.avg}")
    names = PAPER if args.eval_command == "math" else (args.eval_command,)
    paths = _paths(args.rows, names)
    tasks = []
    for name in names:
        if name not in paths and BENCHMARKS[name].hub:
            tell(f"{name}: asking the Hugging Face hub for {BENCHMARKS[name].hub}; --rows takes rows of this machine")
        rows = read_benchmark(name, paths.get(name, ""), parse_slice(args.slice))
        outputs = {GREEDY: 1, SAMPLED: _sampled(name, args.avg, len(names) > 1)}
        tasks += [Task(rows, draw, count, args.max_tokens, seed) for draw, count in outputs.items() if count]
    return tasks


def _sampled(name: str, wanted: int | None, several: bool) -> int:
    """Outputs a problem at temperature 1.0: among several benchmarks only for those that the paper samples."""
    if several:
        paper = BENCHMARKS[name].average
        return paper if wanted is None else wanted if paper else 0
    return wanted or 0


def _paths(given: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Benchmark to path. ConfigError for one that is not among `names`, or not said."""
    if len(names) == 1:
        if len(given) > 1:
            raise ConfigError("--rows: one path is enough; a folder or a glob stands for several files")
        return {name: text.removeprefix(f"{name}=") for name in names for text in given}
    paths = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or name not in names:
            raise ConfigError(f"--rows: expected NAME=PATH with one of {', '.join(names)}, found {text!r}")
        if name in paths:
            raise ConfigError(f"--rows: {name} is named twice; a folder or a glob stands for several files")
        paths[name] = path
    return paths


def _facts(engine: Engine, ask: Ask) -> dict[str, Any]:
    """What decides the answers besides the tasks."""
    kept: dict[str, Any] = {name: engine.facts[name] for name in ("engine", "model", "request") if name in engine.facts}
    return {**kept, "weights": engine.weights, "prompt": ask("")[0].content}


def _common(tasks: Sequence[Task]) -> dict[str, Any]:
    """What a folder is one for: not which of the problems, nor how many outputs, so that those build on each other."""
    rows = {task.rows.benchmark: task.rows.of for task in tasks}
    return {"rows": rows, "max_tokens": tasks[0].max_tokens, "seed": tasks[0].seed}


def _lines(tasks: Sequence[Task], engine: Engine, folder: Path) -> list[str]:
    rows: dict[str, Rows] = {task.rows.benchmark: task.rows for task in tasks}
    read = [f"{name}: {plural(len(one.problems), 'problem')} of {one.source}" for name, one in rows.items()]
    return [*read, *(f"{name}: {value}" for name, value in engine.facts.items()), f"directory: {folder}"]


def _longest(tasks: Sequence[Task], engine: Engine, ask: Ask) -> int:
    """Tokens of the longest prompt with its output. ConfigError where the model was not built for as many."""
    questions = {problem.problem for task in tasks for problem in task.rows.problems}
    longest = max(engine.count_prompt(ask(question)) for question in questions) + tasks[0].max_tokens
    check_fits(engine, longest, "--max-tokens")
    return longest


def _teller(console: Console, task: Task) -> Callable[[int], None]:
    name = f"{task.rows.benchmark}, {task.draw}"
    return by_tenths(lambda line: say(console, f"{name}: {line}"), len(task.rows.problems), "problems answered")
