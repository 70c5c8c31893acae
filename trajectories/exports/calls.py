"""An action as the name and JSON arguments of a function call."""

from __future__ import annotations

import json
from typing import Any

from trajectories.errors import ParseError
from trajectories.formats.tools import value_text
from trajectories.records import Episode

# Actions hold text alone. Only of these parameters is it known that their tools take a list, number or flag; a
# command or file that reads `1` or `[]` stays text.
TYPED = frozenset({"view_range", "insert_line", "timeout", "duration", "offset", "limit", "replace_all"})


def json_arguments(episode: Episode, k: int) -> dict[str, Any]:
    """The arguments of the episode's action k, counted from 1, as the object that `json_call` reads back.

    Raises ParseError where a parameter stands there twice, which no JSON object can say.
    """
    action = episode.turns[k - 1].action
    arguments = {name: _value(name, text) for name, text in action.arguments}
    if len(arguments) < len(action.arguments):
        raise ParseError(
            f"episode '{episode.traj_id}', step {k}: a parameter of '{action.tool}' stands twice, which a JSON call "
            "cannot hold; leave the episode out, or export steps"
        )
    return arguments


def _value(name: str, text: str) -> Any:
    """The value that `text` was made from, where that is certain."""
    if name not in TYPED:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text  # some experts wrote such a parameter as words
    return value if value_text(value) == text else text
