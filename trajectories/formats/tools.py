"""One name for each tool, whatever the agent that produced the episode called it."""

from __future__ import annotations

import json
import re
from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import kind_of, wrong
from trajectories.records import Action
from trajectories.render import is_name

ALIASES = {
    "execute_bash": "bash",
    "terminal": "bash",
    "file_editor": "str_replace_editor",
    "finish": "submit",
    "Bash": "bash",
    "mark_task_complete": "submit",
    "execute_ipython_cell": "python",
    "ipython": "python",
    "browse_interactive": "browser",
    "str_replace_based_edit_tool": "str_replace_editor",
}
"""Name in a source to canonical name; names that do not stand here are kept."""

# mini-swe-agent ends a run on a command whose first output line is this marker; before 1.0 it had the second name.
_SUBMIT_COMMAND = re.compile(r"""\s*echo\s+["']?(?:COMPLETE_TASK_AND_SUBMIT|MINI_SWE_AGENT)_FINAL_OUTPUT\b""")


def canonical_action(tool: str, arguments: list[tuple[str, str]]) -> Action:
    """The action under its canonical tool name; ParseError where a name cannot be rendered."""
    name = tool.strip()
    for checked in (name, *(key for key, _ in arguments)):
        if not is_name(checked):
            raise ParseError(
                f"name of a tool or parameter: expected letters, digits, '_', '.', '-', found {checked[:60]!r}"
            )
    canonical = ALIASES.get(name, name)
    if canonical == "bash" and len(arguments) == 1 and _SUBMIT_COMMAND.match(arguments[0][1]):
        return Action("submit", (), original=arguments[0][1])
    return Action(canonical, tuple(arguments), original=tool if tool != canonical else "")


def json_call(call: Any, path: str) -> Action:
    """An OpenAI function call `{"name": ..., "arguments": JSON text or object}` as an action."""
    if not isinstance(call, dict):
        raise wrong(path, "an object with name and arguments", call)
    name = call.get("name")
    if not isinstance(name, str):
        raise wrong(f"{path}.name", "text", name)
    arguments = _arguments(call.get("arguments"), f"{path}.arguments")
    return canonical_action(name, [(key, value_text(value)) for key, value in arguments.items()])


def value_text(value: Any) -> str:
    """An argument's value as text: text as it is, anything else as its JSON (`[1, 20]`, `true`)."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _arguments(raw: Any, path: str) -> dict[str, Any]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw) if raw.strip() else {}
        except ValueError as error:
            raise ParseError(f"{path}: expected a JSON object as text, found broken JSON ({error})") from error
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ParseError(f"{path}: expected a JSON object, found {kind_of(raw)}")
    return raw
