"""The options of the command line that name settings, whatever the command does with them."""

from __future__ import annotations

import argparse
from pathlib import Path

from srl_agent.domains import DOMAINS
from srl_agent.presets import preset_names

SAME_COMMAND = "the same command"
"""What an interrupted command goes on with (the default `goes_on` of its parser)."""


def add_settings(parser: argparse.ArgumentParser, purpose: str, domain: bool = True) -> None:
    """Domain (unless the command is of one), preset, file and single settings; `purpose` ends "what to"."""
    parser.epilog = (
        "Any setting can be given as --section.key VALUE, the model as --model.name NAME (a folder, owner/name of the "
        "Hugging Face hub, or smollm2-135m), a domain's own as --options.key VALUE; `srl-agent train "
        "--settings [--domain NAME]` prints all with their values and what they mean."
    )
    if domain:
        parser.add_argument(
            "--domain",
            metavar="NAME",
            help=f"what to {purpose}: {', '.join(DOMAINS)} or package.module:Class (default: swe)",
        )
    parser.add_argument("--preset", default="", metavar="NAME", help=f"shipped settings: {', '.join(preset_names())}")
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="settings over those of the preset")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, such as seed=1")
