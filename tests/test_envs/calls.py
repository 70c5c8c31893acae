"""Actions, as tests of the tools and of the states write them."""

from __future__ import annotations

from trajectories.records import Action


def bash(command: str) -> Action:
    """A command."""
    return Action("bash", (("command", command),))


def editor(command: str, path: str, **arguments: str) -> Action:
    """A call of the editor."""
    return Action("str_replace_editor", (("command", command), ("path", path), *arguments.items()))
