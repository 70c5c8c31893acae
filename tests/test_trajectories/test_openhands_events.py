"""OpenHands 0.x event rows: links by `cause`, pairs, tools by event kind, and every event accounted for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trajectory_samples import bash, call

from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.formats.openhands_events import count_messages, looks_like, read_row
from trajectories.records import Action
from trajectories.report import Reading, Where

TASK = {"id": 1, "source": "user", "action": "message", "args": {"content": "fix it"}}


def act(event_id: int, action: str = "run", source: str = "agent", **args: Any) -> dict[str, Any]:
    return {"id": event_id, "source": source, "action": action, "args": args or {"command": f"run {event_id}"}}


def see(cause: Any, content: str = "seen", observation: str = "run", **more: Any) -> dict[str, Any]:
    return {"id": 900, "source": "agent", "observation": observation, "content": content, "cause": cause, **more}


def called(event: dict[str, Any], name: str, arguments: Any, content: str = "") -> dict[str, Any]:
    """The event with the model's own call beside it."""
    message = {"role": "assistant", "content": content, "tool_calls": [call("other", {}, "c0"), call(name, arguments)]}
    metadata = {"function_name": name, "tool_call_id": "c1", "model_response": {"choices": [{"message": message}]}}
    return {**event, "tool_call_metadata": metadata}


def read(*events: Any, **more: Any) -> Reading:
    row = {"instance_id": "a__b-1", "history": [TASK, *events], **more}
    reading = read_row(row, Where("f", 1))
    assert reading.kept + reading.merged + sum(reading.dropped.values()) == count_messages(row)
    return reading


def only_action(*events: Any) -> Action:
    [turn] = read(*events).episode.turns
    return turn.action


def raw_events(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [e for entry in row["history"] for e in (entry if isinstance(entry, list) else [entry])]


def raw_rows(shared_data: Path) -> list[dict[str, Any]]:
    folder = shared_data / "trajectories" / "openhands-output"
    return [json.loads(line) for file in sorted(folder.iterdir()) for line in file.read_text().split("\n") if line]


def test_every_event_of_the_real_files_is_accounted_for(shared_data: Path) -> None:
    rows = raw_rows(shared_data)
    episodes, report = read_episodes(shared_data / "trajectories" / "openhands-output")
    assert report.formats == {"openhands-events": len(rows)} == {"openhands-events": len(episodes)}
    assert report.messages_read == sum(len(raw_events(row)) for row in rows) == 49 + 70 + 8 + 44
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read


def test_the_real_turns_are_the_actions_of_the_agent(shared_data: Path) -> None:
    other = ("system", "message", "recall")
    actions = [sum(e.get("action", "message") not in other for e in raw_events(row)) for row in raw_rows(shared_data)]
    episodes, _ = read_episodes(shared_data / "trajectories" / "openhands-output")
    assert [len(episode.turns) for episode in episodes] == actions


def test_the_real_observations_are_those_that_name_the_action(shared_data: Path) -> None:
    row = raw_rows(shared_data)[0]
    by_cause = {event["cause"]: event["content"] for event in raw_events(row) if "cause" in event}
    actions = [e for e in raw_events(row) if e.get("action", "system") not in ("system", "message", "recall")]
    episode = read_row(row, Where("f", 1)).episode
    for event, turn in zip(actions[:-1], episode.turns[:-1], strict=True):
        assert by_cause[event["id"]] in turn.observation


def test_observations_find_their_action_by_cause_in_any_order() -> None:
    turns = read(act(2), act(3), see(3, "three"), see(2, "two")).episode.turns
    assert [turn.observation for turn in turns] == ["two", "three"]


def test_pairs_are_read_as_the_events_in_them() -> None:
    null = {"observation": "null", "content": "", "cause": 1}
    row = {"instance_id": "i", "history": [[TASK, null], [act(2), see(2, "two")]]}
    reading = read_row(row, Where("f", 1))
    assert (count_messages(row), reading.kept, sum(reading.dropped.values())) == (4, 3, 1)
    assert reading.episode.turns[0].observation == "two"


def test_logs_without_ids_have_each_observation_behind_its_action() -> None:
    bare = [{"action": "run", "command": "ls", "thought": "I look"}, {"observation": "run", "content": "a.py"}]
    row = {"instance_id": "i", "history": [{"action": "message", "content": "fix it"}, *bare]}
    [turn] = read_row(row, Where("f", 1)).episode.turns
    assert (turn.thought, turn.action, turn.observation) == ("I look", bash("ls"), "a.py")


def test_a_sourceless_message_that_waits_for_a_response_is_the_agents() -> None:
    events = [
        {"action": "message", "content": "fix it", "wait_for_response": True},
        {"action": "message", "content": "shall I?", "wait_for_response": True},
        {"action": "message", "content": "go on"},
        {"action": "run", "command": "ls"},
    ]
    episode = read_row({"instance_id": "i", "history": events}, Where("f", 1)).episode
    assert (episode.task, episode.turns[0].thought) == ("fix it", "shall I?")


def test_the_models_own_call_wins_over_the_fields_of_the_event() -> None:
    event = called(act(2, "read", path="/a", start=0, end=-1), "str_replace_editor", {"command": "view", "path": "/a"})
    assert only_action(event) == Action("str_replace_editor", (("command", "view"), ("path", "/a")))


def test_the_risk_that_newer_agents_write_into_a_call_is_no_part_of_it() -> None:
    assert only_action(called(act(2), "execute_bash", {"command": "ls", "security_risk": "LOW"})) == bash("ls")


@pytest.mark.parametrize(
    ("event", "tool", "arguments"),
    [
        (act(2, "run_ipython", code="1 + 1"), "python", {"code": "1 + 1"}),
        (act(2, "browse", url="http://x"), "browse", {"url": "http://x"}),
        (act(2, "browse_interactive", browser_actions="click('1')"), "browser", {"code": "click('1')"}),
        (act(2, "delegate", agent="B", inputs={"t": 1}), "delegate", {"agent": "B", "inputs": '{"t": 1}'}),
        (act(2, "finish", final_thought="done", outputs={}), "submit", {"message": "done"}),
        (act(2, "write", path="/a", content="x", thought="t"), "write", {"path": "/a", "content": "x"}),
        (act(2, "call_tool_mcp", name="fetch", arguments={"url": "u"}), "fetch", {"url": "u"}),
        (act(2, "think", thought="hm"), "think", {"thought": "hm"}),
        (act(2, "run", command="", is_input=False, blocking=True), "bash", {"command": ""}),
    ],
)
def test_a_kind_without_the_models_call_becomes_the_tool(
    event: dict[str, Any], tool: str, arguments: dict[str, str]
) -> None:
    action = only_action(event)
    assert (action.tool, dict(action.arguments)) == (tool, arguments)


def test_an_edit_keeps_line_0_and_an_empty_replacement() -> None:
    fields: dict[str, Any] = {"impl_source": "oh_aci", "path": "/a", "old_str": None, "start": 1}
    inserted = only_action(act(2, "edit", command="insert", insert_line=0, new_str="", **fields))
    assert dict(inserted.arguments) == {"command": "insert", "path": "/a", "insert_line": "0", "new_str": ""}


def test_a_thinking_turn_has_only_the_text_before_the_call_as_its_thought() -> None:
    event = called(act(2, "think", thought="Hm.\nIs it so?"), "think", {"thought": "Is it so?"})
    [turn] = read(event).episode.turns
    assert turn.thought == "Hm."


def test_reasoning_beside_the_thought_stands_before_it() -> None:
    [turn] = read(act(2, command="ls", thought={"text": "so", "reasoning_content": "because"})).episode.turns
    assert turn.thought == "because\n\nso"


@pytest.mark.parametrize(
    ("events", "reason", "count"),
    [
        ([{"id": 5, "source": "agent", "action": "system", "args": {"content": "s"}}], "system prompt", 1),
        ([act(5, "recall", "user", query="q"), see(5, observation="recall")], "recall of knowledge", 2),
        ([act(5, "condensation", summary="s")], "condensation", 1),
        ([act(5, "condensation_request", x=1), see(5, observation="condense")], "condensation", 2),
        ([act(5, "change_agent_state", "environment", x=1), see(5, observation="agent_state_changed")], "state", 2),
        ([act(5, "null", x=1), see(5, observation="null")], "null event", 2),
        ([act(5, "run", "user", command="ls"), see(5)], "other than the agent", 2),
        ([see(None, observation="error")], "error whose call is not in the log", 1),
        ([see(-1, observation="error")], "error whose call is not in the log", 1),
        ([see(77)], "observation without an action", 1),
    ],
)
def test_what_is_no_message_is_dropped_by_name(events: list[Any], reason: str, count: int) -> None:
    reading = read(act(2), see(2, "two"), *events)
    assert [n for name, n in reading.dropped.items() if reason in name] == [count]
    assert [turn.observation for turn in reading.episode.turns] == ["two"]


def test_an_error_that_names_its_action_is_its_observation() -> None:
    [turn] = read(act(2), see(2, "no such file", "error")).episode.turns
    assert turn.observation == "no such file"


def test_the_terminals_prefix_and_suffix_stay_with_the_output() -> None:
    metadata = {"prefix": "[before]\n", "suffix": "\n[exit code 1]"}
    [turn] = read(act(2), see(2, "out", extras={"metadata": metadata})).episode.turns
    assert turn.observation == "[before]\nout\n[exit code 1]"


def test_a_delegates_outputs_are_the_observation_where_it_has_no_text() -> None:
    [turn] = read(act(2, "delegate", agent="B"), see(2, "", "delegate", extras={"outputs": {"n": 1}})).episode.turns
    assert turn.observation == '{"n": 1}'


def test_a_turn_without_an_action_is_folded_and_its_automatic_reply_dropped() -> None:
    reply = {"id": 4, "source": "user", "action": "message", "args": {"content": "Please continue"}}
    reading = read(act(2), see(2), act(3, "message", content="hm"), reply, act(5))
    assert (reading.merged, reading.episode.turns[1].thought) == (1, "hm")
    assert list(reading.dropped) == ["automatic user reply to a turn without an action"]


@pytest.mark.parametrize(
    ("more", "resolved"),
    [
        ({}, None),
        ({"resolved": True}, True),
        ({"report": {"resolved": False}}, False),
        ({"report": {"a__b-1": {"resolved": True}}}, True),
        ({"test_result": {"git_patch": ""}}, None),
        ({"test_result": {"report": {"resolved": True}}}, True),
        ({"test_result": {"result": {"resolved": False}}}, False),
        ({"success": True}, None),
    ],
)
def test_the_verdict_is_that_of_the_tests(more: dict[str, Any], resolved: bool | None) -> None:
    assert read(act(2), **more).episode.resolved is resolved


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"instance_id": "x-1"}, "x-1"),
        ({"instance_id": 7}, "7"),
        ({"instance": {"instance_id": "x-2"}}, "x-2"),
        ({"issue": {"owner": "o", "repo": "r", "number": 3}}, "o__r-3"),
    ],
)
def test_the_task_is_named_by_the_row_its_instance_or_its_issue(ids: dict[str, Any], expected: str) -> None:
    assert read_row({"history": [TASK, act(2)], **ids}, Where("f", 1)).episode.instance_id == expected


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ([TASK], "no action"),
        ([], "the run's error is 'no sandbox'"),
        (None, "the run's error is 'no sandbox'"),
        ([TASK, 7], "history event 1: expected an object"),
        ([TASK, {"id": 2}], "history event 1: expected the kind"),
        ([TASK, act(2) | {"args": "ls"}], "history event 1: args: expected an object"),
        ([TASK, called(act(2), "execute_bash", "{")], "history event 1: tool_call_metadata.*broken JSON"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(history: Any, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        read_row({"instance_id": "i", "history": history, "error": "no sandbox"}, Where("f", 1))


@pytest.mark.parametrize("history", [[{"role": "assistant", "action": "ls", "content": "x"}], "run", 7, [7], [[]]])
def test_other_histories_are_not_taken(history: Any) -> None:
    assert not looks_like({"history": history})


def test_a_run_that_failed_before_its_first_event_is_recognised() -> None:
    assert looks_like({"history": [], "test_result": {}, "instruction": "fix it"})
