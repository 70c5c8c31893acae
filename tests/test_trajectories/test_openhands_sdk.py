"""Conversations of the OpenHands SDK: links by action and call id, failed calls, and every event accounted for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trajectory_samples import bash, call

from trajectories.bundles import EVENTS_KEY
from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.formats.openhands_sdk import count_messages, looks_like, read_row
from trajectories.formats.task_names import name_by_text
from trajectories.report import Reading, Where

SYSTEM = {"kind": "SystemPromptEvent", "source": "agent", "system_prompt": {"text": "be good"}}


def text(words: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": words}]


def says(source: str, words: str, **more: Any) -> dict[str, Any]:
    return {"kind": "MessageEvent", "source": source, "llm_message": {"content": text(words)}, **more}


def act(event_id: str, arguments: Any = None, thought: str = "", **more: Any) -> dict[str, Any]:
    made = call("execute_bash", {"command": f"run {event_id}"} if arguments is None else arguments, f"call-{event_id}")
    event = {"kind": "ActionEvent", "id": event_id, "source": "agent", "thought": text(thought), "tool_call": made}
    return {**event, "tool_call_id": f"call-{event_id}", "action": {"kind": "ExecuteBashAction"}, **more}


def see(event_id: str, output: Any = "seen", **more: Any) -> dict[str, Any]:
    answered = {"action_id": event_id, "tool_call_id": f"call-{event_id}"}
    return {"kind": "ObservationEvent", **answered, "observation": {"output": output, **more}}


def fails(event_id: str, error: str = "bad arguments") -> dict[str, Any]:
    return {"kind": "AgentErrorEvent", "tool_call_id": f"call-{event_id}", "error": error}


def read(*events: Any, **more: Any) -> Reading:
    row = {EVENTS_KEY: [SYSTEM, says("user", "fix it"), *events], "conversation": "c1", **more}
    reading = read_row(row, Where("f", 1))
    assert reading.kept + reading.merged + sum(reading.dropped.values()) == count_messages(row)
    return reading


def observations(*events: Any) -> list[str]:
    return [turn.observation for turn in read(*events).episode.turns]


def real_events(shared_data: Path) -> list[list[dict[str, Any]]]:
    folder = shared_data / "trajectories" / "openhands-v1-sdk"
    return [
        [json.loads(file.read_text()) for file in sorted(one.rglob("event-*.json"))] for one in sorted(folder.iterdir())
    ]


def test_every_event_of_the_real_folders_is_accounted_for(shared_data: Path) -> None:
    raw = real_events(shared_data)
    _, report = read_episodes(shared_data / "trajectories" / "openhands-v1-sdk")
    assert (report.formats, report.episodes_dropped) == ({"openhands-sdk": 2}, 0)
    assert report.messages_read == sum(len(events) for events in raw) == 115 + 103
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read


def test_the_real_turns_and_observations_are_those_of_the_raw_events(shared_data: Path) -> None:
    episodes, _ = read_episodes(shared_data / "trajectories" / "openhands-v1-sdk")
    for events, episode in zip(real_events(shared_data), episodes, strict=True):
        actions = [event for event in events if event["kind"] == "ActionEvent"]
        seen = {e["action_id"]: e["observation"] for e in events if e["kind"] == "ObservationEvent"}
        assert len(episode.turns) == len(actions)
        for event, turn in zip(actions, episode.turns, strict=True):
            observation = seen[event["id"]]
            assert (observation.get("output") or observation.get("content") or "") in turn.observation
            assert turn.observation


def test_no_real_action_holds_the_risk_that_the_agent_wrote_beside_it(shared_data: Path) -> None:
    episodes, _ = read_episodes(shared_data / "trajectories" / "openhands-v1-sdk")
    calls = [e["tool_call"]["function"] for events in real_events(shared_data) for e in events if "tool_call" in e]
    assert sum("security_risk" in json.loads(one["arguments"]) for one in calls) > 90
    assert not any("security_risk" in dict(turn.action.arguments) for e in episodes for turn in e.turns)


@pytest.mark.parametrize("given", ["", "a", "a/event_service", "a/event_service/events"])
def test_any_folder_from_the_events_up_gives_the_same_episode(tmp_path: Path, given: str) -> None:
    events = tmp_path / "a" / "event_service" / "events"
    events.mkdir(parents=True)
    (events.parent / "base_state.json").write_text('{"id": "run-1"}')
    for place, event in enumerate([SYSTEM, says("user", "fix it"), act("1"), see("1")]):
        (events / f"event-{place:05d}-x.json").write_text(json.dumps(event))
    [episode], report = read_episodes(tmp_path / given)
    assert (episode.traj_id, report.messages_read, report.episodes_dropped) == (f"{name_by_text('fix it')}@run-1", 4, 0)


def test_parallel_calls_get_their_own_observations() -> None:
    assert observations(act("1"), act("2"), see("2", "two"), see("1", "one")) == ["one", "two"]


def test_an_error_finds_its_action_by_the_call() -> None:
    assert observations(act("1"), act("2"), fails("1", "no"), see("2", "two")) == ["no", "two"]


def test_a_call_that_the_sdk_could_not_read_is_dropped_with_its_error_and_the_others_keep_theirs() -> None:
    reading = read(act("1"), act("2", "{", action=None), fails("2"), see("1", "one"), act("3"), see("3", "three"))
    assert [turn.observation for turn in reading.episode.turns] == ["one", "three"]
    assert reading.turns is not None
    assert reading.turns.dropped == 1
    assert {"turn whose call could not be read": 1, "observation of a call that could not be read": 1}.items() <= (
        reading.dropped.items()
    )


def test_a_rejected_action_shows_the_reason() -> None:
    rejected = {"kind": "UserRejectObservation", "action_id": "1", "rejection_reason": "too risky"}
    assert observations(act("1"), rejected) == ["Action rejected: too risky"]


def test_an_observation_of_no_known_action_is_a_stray_one() -> None:
    reading = read(act("1"), see("9"), fails("8"), see("1", "one"))
    assert [turn.observation for turn in reading.episode.turns] == ["one"]
    assert reading.dropped["observation without an action"] == 2


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        ({"output": "out", "metadata": {"prefix": "[", "suffix": "]"}, "error": False}, "[out]"),
        ({"output": "", "error": "no such file"}, "no such file"),
        ({"content": text("new form"), "is_error": False}, "new form"),
        ({"content": "Your thought has been logged."}, "Your thought has been logged."),
        ({"output": None}, ""),
    ],
)
def test_each_shape_of_observation_gives_its_text(observation: dict[str, Any], expected: str) -> None:
    assert observations(act("1"), {"kind": "ObservationEvent", "action_id": "1", "observation": observation}) == [
        expected
    ]


def test_text_that_the_context_adds_to_an_observation_is_part_of_it() -> None:
    assert observations(act("1"), {**see("1", "out"), "extended_content": text("a rule")}) == ["out\na rule"]


def test_reasoning_stands_before_the_thought() -> None:
    [turn] = read(act("1", thought="so", reasoning_content="because")).episode.turns
    assert turn.thought == "because\n\nso"


def test_a_flat_call_is_read_as_the_nested_one() -> None:
    flat = {"id": "call-1", "name": "terminal", "arguments": '{"command": "ls"}', "origin": "completion"}
    [turn] = read(act("1", tool_call=flat)).episode.turns
    assert turn.action == bash("ls")


def test_a_summary_is_left_out_only_where_the_event_says_the_same() -> None:
    annotated = act("1", {"command": "ls", "summary": "look"}, summary="look")
    own = act("2", {"command": "ls", "summary": "an argument"}, summary=None)
    turns = read(annotated, own).episode.turns
    assert [dict(turn.action.arguments).get("summary") for turn in turns] == [None, "an argument"]


def test_the_agents_messages_are_folded_and_the_reply_to_them_dropped() -> None:
    reading = read(says("agent", "shall I?"), says("user", "go on"), act("1"))
    assert (reading.merged, reading.episode.turns[0].thought) == (1, "shall I?")
    assert reading.dropped["automatic user reply to a turn without an action"] == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("Condensation", "condensation of the agent's context"),
        ("CondensationRequest", "condensation of the agent's context"),
        ("openhands.sdk.event.condenser.Condensation", "condensation of the agent's context"),
        ("ConversationStateUpdateEvent", "change of the agent's state"),
        ("PauseEvent", "change of the agent's state"),
        ("TokenEvent", "event of the kind 'TokenEvent'"),
        (None, "event of the kind ''"),
    ],
)
def test_what_is_no_message_is_dropped_by_name(kind: Any, reason: str) -> None:
    assert [n for name, n in read(act("1"), {"kind": kind}).dropped.items() if name.startswith(reason)] == [1]


def test_events_in_an_evaluations_row_are_read_with_its_id_and_verdict() -> None:
    row = {
        "instance_id": "a__b-1",
        "history": [says("user", "fix it"), act("1"), see("1")],
        "test_result": {"report": {"resolved": True}},
        "metadata": {"llm": {"model": "m"}},
    }
    assert looks_like(row)
    episode = read_row(row, Where("f", 1)).episode
    assert (episode.instance_id, episode.resolved, episode.meta["model"]) == ("a__b-1", True, "m")


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/workspace/django__django-11099", "django__django-11099"),
        ("/workspace/django", name_by_text("fix it")),
        ("/", name_by_text("fix it")),
    ],
)
def test_the_workspace_names_the_task_only_where_it_is_an_id(folder: str, expected: str) -> None:
    state = {"workspace": {"working_dir": folder}}
    assert read(act("1"), base_state=state).episode.instance_id == expected


def test_two_conversations_about_one_task_are_two_runs_of_it() -> None:
    runs = [read(act("1"), base_state={"id": "r1"}), read(act("1"), conversation="c2")]
    task = name_by_text("fix it")
    assert [(one.episode.instance_id, one.episode.traj_id) for one in runs] == [
        (task, f"{task}@r1"),
        (task, f"{task}@c2"),
    ]


def test_a_conversation_with_missing_events_says_so_in_its_meta() -> None:
    assert read(act("1"), missing_events=3).episode.meta["missing_events"] == "3"
    assert "missing_events" not in read(act("1"), missing_events=0).episode.meta


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (7, "event 2: expected an object"),
        (act("1", "{"), "event 2: tool_call.arguments: .*broken JSON"),
        ({"kind": "ActionEvent"}, "event 2: id: missing"),
        ({"kind": "ObservationEvent", "action_id": "1"}, "event 2: observation: missing"),
        ({"kind": "AgentErrorEvent", "error": "x"}, "event 2: tool_call_id: missing"),
        ({"kind": "MessageEvent"}, "event 2: llm_message: missing"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(event: Any, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        read(event)
