"""Shipped settings for `accelerate launch --config_file`; `python -m srl_agent.launch NAME` prints where one stands."""

from __future__ import annotations

from pathlib import Path

from srl_agent.errors import ConfigError

FOLDER = Path(__file__).parent


def launch_names() -> list[str]:
    """The settings that are shipped."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def launch_file(name: str) -> Path:
    """Where the settings of that name stand. ConfigError lists the names."""
    if name not in launch_names():
        raise ConfigError(f"launch: unknown name '{name}'; known: {', '.join(launch_names())}")
    return FOLDER / f"{name}.yaml"
