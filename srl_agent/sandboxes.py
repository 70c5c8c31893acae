"""What the `sandbox` section of the configuration comes to: which backend and why, and where episodes are replayed."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from functools import lru_cache

from envs.base import Backend, choose_backend
from envs.errors import SandboxError
from envs.images import image_names, is_here, task_set
from envs.places import Places
from envs.walks import Walks
from srl_agent.config import Config
from srl_agent.errors import ConfigError
from srl_agent.step_sets import read_data
from trajectories.records import Episode

EXECUTED = ("state",)
"""Rewards that carry actions out."""
SHOWN = 3
"""Missing images that an error names."""


def sandbox_line(config: Config) -> str:
    """For the terminal: which backend is used and why, or why none. ConfigError where one is needed and none works."""
    if config.reward.name not in EXECUTED and "rlvr" not in config.stages and not config.eval.tasks:
        return "none: these stages compare with recorded actions and run no command"
    name, backend, why = _chosen(config.sandbox.backend)
    return f"{name} ({why}), {config.sandbox.workers} actions at once; {backend.isolation()}"


def places(config: Config, episodes: Sequence[Episode]) -> Places:
    """Where these episodes are carried out. ConfigError where no backend works, or none of their images is here."""
    settings, bundled = config.sandbox, not config.data.path
    name, backend, _ = _chosen(settings.backend)
    if not bundled and not settings.image:
        _check_images(name, episodes)
    return Places(name, backend, bundled, settings.image or None, settings.timeout)


def walks_again(config: Config, who: str) -> tuple[Walks, list[Episode]]:
    """The states of the episodes that are trained on, and the episodes, which are read again.

    ConfigError where they cannot be read twice or no sandbox can be had; `who` asks, as messages name it.
    """
    episodes = episodes_again(config, who)
    walks = Walks(places(config, episodes), config.sandbox.keep)
    atexit.register(walks.close)
    return walks, episodes


def episodes_again(config: Config, who: str) -> list[Episode]:
    """The episodes, read again. ConfigError where that cannot be."""
    if config.data.path == "-":
        raise ConfigError(f"{who} reads the episodes again, which standard input cannot give; use a file")
    return read_data(config.data)[0]


@lru_cache
def _chosen(backend: str) -> tuple[str, Backend, str]:
    try:
        return choose_backend(backend)
    except SandboxError as error:
        raise ConfigError(f"sandbox.{error}; or take a reward that runs nothing (--reward.name similarity)") from error


def _check_images(name: str, episodes: Sequence[Episode]) -> None:
    """Refuse to begin where every sandbox would fail; single failures are counted while training."""
    if name != "docker":
        raise ConfigError(f"sandbox.image: {name} has no images by name; give a root directory, or take docker")
    wanted: list[str] = []
    for instance_id, source in dict.fromkeys((episode.instance_id, episode.source) for episode in episodes):
        try:
            names = image_names({"instance_id": instance_id}, task_set(source))
            if any(is_here(image) for image in names):
                return
        except SandboxError as error:
            raise ConfigError(f"sandbox.image: {error} ({source})") from error
        wanted.append(names[0])
    shown = ", ".join(wanted[:SHOWN])
    raise ConfigError(
        f"sandbox.image: none of the {len(wanted)} images is here ({shown}, ...); docker pull gets them, or name one"
    )
