"""An action event of an OpenHands 0.x log as an Action: from the model's own call, without one from its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import Row, wrong
from trajectories.formats.openhands_rows import without_annotations
from trajectories.formats.tools import canonical_action, json_call, value_text
from trajectories.records import Action

_EDITOR = ("command", "path", "file_text", "view_range", "old_str", "new_str", "insert_line")
_FIELDS = {
    "run": ("execute_bash", {"command": "command", "is_input": "is_input"}),
    "run_ipython": ("execute_ipython_cell", {"code": "code"}),
    "browse": ("browse", {"url": "url"}),
    "browse_interactive": ("browser", {"browser_actions": "code"}),
    "think": ("think", {"thought": "thought"}),
    "finish": ("finish", {"final_thought": "message", "task_completed": "task_completed"}),
}
"""Kind of event to the name of its tool, and its fields to the tool's arguments (openhands/events/action)."""

_ANNOTATIONS = ("action_risk", "confirmation_state", "is_confirmed", "security_risk")
_EVENT_FIELDS = ("action", "id", "llm_metrics", "message", "source", "thought", "timestamp", "tool_call_metadata")
_SETTINGS = ("blocking", "hidden", "image_urls", "images_urls", "keep_prompt", "kernel_init_code", "wait_for_response")
_BOOKKEEPING = frozenset((*_ANNOTATIONS, *_EVENT_FIELDS, *_SETTINGS))
"""Fields of an action event that are no part of the command."""


def event_arguments(event: Row) -> Row:
    """The fields of an action: under `args`, in the earliest logs in the event itself."""
    arguments = event.get("args")
    if arguments is None:
        return event
    if not isinstance(arguments, dict):
        raise wrong("args", "an object", arguments)
    return arguments


def event_action(event: Row, kind: str) -> Action:
    """The action; ParseError names the field that is not what it should be."""
    call = _model_call(event)
    if call is not None:
        return without_annotations(json_call(call, "tool_call_metadata.model_response"))
    arguments = event_arguments(event)
    if kind in ("read", "edit") and arguments.get("impl_source", "") == "oh_aci":
        return _editor_action(arguments, kind)
    if kind == "call_tool_mcp":
        return json_call({"name": arguments.get("name"), "arguments": arguments.get("arguments")}, "args")
    if kind in _FIELDS:
        tool, names = _FIELDS[kind]
        return _action(tool, {names[key]: arguments.get(key) for key in names})
    return _action(kind, {key: value for key, value in arguments.items() if key not in _BOOKKEEPING})


def _model_call(event: Row) -> Any:
    """The function call that the model wrote, None where the log has not kept it."""
    metadata = event.get("tool_call_metadata")
    if not isinstance(metadata, dict):
        return None
    message = response_message(metadata.get("model_response"))
    calls = message.get("tool_calls") if message is not None else None
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict) and call.get("id") == metadata.get("tool_call_id"):
            return call.get("function")
    return None


def response_message(response: Any) -> Row | None:
    """The message of the first choice of an OpenAI-style response, None where there is none."""
    choices = response.get("choices") if isinstance(response, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    return message if isinstance(message, dict) else None


def _editor_action(arguments: Row, kind: str) -> Action:
    command = arguments.get("command") or ("view" if kind == "read" else None)
    if not isinstance(command, str):
        raise ParseError("args.command: missing; expected the editor's command, such as 'str_replace'")
    return _action("str_replace_editor", {key: arguments.get(key) for key in _EDITOR} | {"command": command})


def _action(tool: str, arguments: Mapping[str, Any]) -> Action:
    """Without the arguments at null or false: the event has every field, the call had not. Empty text is a value."""
    given = [(key, value_text(value)) for key, value in arguments.items() if value is not None and value is not False]
    return canonical_action(tool, given)
