"""From the options of a data command to the settings that training reads, so that both see the same steps."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from srl_agent.config import Config
from srl_agent.config_load import load_config, split_settings

CHARS_A_TOKEN = 4
"""Without a tokenizer, a token is taken to be this many characters."""
ESTIMATED = f"tokens estimated as characters / {CHARS_A_TOKEN}; --tokenizer NAME counts them"

OWN = {
    "input": "data.path",
    "format": "data.format",
    "context": "data.context",
    "split": "data.split",
    "gates": "data.gates",
    "tasks": "data.task_sets",
    "evaluation": "data.evaluation_sets",
    "replayed": "data.replayed",
}
"""Options with a setting of their own."""


def config_of(args: argparse.Namespace) -> Config:
    """The configuration that the options describe; options of their own name win over `--set`."""
    own = {setting: getattr(args, option, None) for option, setting in OWN.items()}
    given = [(key, json.dumps(value)) for key, value in own.items() if value]
    return load_config(overrides=[*split_settings(getattr(args, "set", [])), *given])


def token_counter(name: str | None) -> Callable[[str], int]:
    """Tokens of a text under the named model's tokenizer; without a name an estimate from its characters."""
    if not name:
        return lambda text: -(-len(text) // CHARS_A_TOKEN)
    from transformers.utils import logging

    from srl_agent.models import load_tokenizer

    logging.set_verbosity_error()  # a text longer than the model's context is no fault here

    tokenizer = load_tokenizer(name)
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])
