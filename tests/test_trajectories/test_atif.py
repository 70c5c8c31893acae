"""ATIF trajectories: links, copied steps, raw text, names, and the books of the real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trajectories.errors import ParseError
from trajectories.formats import find_reader, read_episodes
from trajectories.formats.atif import COPIED, SCRIPTED, SUBAGENT, count_messages, read_row
from trajectories.formats.terminus import split_commands
from trajectories.records import Action, Episode
from trajectories.report import LossReport, Where

READ = {
    "hello-world-context-summarization-linear-history.trajectory.cont-1.json": 4,
    "hello-world-context-summarization.trajectory.json": 7,
    "hello-world-invalid-json.trajectory.json": 3,
    "hello-world-timeout.trajectory.json": 3,
    "hello-world.trajectory.no_function_calling.json": 2,
}
"""Real file to its actions, counted by eye."""
REFUSED = {
    "hello-world-context-summarization.trajectory.summarization-1-questions.json": "no action",
    "hello-world-context-summarization.trajectory.summarization-1-summary.json": "every action is copied",
}


def call(call_id: str, name: str = "bash_command", **arguments: Any) -> dict[str, Any]:
    return {"tool_call_id": call_id, "function_name": name, "arguments": arguments}


def step(source: str, message: str, *calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"source": source, "message": message, **({"tool_calls": list(calls)} if calls else {}), **more}


def seen(*results: dict[str, Any]) -> dict[str, Any]:
    return {"observation": {"results": list(results)}}


def trajectory(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema_version": "ATIF-v1.5", "session_id": "s", "steps": [step("user", "fix it"), *steps], **more}


def read(row: dict[str, Any], file: str = "task.trajectory.json") -> Episode:
    return read_row(row, Where(file, 1)).episode


def test_observations_go_to_the_call_that_they_name() -> None:
    results = [{"source_call_id": "b", "content": "two"}, {"source_call_id": "a", "content": "one"}]
    turns = read(trajectory(step("agent", "t", call("a"), call("b"), **seen(*results)))).turns
    assert [(turn.thought, turn.observation) for turn in turns] == [("t", "one"), ("", "two")]


def test_one_unlinked_observation_of_several_calls_stands_behind_the_last() -> None:
    turns = read(trajectory(step("agent", "t", call("a"), call("b"), **seen({"content": "both"})))).turns
    assert [turn.observation for turn in turns] == ["", "both"]


def test_reasoning_stands_before_the_message_in_the_thought() -> None:
    (turn,) = read(trajectory(step("agent", "so I look", call("a"), reasoning_content="where is it"))).turns
    assert turn.thought == "where is it\n\nso I look"


def test_a_reply_to_an_answer_without_a_call_is_not_the_last_calls_observation() -> None:
    talk = step("agent", "hm", **seen({"content": "expected a call"}))
    turns = read(
        trajectory(step("agent", "t", call("a"), **seen({"content": "one"})), talk, step("agent", "", call("b")))
    )
    assert [turn.observation for turn in turns.turns] == ["one", ""]


def test_a_reply_before_the_first_user_step_does_not_become_the_task() -> None:
    row = trajectory(step("agent", "t", call("a")))
    row["steps"].insert(0, step("agent", "hello", **seen({"content": "not the task"})))
    assert read(row).task == "fix it"


def test_copied_and_scripted_actions_are_no_turns_of_this_expert() -> None:
    copied = step("agent", "t", call("a"), is_copied_context=True, **seen({"content": "x"}))
    row = trajectory(copied, step("agent", "", call("b"), llm_call_count=0), step("agent", "mine", call("c")))
    reading = read_row(row, Where("task.json", 1))
    assert [turn.thought for turn in reading.episode.turns] == ["mine"]
    assert (reading.dropped[COPIED], reading.dropped[SCRIPTED]) == (2, 1)
    with pytest.raises(ParseError, match="every action is copied"):
        read(trajectory(copied))


def test_embedded_subagents_are_counted_as_dropped_at_any_depth() -> None:
    inner = trajectory(step("agent", "t", call("a"), **seen({"content": "x"})))
    row = trajectory(step("agent", "t", call("a")), subagent_trajectories=[{**inner, "subagent_trajectories": [inner]}])
    reading = read_row(row, Where("task.json", 1))
    assert reading.dropped == {SUBAGENT: 6}
    assert count_messages(row) == reading.kept + 6 == 8


@pytest.mark.parametrize(
    ("file", "instance_id", "traj_id"),
    [
        ("x/hello.trajectory.json", "hello", "hello@s"),
        ("jobs/j/fix-it__a1B2c3D/agent/trajectory.json", "fix-it", "fix-it@a1B2c3D"),
        ("jobs/fix-it/trajectory.cont-1.json", "fix-it", "fix-it@s"),
    ],
)
def test_the_path_names_the_task(file: str, instance_id: str, traj_id: str) -> None:
    episode = read(trajectory(step("agent", "t", call("a"))), file)
    assert (episode.instance_id, episode.traj_id) == (instance_id, traj_id)


def test_rows_of_one_file_are_not_all_one_task() -> None:
    agent = step("agent", "t", call("a"))
    one, other = (read({**trajectory(), "steps": [step("user", task), agent]}, "many.jsonl") for task in "ab")
    assert one.instance_id != other.instance_id
    assert "many" not in one.instance_id


def test_terminus_answers_are_calls_where_they_are_json_and_words_where_not() -> None:
    answer = {
        "analysis": "A",
        "plan": "P",
        "commands": [{"keystrokes": "ls\n", "duration": 0.1}],
        "task_complete": True,
    }
    ls = Action("bash_command", (("keystrokes", "ls\n"), ("duration", "0.1")))
    assert split_commands(json.dumps(answer)) == ("Analysis: A\nPlan: P", [ls, Action("submit")])
    assert split_commands("I think: " + json.dumps(answer)) is None
    assert split_commands('{"commands": ["ls"]}') is None


@pytest.fixture(scope="module")
def real(shared_data: Path) -> tuple[Path, dict[str, Episode], LossReport]:
    folder = shared_data / "trajectories" / "atif"
    episodes, report = read_episodes(folder, format="atif")
    return folder, {Path(episode.meta["file"]).name: episode for episode in episodes}, report


def test_the_real_files_give_their_actions(real: tuple[Path, dict[str, Episode], LossReport]) -> None:
    assert {name: len(episode.turns) for name, episode in real[1].items()} == READ


def test_each_real_file_that_is_no_episode_is_dropped_with_its_reason(
    real: tuple[Path, dict[str, Episode], LossReport],
) -> None:
    dropped = {Path(drop.file).name: drop.reason for drop in real[2].drops if drop.what == "episode"}
    foreign = {"gemini-cli-trajectory.json": "steps: missing", "mini-swe-agent-trajectory.json": "steps: missing"}
    assert dropped.keys() == {**REFUSED, **foreign}.keys()
    assert all(reason in dropped[name] for name, reason in {**REFUSED, **foreign}.items())


def test_the_books_of_the_real_files_balance(real: tuple[Path, dict[str, Episode], LossReport]) -> None:
    folder, _, report = real
    raw = [json.loads((folder / name).read_text())["steps"] for name in {**READ, **REFUSED}]
    counted = sum(1 + len(s.get("observation", {}).get("results", [])) for steps in raw for s in steps)
    assert counted == report.messages_read > 0
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read


def test_detection_leaves_other_agents_logs_alone(shared_data: Path) -> None:
    for file in (shared_data / "trajectories" / "atif").glob("*.json"):
        assert find_reader("atif").looks_like(json.loads(file.read_text())) == (file.name in {**READ, **REFUSED})
