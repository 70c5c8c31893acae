"""How `srl-agent eval` has a model work on issues: model, patcher, sandboxes, and what is on record of them."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from envs.base import Backend, Limits, choose_backend
from envs.docker_backend import DockerBackend
from srl_agent.answers import Sampling
from srl_agent.asking import settle
from srl_agent.commands.eval import Resolve
from srl_agent.commands.eval.engines import Engine, check_fits, choose_engine
from srl_agent.config import Config
from srl_agent.config_load import read_options
from srl_agent.errors import ConfigError
from srl_agent.patchers import Kit, Patched, find_patcher
from srl_agent.patchers.asking import Asking
from srl_agent.patchers.framing import settled
from srl_agent.patchers.places import absent_images, images, work_on
from srl_agent.patchers.settings import PatchConfig
from srl_agent.progress import pulse
from srl_agent.swe_eval.generate import generate, left_to_do
from srl_agent.swe_eval.harness_engine import how_to_get
from srl_agent.swe_eval.records import Prediction, Task
from srl_agent.swe_eval.rows import TaskSet
from srl_agent.wording import plural

Say = Callable[[str], None]
ROOT = "/testbed"
PULSE = 60.0
"""Seconds without a finished task after which it is said what is under way."""
SHOWN = 4
"""Tasks that are named then."""


@dataclass(frozen=True)
class Made:
    """The predictions to be scored."""

    predictions: Mapping[str, Prediction]
    """By the task's id."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Tasks whose sandbox failed, to why."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the summary says of how they were made."""


@dataclass(frozen=True)
class Plan:
    """How predictions are to be made, before anything is loaded or started."""

    patcher: str
    config: Config
    settings: PatchConfig
    engine: Engine
    sampling: Sampling
    longest: int
    """Tokens of the longest prompt with its output."""
    why: tuple[str, ...]
    facts: Mapping[str, Any]
    """What decides the predictions besides the tasks."""


def plan_work(args: argparse.Namespace, resolve: Resolve) -> Plan:
    """By the options of the command. ConfigError for what cannot be."""
    config, why = resolve()
    settings = read_options(config, PatchConfig)
    settings.check_temperature(args.temperature)
    if args.patcher == "agent":
        settings, framed = settled(settings, config.data)
        why = [*why, framed]
    engine = choose_engine(args, config)
    sampling = Sampling(args.temperature, args.max_tokens)
    longest = _longest_prompt(args.patcher, config, settings) + sampling.max_tokens
    check_fits(engine, longest, "data.max_prompt_tokens" if args.patcher == "agent" else "options.window")
    facts = _facts(args, config, settings, engine, sampling)
    return Plan(args.patcher, config, settings, engine, sampling, longest, tuple(why), facts)


def make_predictions(plan: Plan, tasks: TaskSet, folder: Path, jobs: int, pull: bool, say: Say) -> Made:
    """Let the model work on what has no prediction yet, `jobs` at once.

    ConfigError where images are not here, unless `pull` fetches them. SandboxError where no backend works.
    """
    settle(folder, plan.facts)
    for line in (*plan.why, f"patcher: {plan.patcher}", *(f"{k}: {value}" for k, value in plan.engine.facts.items())):
        say(line)
    backend = _backend(plan.config.sandbox.backend, left_to_do(tasks.tasks, folder), pull, say)
    model = Once(lambda: Asking(plan.engine.open(plan.longest)(plan.sampling), plan.config.seed))
    done = 0

    def tell(task: Task, how: str) -> None:
        nonlocal done
        done += 1
        say(f"{task.instance_id}: {how} ({done} worked on)")
        finished()

    with pulse(lambda: say(_at_work(model.made)), PULSE) as finished:
        made = generate(tasks.tasks, _worker(plan, backend, model), folder, jobs, tell)
    return Made(made.predictions, made.failed, {**plan.facts, "engine": plan.engine.facts["engine"]})


def _longest_prompt(patcher: str, config: Config, settings: PatchConfig) -> int:
    return config.data.max_prompt_tokens if patcher == "agent" else settings.window


def _facts(
    args: argparse.Namespace, config: Config, settings: PatchConfig, engine: Engine, sampling: Sampling
) -> dict[str, Any]:
    """See `Plan.facts`."""
    kept: dict[str, Any] = {name: engine.facts[name] for name in ("engine", "model", "request") if name in engine.facts}
    if args.server:  # a job that goes on has its server on another host or port
        kept["engine"] = "server"
    drawn = {"temperature": sampling.temperature, "max_tokens": sampling.max_tokens, "seed": config.seed}
    data = {name: getattr(config.data, name) for name in ("context", "max_prompt_tokens", "max_observation_chars")}
    return {
        **kept, "weights": engine.weights, "patcher": args.patcher, "sampling": drawn, "data": data,
        "options": settings.model_dump(mode="json"),
    }  # fmt: skip


def _backend(wanted: str, left: Sequence[Task], pull: bool, say: Say) -> Backend:
    """Where the sandboxes run. ConfigError, before any work, where images are not here and not to be pulled."""
    name, backend, why = choose_backend("docker" if wanted == "auto" else wanted)
    why = "tasks have images" if wanted == "auto" else why
    say(f"sandbox: {name} ({why}); {backend.isolation()}")
    if not isinstance(backend, DockerBackend):
        return backend
    absent = absent_images(left)
    if absent and not pull:
        raise ConfigError(how_to_get(absent, len({task.image for task in left})))
    if absent:
        say(f"{plural(len(absent), 'image')} not here: each is pulled for its first sandbox")
    return replace(backend, pull=pull)


def _at_work(model: Asking | None) -> str:
    """How far the tasks are that are under way."""
    if model is None:
        return "at work: the model is being loaded"
    given = [f"{name} (outputs: {count})" for name, count in model.under_way().items()]
    more = [f"{len(given) - SHOWN} more"] if len(given) > SHOWN else []
    return f"at work: {', '.join([*given[:SHOWN], *more])}"


def _worker(plan: Plan, backend: Backend, model: Once) -> Callable[[Task], Patched]:
    """What makes the prediction of one task, on any thread; the model is loaded for the first of them."""
    engine = plan.engine
    start, solve = images(backend, Limits(), ROOT), find_patcher(plan.patcher)
    kit = Kit(engine.facts["model"], engine.count_tokens, plan.config.data, plan.settings, ROOT)

    return lambda task: work_on(task, solve, start, model.get(), kit)


class Once:
    """Makes something for the first thread that asks, and gives it to all."""

    def __init__(self, make: Callable[[], Asking]) -> None:
        self._make, self._lock = make, threading.Lock()
        self.made: Asking | None = None

    def get(self) -> Asking:
        """What was made."""
        with self._lock:
            if self.made is None:
                self.made = self._make()
            return self.made
