"""Broken copies of the SWE-agent family's rows and of our own: a ParseError or a reported drop, nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_mutations import run, small_rows

from trajectories.codec import episode_to_json
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes

BLOCK = "I look\n```\nopen a.py 3\n```"
CALL = {"id": "c", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls"}'}}


def talk(*pairs: tuple[str, Any], key: str = "content") -> list[dict[str, Any]]:
    return [{"role": role, key: text} for role, text in pairs]


def sweagent(calls: bool) -> dict[str, Any]:
    start = [{**message, "agent": "main"} for message in talk(("system", "s"), ("user", "ISSUE:\nfix"))]
    demo = {"role": "user", "content": "Here is a demonstration", "is_demo": True, "agent": "main"}
    if calls:
        turn = {"role": "assistant", "content": "hm", "thought": "hm", "action": "ls", "tool_calls": [CALL]}
        answers = [{"role": "tool", "content": "OBSERVATION:\na", "tool_call_ids": ["c"]}]
    else:
        turn = {"role": "assistant", "content": BLOCK, "thought": "I look", "action": "open a.py 3\n"}
        answers = talk(("user", "a\n(Open file: a.py)"))
    history = [start[0], demo, start[1], {**turn, "agent": "main"}, *answers, {**turn, "agent": "main"}]
    step = {"action": "ls", "observation": "end", "response": BLOCK, "state": "{}", "thought": "hm"}
    info = {"exit_status": "submitted", "submission": "diff"}
    return {"environment": "swe_main", "trajectory": [step, step], "history": history, "info": info}


def small_row(format: str) -> dict[str, Any]:
    if format.startswith("sweagent"):
        return sweagent(format.endswith("calls"))
    if format == "nebius-sweagent":
        turns = talk(("user", "fix"), ("ai", BLOCK), ("user", "a"), ("ai", "```\nls\n```"), ("user", "b"), key="text")
        system = {"role": "system", "text": None, "system_prompt": "s"}
        return {"instance_id": "a__b-1_3", "trajectory": [system, *turns], "target": True, "model_name": "m"}
    if format == "swesmith-sweagent":
        turns = talk(("system", "s"), ("user", "fix"), ("assistant", BLOCK), ("user", "a"), ("assistant", BLOCK))
        return {"instance_id": "a__b.1234abcd.x__1", "traj_id": "t", "messages": turns, "resolved": True, "patch": ""}
    if format == "mini-swe-agent-v1":
        act = "THOUGHT: hm\n\n```bash\nls\n```"
        seen = "<returncode>0</returncode>\n<output>\na</output>"
        turns = talk(("system", "s"), ("user", "fix"), ("assistant", act), ("user", seen), ("assistant", act))
        info = {"exit_status": "Submitted", "submission": "", "mini_version": "1.0"}
        return {"info": info, "messages": turns, "trajectory_format": "mini-swe-agent-1", "instance_id": "a__b-1"}
    return episode_to_json(read_episodes(EPISODES)[0][0])


FORMATS = ("sweagent", "sweagent calls", "nebius-sweagent", "swesmith-sweagent", "mini-swe-agent-v1", "srl-agent")


@pytest.mark.parametrize("format", FORMATS)
def test_the_small_row_is_of_its_format(format: str, tmp_path: Path) -> None:
    (tmp_path / "row.json").write_text(json.dumps(small_row(format)))
    (episode,) = read_episodes(tmp_path / "row.json")[0]
    assert episode.source == format.split()[0]
    assert len(episode.turns) >= 2


MUTANTS = pytest.mark.parametrize("mutants", [1000, pytest.param(5000, marks=pytest.mark.slow)])
"""The long proof is left to `-m slow`."""


@pytest.mark.parametrize("format", FORMATS)
@MUTANTS
def test_mutants_of_small_rows_survive_or_are_refused(mutants: int, format: str, tmp_path: Path) -> None:
    kept, refused = run([small_row(format)], mutants, tmp_path)
    assert min(kept, refused) > mutants / 20


@pytest.mark.parametrize("place", range(3), ids=["swegym-openhands", "swesmith-xml", "mini-swe-agent-v2"])
@MUTANTS
def test_mutants_of_the_first_formats_survive_or_are_refused(mutants: int, place: int, tmp_path: Path) -> None:
    kept, refused = run([small_rows()[place]], mutants, tmp_path)
    assert min(kept, refused) > mutants / 20
