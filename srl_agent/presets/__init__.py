"""Shipped settings, one YAML file a preset, and which one suits a machine; `srl_agent.config_load` reads them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

_ENDING = ".yaml"

FULL_SIZE_GB = 70
"""Accelerator memory from which the paper's 7 B models are the default: bfloat16 weights alone take 15 GB, full
fine-tuning in float32 with Adam 16 bytes a parameter, which several such devices or offloading hold."""
ONE_DEVICE_GB, UNQUANTISED_GB = 20, 40
"""Accelerator memory from which `single-gpu` is the default: adapters on 4-bit weights of 7 B, and on bfloat16 ones."""


def preset_names() -> list[str]:
    """The presets that are shipped."""
    names = (path.name for path in files(__name__).iterdir())
    return sorted(name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING))


def choose_preset(domain: str, has_data: bool, accelerator_gb: Callable[[], float]) -> tuple[str, str]:
    """The preset for a command that names none, and why: 7 B models only with data and a device of that size."""
    full = f"paper-{domain}" if f"paper-{domain}" in preset_names() else "paper-swe"
    size = accelerator_gb()
    if size >= FULL_SIZE_GB and has_data:
        return full, f"an accelerator of {size:.0f} GB is present, and data is given"
    if FULL_SIZE_GB > size >= ONE_DEVICE_GB and has_data and domain == "swe":
        more = "" if size >= UNQUANTISED_GB else "; it needs --model.quantize 4bit here"
        return "single-gpu", f"an accelerator of {size:.0f} GB is present, and data is given: adapters{more}"
    small = f"an accelerator of {size:.0f} GB only" if size else ""
    smoke = f"smoke-{domain}" if f"smoke-{domain}" in preset_names() else "smoke"
    why = "no data is given" if size >= ONE_DEVICE_GB and not has_data else small
    return smoke, f"{why or 'no accelerator here'}, so the small demonstration; --preset {full} is the full size"
