"""Small episodes, rows of each foreign format, and hypothesis strategies that the tests of `trajectories` share."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from trajectories.records import Action, Episode, Message, StepExample, Turn

_MARKUP = [
    "</parameter>",
    "</function>",
    "<\\/parameter>",
    "<\\\\/function>",
    "<function=bash>\n",
    "<parameter=command>",
]
_SIGNS = ["\n", "\r\n", "\0", "<", "\\", "/", "\ud800", "\U0001f600", "\u2028", "ls -la", '"', "'", "OBSERVATION:\n"]
PIECES = [*_MARKUP, *_SIGNS]
TEXT = st.one_of(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text(max_size=20))
"""Text that is full of the markup's own signs."""
NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True)
ACTIONS = st.builds(Action, NAMES, st.lists(st.tuples(NAMES, TEXT), max_size=4).map(tuple), TEXT)
TURNS = st.builds(Turn, TEXT, ACTIONS, TEXT)
IDS = st.text(min_size=1, max_size=10).filter(str.strip)
RESOLVED = st.sampled_from([True, False, None])
EPISODES = st.builds(
    Episode,
    instance_id=IDS,
    traj_id=IDS,
    task=TEXT,
    turns=st.lists(TURNS, min_size=1, max_size=4).map(tuple),
    resolved=RESOLVED,
    source=TEXT,
    meta=st.dictionaries(TEXT, TEXT, max_size=2),
)
STEPS = st.builds(
    StepExample,
    prompt=st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT)).map(tuple),
    expert_action=TEXT,
    expert_thought=TEXT,
    instance_id=TEXT,
    traj_id=TEXT,
    step=st.integers(1, 99),
    n_steps=st.integers(1, 99),
    source=TEXT,
    resolved=RESOLVED,
)


def bash(command: str) -> Action:
    return Action("bash", (("command", command),))


def episode(instance_id: str = "task-1", run: str = "a", steps: int = 3, resolved: bool | None = None) -> Episode:
    """An episode whose texts tell which step they belong to."""
    turns = tuple(Turn(f"thought {k}", bash(f"run {k}"), f"output {k}") for k in range(1, steps + 1))
    return Episode(instance_id, f"{instance_id}@{run}", "the task", turns, resolved, "srl-agent")


def call(name: str, arguments: Any, call_id: str = "c1") -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}


def says(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def swegym_row(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A row of SWE-Gym's OpenHands form: system prompt, task, then `messages`."""
    row = {"instance_id": "a__b-1", "run_id": "run_1", "resolved": True}
    return {**row, "messages": [says("system", "be good"), says("user", "fix it"), *messages], **more}


def swegym_turn(command: str = "ls", output: str = "file", call_id: str = "c1") -> list[dict[str, Any]]:
    return [
        says("assistant", "I look", tool_calls=[call("execute_bash", {"command": command}, call_id)]),
        says("tool", f"OBSERVATION:\n{output}", tool_call_id=call_id),
    ]


def swesmith_row(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"instance_id": "a__b.1", "messages": [says("system", "s"), says("user", "fix it"), *messages], **more}


def mini_row(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    row = {"trajectory_format": "mini-swe-agent-1.1", "instance_id": "a__b-1", "info": {"exit_status": "Submitted"}}
    return {**row, "messages": [says("system", "s"), says("user", "fix it"), *messages], **more}
