"""SWE-agent's `.traj` files: the real ones are accounted for message by message, and each trap by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.formats.sweagent import count_messages, looks_like, read_row
from trajectories.formats.sweagent_messages import DEMONSTRATION
from trajectories.records import Action, Episode
from trajectories.render import parse_action, render_action
from trajectories.report import LossReport, Where

WHERE = Where("runs/a__b-1.traj", 1)
FOLDERS = {"sweagent": 15, "swesmith-sweagent": 2}
DEMO = "Here is a demonstration of how to correctly accomplish this task.\n..."


def says(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, "agent": "primary", **more}


def acts(action: str, thought: str = "hm") -> dict[str, Any]:
    return says("assistant", f"{thought}\n```\n{action}\n```", thought=f"{thought}\n", action=f"{action}\n")


def step(action: str, observation: str, thought: str = "hm") -> dict[str, Any]:
    response = f"{thought}\n```\n{action}\n```"
    return {"action": f"{action}\n", "observation": observation, "response": response, "thought": f"{thought}\n"}


def traj(*history: dict[str, Any], steps: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    opening = [says("system", "s"), says("user", "fix it")]
    return {"environment": "main", "trajectory": steps or [], "history": [*opening, *history], "info": {}, **more}


def pairs(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Tool and observation of each turn; and every message is accounted for."""
    reading = read_row(row, WHERE)
    assert reading.kept + reading.merged + sum(reading.dropped.values()) == count_messages(row)
    return [(turn.action.tool, turn.observation) for turn in reading.episode.turns]


@pytest.fixture(scope="module", params=list(FOLDERS))
def folder(request: pytest.FixtureRequest, shared_data: Path) -> tuple[Path, list[Episode], LossReport]:
    path = shared_data / "trajectories" / request.param
    return (path, *read_episodes(path))


Folder = tuple[Path, list[Episode], LossReport]


def raw_files(path: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(path.glob("*.traj"))]


def raw_tail(file: dict[str, Any]) -> int:
    """Messages that only the last step has: its observation behind a last turn, or, where it submits, all of it."""
    if not file.get("trajectory"):
        return 0
    last, said = file["trajectory"][-1], [m for m in file["history"] if m["role"] == "assistant"]
    if file["history"][-1]["role"] == "assistant":
        return bool(last["observation"])
    return 0 if said[-1]["action"] == last["action"] == "submit" else 2


def test_every_real_file_is_read(folder: Folder) -> None:
    path, _, report = folder
    assert report.formats == {"sweagent": FOLDERS[path.name]} and report.episodes_dropped == 0


def test_the_messages_of_the_real_files_are_all_accounted_for(folder: Folder) -> None:
    path, _, report = folder
    assert report.messages_read == sum(len(file["history"]) + raw_tail(file) for file in raw_files(path))
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read


def test_each_turn_of_the_real_files_is_one_action(folder: Folder) -> None:
    path, episodes, _ = folder
    said = [sum(m["role"] == "assistant" for m in file["history"]) + (raw_tail(file) == 2) for file in raw_files(path)]
    assert [len(episode.turns) for episode in episodes] == said


def test_each_action_of_the_real_files_makes_the_round_trip(folder: Folder) -> None:
    actions = [turn.action for episode in folder[1] for turn in episode.turns]
    assert all(parse_action(render_action(action)) == action for action in actions)


def test_no_task_of_the_real_files_is_a_demonstration(folder: Folder) -> None:
    assert not any("DEMONSTRATION" in episode.task for episode in folder[1])


def test_a_text_command_is_read_from_its_action() -> None:
    reading = read_row(traj(acts("open a.py"), says("user", "[File: a.py]")), WHERE)
    turn = reading.episode.turns[0]
    assert (turn.thought, turn.action) == ("hm", Action("open", (("path", "a.py"),)))


def test_a_text_command_without_an_action_is_read_from_its_block() -> None:
    assert pairs(traj(says("assistant", "```py\nx\n```\nDISCUSSION\nlook\n```\nls\n```"), says("user", "a"))) == [
        ("bash", "a")
    ]


def test_a_function_call_wins_over_its_rendered_action() -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "edit", "arguments": '{"search": "a", "replace": "b"}'},
    }
    row = traj(
        says("assistant", "hm", action="edit a b", thought="hm", tool_calls=[call]),
        says("tool", [{"type": "text", "text": "OBSERVATION:\ndone"}], tool_call_ids=["c1"]),
    )
    assert pairs(row) == [("edit", "done")]
    assert read_row(row, WHERE).episode.turns[0].action.arguments == (("search", "a"), ("replace", "b"))


def test_thoughts_given_apart_come_before_the_text() -> None:
    blocks = [{"type": "thinking", "thinking": "first", "signature": "x"}, {"type": "redacted_thinking", "data": "y"}]
    row = traj({**acts("ls", "then"), "thinking_blocks": blocks})
    assert read_row(row, WHERE).episode.turns[0].thought == "first\n\nthen"


def test_demonstrations_are_dropped_and_counted() -> None:
    shown = [says("user", "demo task", is_demo=True), {**acts("rm x"), "is_demo": True}, says("user", DEMO)]
    row = traj(acts("ls"), says("user", "a"))
    row["history"][1:1] = shown
    assert pairs(row) == [("bash", "a")]
    assert read_row(row, WHERE).episode.task == "fix it"
    assert read_row(row, WHERE).dropped[DEMONSTRATION] == 3


def test_the_last_observation_comes_from_the_last_step() -> None:
    row = traj(acts("ls"), says("user", "a"), acts("submit"), steps=[step("ls", "a"), step("submit", "the diff")])
    assert pairs(row) == [("bash", "a"), ("submit", "the diff")]


def test_a_last_turn_that_the_history_lacks_comes_from_the_last_step() -> None:
    row = traj(acts("ls"), says("user", "a"), steps=[step("ls", "a"), step("submit", "the diff")])
    assert pairs(row) == [("bash", "a"), ("submit", "the diff")]


def test_a_last_turn_that_says_the_same_again_is_not_lost() -> None:
    row = traj(acts("ls"), says("user", "a"), steps=[step("ls", "a"), step("ls", "b")])
    assert pairs(row) == [("bash", "a"), ("bash", "b")]
    whole = traj(acts("ls"), says("user", "a"), acts("ls"), steps=[step("ls", "a"), step("ls", "b")])
    assert pairs(whole) == [("bash", "a"), ("bash", "b")]


def test_a_complete_history_is_not_added_to() -> None:
    row = traj(acts("submit"), says("user", "the diff"), steps=[step("submit", "the diff")])
    assert pairs(row) == [("submit", "the diff")]


@pytest.mark.parametrize("key", ["messages", "query"])
def test_a_file_without_history_is_read_from_its_last_step(key: str) -> None:
    """Before 1.1 `messages` ends with the step's observation; `query`, since, ends before its turn."""
    before = traj(acts("ls"), says("user", "a"))["history"]
    after = [acts("submit"), says("user", "the diff")] if key == "messages" else []
    row = {"trajectory": [step("ls", "a"), {**step("submit", "the diff"), key: [*before, *after]}], "info": {}}
    assert looks_like(row)
    assert pairs(row) == [("bash", "a"), ("submit", "the diff")]


def test_the_harness_ending_the_run_is_no_turn_of_the_expert() -> None:
    ended = says("assistant", "Exit due to cost limit", thought="Exit due to cost limit", action="exit_cost")
    row = traj(acts("ls"), says("user", "a"), ended, steps=[step("exit_cost", "Exited (autosubmitted)")])
    assert pairs(row) == [("bash", "a")]


def test_the_task_is_the_runs_problem_or_else_the_files_name() -> None:
    row = traj(acts("ls"))
    assert read_row(row, WHERE).episode.instance_id == "a__b-1"
    replay = {"problem_statement": {"id": "c__d-2"}, "agent": {"model": {"name": "m"}}}
    for replay_config in (replay, json.dumps(replay)):
        episode = read_row({**row, "replay_config": replay_config}, WHERE).episode
        assert (episode.instance_id, episode.meta["model"]) == ("c__d-2", "m")
    assert read_row({**row, "replay_config": "{broken"}, WHERE).episode.instance_id == "a__b-1"


def test_steps_without_any_messages_are_refused() -> None:
    with pytest.raises(ParseError, match="history: expected"):
        read_row({"trajectory": [step("ls", "a")]}, WHERE)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"history": []},
        {"history": [{"action": "run"}]},
        {"history": [{"role": "user", "content": "hi"}]},
        {"trajectory": "x"},
    ],
)
def test_other_rows_are_not_taken(row: dict[str, Any]) -> None:
    assert not looks_like(row)
