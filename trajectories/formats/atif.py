"""ATIF trajectories (Harbor's interchange format): steps of user, agent and system, with calls and observations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from trajectories.errors import ParseError
from trajectories.fields import Row, get_flag, get_list, get_object, get_text, optional_text, wrong
from trajectories.formats.build import episode_of
from trajectories.formats.chat import STRAY_OBSERVATION, ChatMessage, assemble, content_text
from trajectories.formats.task_names import name_by_file
from trajectories.formats.terminus import split_commands
from trajectories.formats.tools import json_call
from trajectories.formats.xml_calls import find_calls
from trajectories.records import Action
from trajectories.report import Reading, Where

NAME = "atif"
COPIED = "copied from the trajectory that this one goes on from, and read there"
SCRIPTED = "step of the harness's own, without a model call"
SUBAGENT = "part of an embedded subagent's trajectory"
HARNESS_NOTE = "note of the harness between the steps"
NO_TEXT = "observation without text (a reference to another trajectory)"
ONLY_COPIED = "steps: every action is copied from the trajectory that this one goes on from; it is read there"


def looks_like(row: Row) -> bool:
    """Whether the object names an ATIF version."""
    version = row.get("schema_version")
    return isinstance(version, str) and version.startswith("ATIF-")


def count_messages(row: Row) -> int:
    """Steps and the results inside their observations, with those of embedded subagents."""
    return _count_own(row) + _count_subagents(row)


def read_row(row: Row, where: Where) -> Reading:
    """The episode of one trajectory; ParseError names the field that is not what it should be.

    ATIF names no task and no outcome: they are taken from `extra`, where our own export writes them, else the task
    is named by the file (of a Harbor run the folder) or by its text, and the outcome unknown. An agent's steps that
    are copied from another trajectory (`is_copied_context`) or scripted (`llm_call_count` 0) are no expert's turns
    here, and dropped.
    """
    reader = _Steps()
    for place, step in enumerate(get_list(row, "steps")):
        reader.read(step, f"steps[{place}]")
    if reader.lost[COPIED] and not any(message.calls for message in reader.messages):
        raise ParseError(ONLY_COPIED)
    conversation = assemble(reader.messages)
    lost = Counter(conversation.dropped) + reader.lost + Counter({SUBAGENT: _count_subagents(row)})
    extra = get_object(row, "extra") if row.get("extra") is not None else {}
    session = optional_text(row, "session_id").strip()
    instance_id, run = name_by_file(where)
    return episode_of(
        replace(conversation, dropped=dict(lost)),
        source=NAME,
        where=where,
        instance_id=optional_text(extra, "instance_id", "extra.").strip() or instance_id,
        traj_id=optional_text(extra, "traj_id", "extra."),
        run=run or session,
        resolved=get_flag(extra, "resolved", "extra."),
        meta={"session_id": session, **_agent_facts(row)},
    )


class _Steps:
    """Collects the messages of the steps; what stands outside the conversation is counted as lost."""

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []
        self.lost: Counter[str] = Counter()
        self._asked = False

    def read(self, step: Any, path: str) -> None:
        if not isinstance(step, dict):
            raise wrong(path, "an object", step)
        source = get_text(step, "source", f"{path}.")
        unwanted = _why_unwanted(step, path) if source == "agent" else ""
        if unwanted:
            self.lost[unwanted] += 1 + len(list(_results(step, path)))
            return
        calls = self._read_message(step, source, path)
        self._read_results(step, source, calls, path)

    def _read_message(self, step: Row, source: str, path: str) -> tuple[tuple[str, Action], ...]:
        """Appends the step's own message; returns its calls."""
        if source == "agent":
            message = _agent_message(step, path)
            self.messages.append(message)
            return message.calls
        text = content_text(step.get("message"), f"{path}.message")
        if source == "system" and self._asked:
            self.lost[HARNESS_NOTE] += 1
        elif source in ("user", "system"):
            self.messages.append(ChatMessage(source, text))
        else:
            self.messages.append(ChatMessage(f"source {source}", text))
        self._asked = self._asked or source == "user"
        return ()

    def _read_results(self, step: Row, source: str, calls: tuple[tuple[str, Action], ...], path: str) -> None:
        results = list(_results(step, path))
        for place, result in enumerate(results):
            at = f"{path}.observation.results[{place}]"
            if result.get("content") is None:
                self.lost[NO_TEXT] += 1
            elif source != "agent":
                self.lost[HARNESS_NOTE] += 1
            elif not calls and not self._asked:
                self.lost[STRAY_OBSERVATION] += 1  # as a user's message it would pass for the task
            else:
                text = content_text(result["content"], f"{at}.content")
                answers = optional_text(result, "source_call_id", f"{at}.")
                if not answers and len(results) == 1 and calls:
                    answers = calls[-1][0]  # what several calls left together is seen behind the last
                self.messages.append(ChatMessage("tool" if calls else "user", text, answers=answers))


def _why_unwanted(step: Row, path: str) -> str:
    """Why an agent's step is no turn of this expert, empty where it is one; the format asks for leaving both out."""
    if get_flag(step, "is_copied_context", f"{path}."):
        return COPIED
    model_calls = step.get("llm_call_count")
    return SCRIPTED if isinstance(model_calls, int) and model_calls == 0 else ""


def _agent_message(step: Row, path: str) -> ChatMessage:
    """The agent's thought and calls; without `tool_calls`, calls are looked for in its text."""
    reasoning = optional_text(step, "reasoning_content", f"{path}.")
    text = content_text(step.get("message"), f"{path}.message")
    calls = tuple(_read_calls(step, path))
    if calls:
        return ChatMessage("assistant", _join(reasoning, text), calls)
    found = split_commands(text)
    if found is not None:
        thought, actions = found
        return ChatMessage("assistant", _join(reasoning, thought), tuple(("", action) for action in actions))
    message = find_calls(ChatMessage("assistant", text))
    unread = message.unread or '"keystrokes"' in text
    return replace(message, text=_join(reasoning, message.text), unread=unread and not message.calls)


def _read_calls(step: Row, path: str) -> Iterator[tuple[str, Action]]:
    calls = step.get("tool_calls")
    if calls is None:
        return
    for place, call in enumerate(get_list(step, "tool_calls", f"{path}.")):
        at = f"{path}.tool_calls[{place}]"
        if not isinstance(call, dict):
            raise wrong(at, "an object", call)
        function = {"name": get_text(call, "function_name", f"{at}."), "arguments": call.get("arguments")}
        yield optional_text(call, "tool_call_id", f"{at}."), json_call(function, at)


def _results(step: Row, path: str) -> Iterator[Row]:
    if step.get("observation") is None:
        return
    observation = get_object(step, "observation", f"{path}.")
    for place, result in enumerate(get_list(observation, "results", f"{path}.observation.")):
        if not isinstance(result, dict):
            raise wrong(f"{path}.observation.results[{place}]", "an object", result)
        yield result


def _count_own(row: Row) -> int:
    steps = row.get("steps")
    return sum(1 + _count_results(step) for step in steps) if isinstance(steps, list) else 0


def _count_subagents(row: Row) -> int:
    """At any depth; with a list of its own for what is still to be counted, as nesting may be deeper than calls."""
    number, waiting = 0, [row]
    while waiting:
        inner = waiting.pop().get("subagent_trajectories")
        subagents = [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []
        number += sum(map(_count_own, subagents))
        waiting.extend(subagents)
    return number


def _count_results(step: Any) -> int:
    observation = step.get("observation") if isinstance(step, dict) else None
    results = observation.get("results") if isinstance(observation, dict) else None
    return len(results) if isinstance(results, list) else 0


def _agent_facts(row: Row) -> dict[str, str]:
    agent = row.get("agent")
    if not isinstance(agent, dict):
        return {}
    extra = agent.get("extra")
    facts = {"agent": agent.get("name"), "version": agent.get("version"), "model": agent.get("model_name")}
    facts["parent_session_id"] = extra.get("parent_session_id") if isinstance(extra, dict) else None
    return {key: value for key, value in facts.items() if isinstance(value, str)}


def _join(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part.strip())
