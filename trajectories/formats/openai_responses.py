"""Rollouts in OpenAI's Responses form, as NVIDIA's NeMo Gym writes them: request parameters and output items."""

from __future__ import annotations

from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import Row, describe_keys, get_flag, get_list, get_object, get_text, optional_text, wrong
from trajectories.formats.build import episode_of
from trajectories.formats.chat import ChatMessage, assemble, content_text
from trajectories.formats.tools import canonical_action, json_call
from trajectories.records import Action
from trajectories.report import Reading, Where

NAME = "openai-responses"
PARAMETERS = "responses_create_params"
PIVOT_ROW = "a pivot row: one expected action without the run that it comes from, so no episode"
ROLES = {"developer": "system"}
"""Role of an item to the role it stands for; others are kept."""


def looks_like(row: Row) -> bool:
    """Whether the row has request parameters, as rollouts and pivot rows do."""
    return isinstance(row.get(PARAMETERS), dict)


def count_messages(row: Row) -> int:
    """Items of the request and of the output, and the instructions or task that stand beside them."""
    parameters, response = row.get(PARAMETERS), row.get("response")
    if not isinstance(parameters, dict):
        return 0
    items = parameters.get("input")
    sent = [items] if isinstance(items, str) else items if isinstance(items, list) else []
    received = response.get("output") if isinstance(response, dict) else None
    beside = bool(parameters.get("instructions")) + (bool(_stated_problem(parameters)) and not _has_user(sent))
    return len(sent) + (len(received) if isinstance(received, list) else 0) + beside


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one rollout; ParseError names the field that is not what it should be.

    The outcome is `resolved`, else a `reward` of exactly 1 or 0.
    """
    parameters = get_object(row, PARAMETERS)
    if "response" not in row and "expected_action" in row:
        raise ParseError(PIVOT_ROW)
    response = get_object(row, "response")
    output = get_list(response, "output", "response.")
    if not output:
        raise ParseError("response.output: empty, so no action in it")
    items = [_read_item(item, f"response.output[{place}]") for place, item in enumerate(output)]
    conversation = assemble([*_request(parameters), *items])
    facts = parameters.get("metadata") if isinstance(parameters.get("metadata"), dict) else {}
    agent = row.get("agent_ref")
    return episode_of(
        conversation,
        source=NAME,
        where=where,
        instance_id=_instance_id(row, facts or {}),
        resolved=_resolved(row),
        meta={
            "model": optional_text(response, "model", "response."),
            "agent": optional_text(agent, "name", "agent_ref.") if isinstance(agent, dict) else "",
        },
    )


def _request(parameters: Row) -> list[ChatMessage]:
    """What the agent was told; a task that only the metadata states stands in for a user's message."""
    path = f"{PARAMETERS}."
    told = optional_text(parameters, "instructions", path)
    system = [ChatMessage("system", told)] if told else []
    items = parameters.get("input")
    if isinstance(items, str):
        return [*system, ChatMessage("user", items)]
    items = get_list(parameters, "input", path)
    problem = _stated_problem(parameters)
    task = [ChatMessage("user", problem)] if problem and not _has_user(items) else []
    return [*system, *task, *(_read_item(item, f"{path}input[{place}]") for place, item in enumerate(items))]


def _read_item(item: Any, path: str) -> ChatMessage:
    """One item as a message; a call is an assistant's message of its own, joined to the words before it later."""
    if not isinstance(item, dict):
        raise wrong(path, "an object", item)
    kind = optional_text(item, "type", f"{path}.") or "message"
    if kind == "message":
        role = get_text(item, "role", f"{path}.")
        return ChatMessage(ROLES.get(role, role), content_text(item.get("content"), f"{path}.content"))
    if kind == "reasoning":
        return ChatMessage("assistant", _reasoning(item, path))
    if kind in ("function_call", "custom_tool_call"):
        call_id = optional_text(item, "call_id", f"{path}.")
        return ChatMessage("assistant", "", ((call_id, _action(item, kind, path)),))
    if kind in ("function_call_output", "custom_tool_call_output"):
        text = content_text(item.get("output"), f"{path}.output")
        return ChatMessage("tool", text, answers=optional_text(item, "call_id", f"{path}."))
    return ChatMessage(f"item {kind}", "")


def _action(item: Row, kind: str, path: str) -> Action:
    if kind == "function_call":
        return json_call(item, path)
    return canonical_action(get_text(item, "name", f"{path}."), [("input", get_text(item, "input", f"{path}."))])


def _reasoning(item: Row, path: str) -> str:
    """The reasoning itself where it is open, else its summary."""
    for key in ("content", "summary"):
        text = content_text(item.get(key), f"{path}.{key}")
        if text.strip():
            return text
    return ""


def _stated_problem(parameters: Row) -> str:
    facts = parameters.get("metadata")
    problem = facts.get("problem_statement") if isinstance(facts, dict) else None
    return problem if isinstance(problem, str) else ""


def _has_user(items: list[Any]) -> bool:
    return any(isinstance(item, str) or (isinstance(item, dict) and item.get("role") == "user") for item in items)


def _instance_id(row: Row, facts: Row) -> str:
    for place, key, path in ((row, "instance_id", ""), (facts, "instance_id", "metadata."), (row, "task_id", "")):
        name = optional_text(place, key, path).strip()
        if name:
            return name
    raise ParseError(f"instance_id: neither the row nor the request's metadata names the task ({describe_keys(row)})")


def _resolved(row: Row) -> bool | None:
    told = get_flag(row, "resolved")
    reward = row.get("reward")
    if told is not None or isinstance(reward, bool) or reward not in (0, 1):
        return told
    return bool(reward)
