"""The dict of domains, and the commands that their packages add to `srl-agent eval` and `srl-agent data`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DOMAINS = {"swe": "srl_agent.swe:SweDomain", "math": "math_track:MathDomain"}
"""Names of the command line to import paths; a full import path `package.module:Class` is accepted too."""


@dataclass(frozen=True)
class Command:
    """A command; what it names is imported when it is needed."""

    help: str
    """One line for `--help`."""
    options: str
    """Import path of a function (parser, name of the command) that adds its options and imports nothing heavy."""
    run: str
    """Import path of a function (args, resolve) -> exit status under `eval`, (args) under `data`."""


def domain_commands(group: str) -> dict[str, Command]:
    """Name to command: what the packages of the domains have in `COMMANDS[group]`."""
    found: dict[str, Command] = {}
    for name in DOMAINS:
        commands: Mapping[str, Mapping[str, Command]] = getattr(_package(name), "COMMANDS", {})
        found |= commands.get(group, {})
    return found


def options_of(domain: str) -> Any:
    """The `Section` of the settings under `options` of a domain of DOMAINS, whose package names it in `OPTIONS` (its
    import path); None for others."""
    path: str = getattr(_package(domain), "OPTIONS", "") if domain in DOMAINS else ""
    return load(path) if path else None


def option_keys(domain: str) -> list[str]:
    """The dotted keys of these settings."""
    section = options_of(domain)
    return [f"options.{key}" for key in section.model_fields] if section else []


def _package(domain: str) -> Any:
    return importlib.import_module(DOMAINS[domain].partition(":")[0].partition(".")[0])


def domain_of(row: Mapping[str, Any]) -> str:
    """The domain whose package says that such rows are its data, by a function `IS_DATA` (an import path); else ''."""
    for name in DOMAINS:
        says: str = getattr(_package(name), "IS_DATA", "")
        if says and load(says)(row):
            return name
    return ""


def add_commands(commands: Mapping[str, Command], subparsers: Any) -> None:
    """Add the parsers of these commands to what `ArgumentParser.add_subparsers` returned."""
    for name, command in commands.items():
        load(command.options)(subparsers.add_parser(name, help=command.help), name)


def load(path: str) -> Any:
    """What an import path `package.module:name` names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
