"""Ways to produce a patch for an issue, each by name: the seam, and what goes in and comes out; no torch.

A new way is one module with a function that follows `Patcher`, and one entry in PATCHERS.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from envs.base import Sandbox
from srl_agent.answers import Answer, Prompt
from srl_agent.config import DataConfig
from srl_agent.errors import ConfigError
from srl_agent.patchers.settings import PatchConfig
from srl_agent.swe_eval.records import Prediction, Task
from trajectories.records import Episode

Ask = Callable[[Prompt], Answer]
"""Asks the model for one output, for one task; see `srl_agent.patchers.asking`."""

PATCHERS = {
    "agent": "srl_agent.patchers.agent:solve",
    "oracle": "srl_agent.patchers.oracle:solve",
    "agentless": "srl_agent.patchers.agentless:solve",
}
"""Names to import paths of functions; a full import path `package.module:function` is accepted too."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What a patcher works with, the same for every task."""

    model: str
    """`model_name_or_path` of the predictions."""
    count_tokens: Callable[[str], int]
    data: DataConfig = field(default_factory=DataConfig)
    """How training showed its prompts: context, token budget, length of observations."""
    settings: PatchConfig = field(default_factory=PatchConfig)
    root: str = "/testbed"
    """Where the repository stands in the sandbox."""
    clock: Callable[[], float] = time.monotonic
    """Seconds; the limit on time goes by it."""


@dataclass(frozen=True, slots=True)
class Patched:
    """What a patcher made of a task."""

    prediction: Prediction
    record: Mapping[str, Any]
    """What happened, as plain JSON data: outputs of the model, and what became of them."""
    episode: Episode | None = None
    """The trajectory, of a patcher that has turns; whether it resolved the task is not known yet."""


class Patcher(Protocol):
    """A way to produce a patch."""

    def __call__(self, task: Task, sandbox: Sandbox, ask: Ask, kit: Kit) -> Patched:
        """The patch, and what happened. The repository stands in the sandbox at the state that the task begins from;
        whether the patcher changes it is its own affair, and the caller closes the sandbox.

        What the model does wrong is data (a limit that is hit, an edit that fits nowhere, a repository that it broke)
        and never raises. SandboxError where the sandbox fails, ModelError where no output can be had.
        """
        ...


def find_patcher(name: str) -> Patcher:
    """The patcher of that name or import path; ConfigError lists the known names."""
    module, _, attribute = PATCHERS.get(name, name).partition(":")
    if not attribute:
        raise ConfigError(
            f"patcher: unknown name '{name}'; known: {', '.join(PATCHERS)}, or a path 'package.module:function'"
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"patcher: '{name}' cannot be imported: {error}") from error
    if not callable(found):
        raise ConfigError(f"patcher: '{name}' is no function; see the Protocol srl_agent.patchers.Patcher")
    return cast(Patcher, found)
