"""Broken copies of inline-text, ATIF and Responses rows: a ParseError or a reported drop, never another exception."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_mutations import run

XML = "I look\n<function=execute_bash>\n<parameter=command>\nls\n</parameter>\n</function>"


def small_row(format: str) -> dict[str, Any]:
    if format == "swegym-inline":
        turns = [("human", "fix"), ("function_call", XML), ("observation", "EXECUTION RESULT of [execute_bash]:\na")]
        turns += [("gpt", "done"), ("human", "go on"), ("function_call", XML)]
        return {"id": "a__b-1_0", "system": "s", "conversations": [{"from": f, "value": v} for f, v in turns]}
    if format == "atif":
        calls = [{"tool_call_id": "c", "function_name": "bash", "arguments": {"command": "ls", "timeout": 3}}]
        raw = json.dumps({"analysis": "a", "commands": [{"keystrokes": "ls\n"}], "task_complete": True})
        seen = {"results": [{"source_call_id": "c", "content": "a"}, {"content": [{"type": "text", "text": "b"}]}]}
        agent = [{"message": "t", "tool_calls": calls, "observation": seen}, {"message": raw}, {"message": XML}]
        steps = [{"source": "user", "message": "fix"}, *({"source": "agent", **step} for step in agent)]
        steps.insert(2, {"source": "system", "message": "note", "observation": {"results": [{"content": None}]}})
        extra = {"instance_id": "a__b-1", "resolved": True}
        return {"schema_version": "ATIF-v1.5", "session_id": "s", "steps": steps, "extra": extra}
    sent = [{"role": "developer", "content": "s"}, {"type": "message", "role": "user", "content": "fix"}]
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "where"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look"}]},
        {"type": "function_call", "call_id": "c", "name": "bash", "arguments": '{"command": "ls"}'},
        {"type": "function_call_output", "call_id": "c", "output": "a"},
    ]
    row = {"responses_create_params": {"input": sent, "instructions": "i"}, "response": {"output": output}}
    return {**row, "instance_id": "a__b-1", "reward": 1.0}


def real_rows(format: str, folder: Path) -> list[dict[str, Any]]:
    """Without the parts that no reader looks at, which most mutations would hit."""
    if format == "swegym-inline":
        lines = (folder / "swegym-openhands-inline-text.jsonl").read_text().split("\n")
        return [{**json.loads(line), "system": "s"} for line in lines if line]
    if format == "atif":
        rows = [json.loads(file.read_text()) for file in sorted((folder / "atif").glob("hello*.json"))]
        steps = [[{**step, "metrics": None} for step in row["steps"]] for row in rows]
        return [{**row, "steps": s, "extra": {"instance_id": "x"}} for row, s in zip(rows, steps, strict=True)]
    lines = (folder / "openai-responses" / "anyswe_agent.example_rollouts_pi.jsonl").read_text().split("\n")
    wanted = ("responses_create_params", "response", "resolved", "reward", "agent_ref")
    return [{key: row[key] for key in wanted} for row in map(json.loads, filter(None, lines))]


FORMATS = ("swegym-inline", "atif", "openai-responses")


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
    print(f"\n{format}: {kept} mutants kept, {refused} refused")
