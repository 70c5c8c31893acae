"""Responses rollouts: items, tasks, outcomes, pivot rows, and the books of the real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.formats.openai_responses import PIVOT_ROW, count_messages, read_row
from trajectories.records import Action, Episode
from trajectories.report import Reading, Tally, Where

READ = {
    "anyswe_agent.example_rollouts_claude_code.jsonl": [7, 2, 2, 2, 3],
    "anyswe_agent.example_rollouts_pi.jsonl": [3, 2, 4, 4, 7],
    "deepswe.example_rollouts.jsonl": [1, 1, 1, 1, 1],
}
"""Real file to the actions of its episodes."""
REFUSED = {
    "anyswe_agent.example_rollouts_openclaw.jsonl": (5, "no action in them"),
    "harbor_agent.terminal_bench_daytona_output.jsonl": (5, "response.output: empty"),
    "swe_agents.example_dummy_swebench_response.json": (1, "response.output: empty"),
    "swe_pivot.example.jsonl": (5, PIVOT_ROW),
    "swebench.example_rollouts.jsonl": (5, "response.output: empty"),
    "terminal_multi_harness.example.jsonl": (5, PIVOT_ROW),
}
"""Real file without an episode to its rows and why."""


def called(call_id: str, name: str = "bash", **arguments: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": json.dumps(arguments)}


def gave(call_id: str, output: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def said(text: str, role: str = "assistant") -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "output_text", "text": text}]}


def rollout(*output: dict[str, Any], **more: Any) -> dict[str, Any]:
    parameters = {"input": [{"role": "developer", "content": "be good"}, {"role": "user", "content": "fix it"}]}
    row = {"responses_create_params": parameters, "response": {"output": list(output)}, "instance_id": "a__b-1"}
    return {**row, **more}


def read(row: dict[str, Any]) -> Reading:
    return read_row(row, Where("a.jsonl", 1))


def test_words_reasoning_and_call_become_one_turn_with_its_output() -> None:
    thinking = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "where?"}], "content": None}
    (turn,) = read(
        rollout(thinking, said("I look"), called("c", "Bash", command="ls"), gave("c", "a.py"))
    ).episode.turns
    assert (turn.thought, turn.observation) == ("where?\n\nI look", "a.py")
    assert turn.action == Action("bash", (("command", "ls"),)) and turn.action.original == "Bash"


def test_parallel_calls_get_their_own_outputs() -> None:
    turns = read(rollout(called("a"), called("b"), gave("b", "two"), gave("a", [{"text": "one"}]))).episode.turns
    assert [turn.observation for turn in turns] == ["one", "two"]


def test_a_custom_tools_text_is_its_input() -> None:
    custom = {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "*** Begin"}
    (turn,) = read(rollout(custom, {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"})).episode.turns
    assert (turn.action, turn.observation) == (Action("apply_patch", (("input", "*** Begin"),)), "ok")


def test_an_item_of_an_unknown_kind_is_dropped_by_its_name() -> None:
    assert "item web_search_call" in str(read(rollout(called("a"), {"type": "web_search_call"})).dropped)


def test_the_task_is_taken_from_the_metadata_where_the_input_has_none() -> None:
    row = rollout(called("a"), instance_id="")
    row["responses_create_params"] = {"input": [], "metadata": {"problem_statement": "broken", "instance_id": "x-1"}}
    episode = read(row).episode
    assert (episode.task, episode.instance_id) == ("broken", "x-1")


@pytest.mark.parametrize(
    ("told", "resolved"),
    [
        ({"resolved": False, "reward": 1.0}, False),
        ({"reward": 1.0}, True),
        ({"reward": 0}, False),
        ({"reward": 0.5}, None),
    ],
)
def test_the_outcome_is_told_by_the_flag_else_by_a_whole_reward(told: dict[str, Any], resolved: bool | None) -> None:
    assert read(rollout(called("a"), **told)).episode.resolved is resolved


def test_a_pivot_row_is_refused_as_what_it_is() -> None:
    with pytest.raises(ParseError, match="pivot row"):
        read({"responses_create_params": {"input": []}, "expected_action": {"type": "function_call"}})


def real_rows(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    return [json.loads(text)] if path.suffix == ".json" else [json.loads(line) for line in text.split("\n") if line]


def raw_messages(row: dict[str, Any]) -> int:
    sent = row["responses_create_params"]["input"]
    stated = (row["responses_create_params"].get("metadata") or {}).get("problem_statement")
    beside = stated is not None and not any(item.get("role") == "user" for item in sent)
    return len(sent) + len(row.get("response", {"output": []})["output"]) + beside


@pytest.mark.parametrize("name", [*READ, *REFUSED])
def test_the_books_of_each_real_file_balance(name: str, shared_data: Path) -> None:
    path, tally = shared_data / "trajectories" / "openai-responses" / name, Tally()
    for place, row in enumerate(real_rows(path), start=1):
        where = Where(name, place)
        try:
            tally.keep(where, "openai-responses", count_messages(row), read_row(row, where))
        except ParseError as error:
            tally.drop(where, str(error), count_messages(row))
    report = tally.report()
    assert report.messages_read == sum(raw_messages(row) for row in real_rows(path))
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read


@pytest.mark.parametrize("name", READ)
def test_the_real_rollouts_give_their_calls_each_with_its_output(name: str, shared_data: Path) -> None:
    path = shared_data / "trajectories" / "openai-responses" / name
    episodes, report = read_episodes(path)
    calls = [sum(i["type"] == "function_call" for i in row["response"]["output"]) for row in real_rows(path)]
    assert [len(episode.turns) for episode in episodes] == calls == READ[name]
    assert report.formats == {"openai-responses": 5} and all(map(has_all_outputs, episodes))


def has_all_outputs(episode: Episode) -> bool:
    return all(turn.observation for turn in episode.turns)


@pytest.mark.parametrize("name", REFUSED)
def test_a_real_file_without_an_episode_says_why(name: str, shared_data: Path) -> None:
    rows, reason = REFUSED[name]
    path = shared_data / "trajectories" / "openai-responses" / name
    with pytest.raises(ParseError) as error:
        read_episodes(path)
    assert reason in str(error.value) and (rows == 1 or f"({rows} rows)" in str(error.value))
