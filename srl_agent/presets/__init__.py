"""Shipped settings, one YAML file a preset; `srl_agent.config_load` reads them by name."""

from __future__ import annotations

from importlib.resources import files

_ENDING = ".yaml"


def preset_names() -> list[str]:
    """The presets that are shipped."""
    names = (path.name for path in files(__name__).iterdir())
    return sorted(name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING))
