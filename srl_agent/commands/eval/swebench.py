"""`srl-agent eval swebench-verified` and its like: let a model work on issues, score its patches, print the table."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from srl_agent.asking import default_folder, settle
from srl_agent.commands.data.console import open_console, say, warn
from srl_agent.commands.eval import Resolve
from srl_agent.commands.eval.issue_table import print_summary
from srl_agent.commands.eval.issue_work import Made, Plan, make_predictions, plan_work
from srl_agent.config_load import read_options
from srl_agent.errors import ConfigError
from srl_agent.patchers.keep import EPISODES, gather
from srl_agent.patchers.settings import PatchConfig
from srl_agent.run_dir import digest, provenance
from srl_agent.swe_eval.generate import PREDICTIONS
from srl_agent.swe_eval.harness import Watcher, score
from srl_agent.swe_eval.harness_engine import HarnessEngine, find_engine, known_images
from srl_agent.swe_eval.harness_run import Settings, held
from srl_agent.swe_eval.old_rows import check_columns, complete
from srl_agent.swe_eval.predictions import by_task, gold_predictions, prediction_digest, read_predictions
from srl_agent.swe_eval.records import Prediction, Status, Verdict
from srl_agent.swe_eval.results import outcomes, summarise
from srl_agent.swe_eval.rows import TaskSet, read_tasks, select
from srl_agent.swe_eval.stored import SUMMARY, VERDICTS, write_results
from srl_agent.wording import plural

Say = Callable[[str], None]
GOLD = "gold"
UNFINISHED = 1
"""Exit status where a sandbox failed for some task: the same command tries those again."""


def run(args: argparse.Namespace, resolve: Resolve) -> int:
    """Make what is missing, score what is not scored, write and print. Raises SrlError, ParseError and SandboxError."""
    console = open_console()

    def tell(line: str) -> None:
        say(console, line)

    _check_options(args)
    every = read_tasks(args.rows or args.eval_command)
    tasks = _chosen(args, every)
    source = _read(args, tasks, resolve) if args.predictions else plan_work(args, resolve)
    folder = args.output or default_folder(args.eval_command, {"rows": every.digest, **source.facts})
    tell(f"{tasks.name}: {plural(len(tasks.tasks), 'task')} of {len(tasks.tasks) + len(tasks.left_out)}")
    tell(f"directory: {folder}")
    engine = None if args.no_scoring else find_engine(args.docker_host, args.unsafe_daemon, tell)
    with held(folder):
        made = (
            make_predictions(source, tasks, folder, args.jobs, args.pull, tell)
            if isinstance(source, Plan)
            else _given(args, tasks, source, folder, console)
        )
        if engine is None:
            tell(f"{plural(len(made.predictions), 'prediction')} in {folder / PREDICTIONS}; not scored, as asked")
            return UNFINISHED if made.failed else 0
        return _finish(args, tasks, made, engine, folder, console)


def _check_options(args: argparse.Namespace) -> None:
    """ConfigError for options that cannot be, or of which one is without effect beside another."""
    for option, value in (("-j", args.jobs), ("--test-timeout", args.test_timeout)):
        if value < 1:
            raise ConfigError(f"{option}: expected 1 or more, found {value}")
    if args.predictions and args.server:
        raise ConfigError("--predictions scores patches that are there, and --server makes new ones; leave one out")
    if args.predictions and args.no_scoring:
        raise ConfigError("--no-scoring leaves nothing to do with --predictions; leave one of them out")


def _finish(
    args: argparse.Namespace, tasks: TaskSet, made: Made, engine: HarnessEngine, folder: Path, console: Any
) -> int:
    """Score what was made, write what came of it, and print; the exit status."""
    scored = _score(args, tasks, made, engine.docker_host, folder, lambda line: say(console, line))
    summary = {
        **summarise(tasks.tasks, made.predictions, scored),
        **_facts(args, tasks, made.facts, known_images(engine, tasks.tasks)),
    }
    write_results(folder, [scored[task.instance_id] for task in tasks.tasks], summary)
    if (folder / EPISODES).is_dir():
        gather(folder, outcomes(scored))
    print_summary(console, summary)
    say(console, f"wrote {folder / SUMMARY} and {VERDICTS}")
    if summary["counts"][str(Status.ERROR)]:
        warn(console, f"the environment failed for some tasks, see {VERDICTS}; the same command tries those again")
        return UNFINISHED
    return 0


def _chosen(args: argparse.Namespace, every: TaskSet) -> TaskSet:
    """Those that were chosen. ConfigError, before any work, where they could not be scored."""
    tasks = select(every, args.slice, args.filter, args.instance_ids)
    tasks = complete(tasks, args.swebench4) if args.swebench4 else tasks
    if not args.no_scoring:
        check_columns(tasks.tasks)
    return tasks


def _score(
    args: argparse.Namespace, tasks: TaskSet, made: Made, docker_host: str, folder: Path, tell: Say
) -> dict[str, Verdict]:
    """A verdict for each task by its id: the harness's, or ERROR where no prediction could be made."""
    settings = Settings(
        folder / "harness", args.jobs, args.test_timeout, docker_host=docker_host, pull=args.pull,
        unsafe_daemon=args.unsafe_daemon,
    )  # fmt: skip

    def told(verdict: Verdict) -> None:
        if verdict.status is not Status.MISSING:
            tell(f"{verdict.instance_id}: {verdict.status} {verdict.detail}".rstrip())

    left = [task for task in tasks.tasks if task.instance_id not in made.failed]
    scored = {verdict.instance_id: verdict for verdict in score(left, made.predictions, settings, Watcher(told, tell))}
    return scored | {name: Verdict(name, Status.ERROR, why) for name, why in made.failed.items()}


@dataclass(frozen=True)
class Given:
    """Predictions that others made."""

    predictions: tuple[Prediction, ...]
    facts: Mapping[str, Any]
    """Tells them from others."""


def _read(args: argparse.Namespace, tasks: TaskSet, resolve: Resolve) -> Given:
    """The predictions of others, or the tasks' own fixes for `gold`; settings are of no use then, but right."""
    read_options(resolve()[0], PatchConfig)
    if args.predictions == GOLD:
        return Given(tuple(gold_predictions(tasks.tasks)), {"predictions": GOLD})
    every = tuple(read_predictions(args.predictions))
    return Given(every, {"predictions": digest(sorted(map(prediction_digest, every)))})


def _given(args: argparse.Namespace, tasks: TaskSet, given: Given, folder: Path, console: Any) -> Made:
    """Those of them that are for these tasks. ConfigError where none is."""
    every = given.predictions
    found, others = by_task(tasks.tasks, every)
    if not found:
        raise ConfigError(
            f"--predictions: none of the {len(every)} in {args.predictions} is for these tasks; first: "
            f"{every[0].instance_id if every else 'none'}"
        )
    if len(found) < len(tasks.tasks):
        say(console, f"{len(tasks.tasks) - len(found)} of {plural(len(tasks.tasks), 'task')} without a prediction")
    unknown = sorted(set(others) - set(tasks.left_out))
    if len(others) > len(unknown):
        say(console, f"{plural(len(others) - len(unknown), 'prediction')} for tasks that were not chosen, left alone")
    if unknown:
        known = [task.instance_id for task in tasks.tasks] + list(tasks.left_out)
        near = difflib.get_close_matches(unknown[0], known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        warn(
            console, f"{plural(len(unknown), 'prediction')} for no task of {tasks.name}: {', '.join(unknown[:3])}{hint}"
        )
    settle(folder, given.facts)
    models = ", ".join(sorted({one.model for one in found.values()}))
    return Made(found, {}, {"model": models, "predictions_from": str(args.predictions), "unknown_ids": unknown})


def _facts(
    args: argparse.Namespace, tasks: TaskSet, made: Mapping[str, Any], images: Mapping[str, str]
) -> dict[str, Any]:
    return {
        **made,
        "benchmark": args.eval_command,
        "rows": tasks.name,
        "rows_sha256": tasks.digest,
        "images": dict(images),
        "harness": f"swebench {version('swebench')}",
        "test_timeout_s": args.test_timeout,
        "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
        "provenance": provenance({}),
    }
