"""`srl-agent train --settings`: each setting with its value, its default, what it may be, and its docstring."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from srl_agent.config import Config, Section
from srl_agent.config_load import read_options, sections
from srl_agent.domains import options_of
from srl_agent.errors import ConfigError

WIDTH = 100
"""Characters of a line of text."""
BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def run(config: Config, name: str) -> int:
    """Print the settings that `name` stands in the dotted keys of, all where it is empty. Returns the exit status."""
    entries = {key: entry for key, entry in _entries(config) if f".{name}." in f".{key}." or not name}
    if not entries:
        raise ConfigError(
            f"--settings: no section or key '{name}'; the sections are {', '.join(sections())}, and --settings alone "
            "prints all"
        )
    for key, (value, default, field) in entries.items():
        given = "" if value == default else f", default {_text(default)}"
        print(f"{key}: {_text(value)}    ({allowed(field)}{given})")
        for paragraph in (field.description or "").split("\n\n"):
            print(textwrap.indent(textwrap.fill(" ".join(paragraph.split()), WIDTH - 4), "    "))
    return 0


def _entries(config: Config) -> Iterator[tuple[str, tuple[Any, Any, FieldInfo]]]:
    """Dotted key to its value, its default and its field, those of the domain's own settings last."""
    yield from _walk(config, Config(), "")
    own = options_of(config.domain)
    if own:
        yield from _walk(read_options(config, own), own(), "options.")


def _walk(section: Section, default: Section, prefix: str) -> Iterator[tuple[str, tuple[Any, Any, FieldInfo]]]:
    for name, field in type(section).model_fields.items():
        value, usual = getattr(section, name), getattr(default, name)
        if isinstance(value, Section):
            yield from _walk(value, usual, f"{prefix}{name}.")
        elif prefix + name != "options":
            yield prefix + name, (value, usual, field)


def allowed(field: FieldInfo) -> str:
    """What a setting may be: its words, or its type with its bounds."""
    kind: Any = field.annotation
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return " | ".join(map(str, inner))
    if get_origin(kind) is tuple:
        return "list of " + (" | ".join(get_args(inner[0])) or "texts")
    names = {bool: "true | false", int: "whole number", float: "number", str: "text"}
    limits = [
        f"{sign} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, sign in BOUNDS.items()
        if hasattr(limit, name)
    ]
    return " ".join([names.get(kind, str(kind)), " and ".join(limits)]).strip()


def _text(value: Any) -> str:
    written = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(written, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()
