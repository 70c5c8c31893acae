"""What tests of the patchers share: scripted outputs, bundled tasks, and where these are worked on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from needs import need

from envs.base import find_backend
from envs.errors import SandboxError
from srl_agent.answers import Answer, Answerer, Done, Prompt
from srl_agent.config import DataConfig
from srl_agent.errors import PromptTooLong
from srl_agent.output_format import format_output
from srl_agent.patchers import Kit, Patched, find_patcher
from srl_agent.patchers.asking import Asking
from srl_agent.patchers.places import Open, demo_sandboxes, demo_tasks, work_on
from srl_agent.patchers.settings import PatchConfig
from srl_agent.scripted import Scripted
from srl_agent.swe_eval.records import Task
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Action, Episode
from trajectories.render import render_action

TASK = demo_tasks()[0]
IMAGE = "srl-agent/base:bookworm"
SUBMIT = format_output("done", render_action(Action("submit")))


def sandboxes(name: str) -> Open:
    """Sandboxes of the bundled tasks; skips, or fails under CI, where the backend does not work."""
    backend = find_backend(name)
    if reason := backend.why_not():
        need(f"{name}: {reason}")
    if name == "docker":
        from envs.images import require_image

        try:
            require_image(IMAGE)
        except SandboxError as error:
            need(f"{error}; or: docker/make-base-image {IMAGE} ~/.cache/srl-agent/images")
    return demo_sandboxes(name, backend)


def expert(task: Task) -> Episode:
    """The recorded expert's episode of a bundled task."""
    return next(episode for episode in read_episodes(EPISODES)[0] if episode.instance_id == task.instance_id)


class Refusing(Scripted):
    """Writes its outputs, and finds every prompt behind them too long."""

    def __init__(self, outputs: Sequence[str], issue: str = TASK.problem_statement[:60]) -> None:
        super().__init__({issue: outputs})
        self.left = len(outputs)

    def __call__(
        self, prompts: Sequence[Prompt], rollouts: int, seeds: Sequence[Sequence[int]], done: Done
    ) -> list[list[Answer]]:
        """See `Answerer`."""
        self.left -= 1
        if self.left < 0:
            raise PromptTooLong("status 400: too long")
        return super().__call__(prompts, rollouts, seeds, done)


def bash(command: str) -> str:
    """An output that runs a command."""
    return format_output("so", render_action(Action("bash", (("command", command),))))


def kit(data: DataConfig | None = None, **settings: Any) -> Kit:
    """Tokens are taken to be four characters each."""
    return Kit("scripted", lambda text: -(-len(text) // 4), data or DataConfig(), PatchConfig(**settings))


def patched(
    name: str, start: Open, outputs: Sequence[str] | Answerer, using: Kit | None = None, task: Task = TASK
) -> Patched:
    """What the patcher of that name makes of a task when the model writes these outputs."""
    issue = task.problem_statement[:60]
    model = outputs if isinstance(outputs, Scripted) else Scripted({issue: outputs})  # type: ignore[dict-item]
    return work_on(task, find_patcher(name), start, Asking(model, 0), using or kit())
