"""Broken copies of OpenHands' three logs: a ParseError or a reported drop, never another exception."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_mutations import run
from trajectory_samples import call, says

from trajectories.bundles import COMPLETIONS_KEY, EVENTS_KEY, read_bundle


def small_row(format: str) -> dict[str, Any]:
    if format == "openhands-events":
        seen = {"id": 4, "observation": "run", "content": "a", "cause": 3, "extras": {"metadata": {"suffix": "[0]"}}}
        message = {"content": "I look", "tool_calls": [call("execute_bash", {"command": "ls"})]}
        made = {"tool_call_id": "c1", "model_response": {"choices": [{"message": message}]}}
        events: list[Any] = [
            {"id": 1, "source": "user", "action": "message", "args": {"content": "fix it"}},
            {"id": 2, "source": "user", "action": "recall", "args": {"query": "q"}},
            {"id": 3, "source": "agent", "action": "run", "args": {"command": "ls"}, "tool_call_metadata": made},
            [seen, {"observation": "null", "content": ""}],
            {"id": 5, "source": "agent", "action": "edit", "args": {"impl_source": "oh_aci", "command": "view"}},
        ]
        return {"instance_id": "a__b-1", "history": events, "test_result": {"report": {"resolved": True}}}
    if format == "openhands-sdk":
        events = [
            {"kind": "MessageEvent", "source": "user", "llm_message": {"content": [{"type": "text", "text": "fix"}]}},
            {"kind": "ActionEvent", "id": "a", "thought": [{"text": "so"}], "action": {}, "tool_call_id": "c1"},
            {"kind": "ObservationEvent", "action_id": "a", "observation": {"output": "x", "metadata": {"prefix": ""}}},
            {"kind": "ActionEvent", "id": "b", "action": {}, "tool_call_id": "c2"},
            {"kind": "AgentErrorEvent", "tool_call_id": "c2", "error": "no"},
        ]
        for place in (1, 3):
            events[place]["tool_call"] = call("terminal", {"command": "ls", "security_risk": "LOW"}, f"c{place}")
        return {EVENTS_KEY: events, "base_state": {"id": "r", "agent": {"llm": {"model": "m"}}}, "conversation": "k"}
    head = [says("system", "s"), says("user", "fix")]
    turn = says("assistant", "so", tool_calls=[call("execute_bash", {"command": "ls"})])
    calls = [head, [*head, turn, says("tool", "a", tool_call_id="c1")], [*head, says("user", "summary"), turn]]
    logged = [{"messages": one, "response": {"model": "m", "choices": [{"message": turn}]}} for one in calls]
    return {COMPLETIONS_KEY: logged, "folder": "a__b-1"}


def short(value: Any) -> Any:
    """Without the long texts and the lists of tools, which most mutations would hit."""
    if isinstance(value, dict):
        return {key: short(inner) for key, inner in value.items() if key not in ("tools", "kwargs", "llm_metrics")}
    if isinstance(value, list):
        return [short(inner) for inner in value]
    return value[:200] if isinstance(value, str) and not value.startswith("{") else value


def real_rows(format: str, folder: Path) -> list[dict[str, Any]]:
    if format == "openhands-events":
        texts = [file.read_text() for file in sorted((folder / "openhands-output").iterdir())]
        rows = [json.loads(line) for text in texts for line in text.split("\n") if line]
        return [short({**row, "metadata": {}, "metrics": {}}) for row in rows]
    if format == "openhands-sdk":
        return [short(read_bundle(one)) for one in sorted((folder / "openhands-v1-sdk").glob("*/event_service"))]
    return [short(read_bundle(one)) for one in sorted((folder / "openhands-llm-completions").iterdir())]


FORMATS = ("openhands-events", "openhands-sdk", "openhands-completions")


MUTANTS = pytest.mark.parametrize("mutants", [1000, pytest.param(5000, marks=pytest.mark.slow)])
"""The long proof is left to `-m slow`."""


@pytest.mark.parametrize("format", FORMATS)
@MUTANTS
def test_mutants_of_small_rows_survive_or_are_refused_whatever_is_done_to_them(
    mutants: int, format: str, tmp_path: Path
) -> None:
    kept, refused = run([small_row(format)], mutants, tmp_path)
    assert min(kept, refused) > mutants / 10


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_five_thousand_mutants_of_the_real_rows_survive_or_are_refused(
    format: str, tmp_path: Path, shared_data: Path
) -> None:
    kept, refused = run(real_rows(format, shared_data / "trajectories"), 5000, tmp_path)
    assert kept > 500 and refused > 500
