"""SWE-smith's `tool` and `ticks` rows: made from its real runs as its own conversion does, and each trap by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trajectories.errors import ParseError
from trajectories.formats import FORMATS, find_reader, read_episodes
from trajectories.formats.swesmith_sweagent import count_messages, looks_like, read_row
from trajectories.records import Action
from trajectories.render import parse_action, render_action
from trajectories.report import Where

WHERE = Where("f.jsonl", 1)
VIEW = (("command", "view"), ("path", "/a"), ("view_range", "[1, 20]"))


def says(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def row(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    opening = [says("system", "s"), says("user", "fix it")]
    return {"instance_id": "a__b.1", "resolved": True, "traj_id": "t.1", "messages": [*opening, *messages], **more}


def tool_row() -> dict[str, Any]:
    arguments = json.dumps({"command": "view", "path": "/a", "view_range": [1, 20]})
    call = {"id": "c1", "type": "function", "function": {"name": "str_replace_editor", "arguments": arguments}}
    observation = [{"type": "text", "text": "OBSERVATION:\nseen"}]
    return row(
        says("assistant", "look", thought="look", action="x", tool_calls=[call], message_type="action"),
        says("tool", observation, tool_call_ids=["c1"], message_type="observation"),
    )


def ticks_row() -> dict[str, Any]:
    command = "str_replace_editor view /a  --view_range 1 20"
    return row(says("assistant", f"look\n\n```\n{command}\n```"), says("user", "OBSERVATION:\nseen"))


def as_ticks(message: dict[str, Any]) -> dict[str, Any]:
    """A message of a run in the `ticks` form: thought and action, fenced; a part's text for everything else."""
    if message["role"] == "assistant":
        return says("assistant", f"{message['thought']}\n\n```\n{message['action']}\n```")
    content = message["content"]
    return says(message["role"].replace("tool", "user"), content if isinstance(content, str) else content[0]["text"])


def reader_of(given: dict[str, Any]) -> str:
    return next(name for name in FORMATS if find_reader(name).looks_like(given))


@pytest.mark.parametrize("make", [tool_row, ticks_row])
@pytest.mark.parametrize("as_text", [False, True])
def test_both_forms_give_the_same_turn(make: Any, as_text: bool) -> None:
    given = make()
    if as_text:
        given["messages"] = json.dumps(given["messages"])
    reading = read_row(given, WHERE)
    assert reader_of(given) == "swesmith-sweagent"
    assert (reading.kept + reading.merged + sum(reading.dropped.values()), count_messages(given)) == (4, 4)
    [turn] = reading.episode.turns
    assert (turn.thought, turn.observation) == ("look", "seen")
    assert turn.action == Action("str_replace_editor", VIEW)
    assert (reading.episode.traj_id, reading.episode.resolved) == ("t.1", True)


def test_the_ticks_of_real_runs_are_the_calls_of_those_runs(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "trajectories" / "swesmith-sweagent"
    calls, _ = read_episodes(folder)
    raw = [json.loads(file.read_text())["history"] for file in sorted(folder.glob("*.traj"))]
    lines = [json.dumps({**row(), "messages": [as_ticks(message) for message in history]}) for history in raw]
    (tmp_path / "ticks.jsonl").write_text("\n".join(lines))
    ticks, report = read_episodes(tmp_path / "ticks.jsonl")
    assert report.formats == {"swesmith-sweagent": 2}
    assert report.messages_read == sum(map(len, raw))
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read
    for text, call in zip(ticks, calls, strict=True):
        assert [dict(t.action.arguments) for t in text.turns] == [dict(t.action.arguments) for t in call.turns]
        assert all(parse_action(render_action(turn.action)) == turn.action for turn in text.turns)


@pytest.mark.parametrize(
    "other",
    [
        {},
        row(says("assistant", "<function=bash>\n<parameter=command>ls</parameter>\n</function>\n```\nls\n```")),
        row(says("assistant", "as in\n```\nls\n```\n"), says("tool", "x", tool_call_id="c")),
        row(says("assistant", "no block")),
        {**row(), "messages": "[]"},
        {**row(), "messages": [1]},
    ],
)
def test_other_rows_are_not_taken(other: dict[str, Any]) -> None:
    assert not looks_like(other)


@pytest.mark.parametrize("as_text", [False, True])
def test_the_form_is_that_of_most_turns_calls_and_not_of_what_they_quote(as_text: bool) -> None:
    grep = says("assistant", "look\n\n```\ngrep -rn '<function=' .\n```\n")
    told = says("user", "OBSERVATION:\nparse.py: <function=")
    xml = "<function=bash>\n<parameter=command>cat <<E\n```\nls\n```\nE</parameter>\n</function>"
    ticks = row(grep, told)
    tags = row(says("assistant", xml), told, says("assistant", xml), told, says("assistant", "then\n```\nls\n```\n"))
    for given, name in ((ticks, "swesmith-sweagent"), (tags, "swesmith-xml")):
        given["messages"] = json.dumps(given["messages"]) if as_text else given["messages"]
        assert reader_of(given) == name
    [turn] = read_row(ticks, WHERE).episode.turns
    assert turn.action.arguments == (("command", "grep -rn '<function=' ."),)


@pytest.mark.parametrize(("text", "name"), [('["```', "swesmith-sweagent"), ('["<function=', "swesmith-xml")])
def test_broken_text_goes_to_a_reader_that_says_so(text: str, name: str) -> None:
    given = {**row(), "messages": text}
    assert reader_of(given) == name
    with pytest.raises(ParseError, match="broken JSON"):
        find_reader(name).read_row(given, WHERE)


def test_messages_that_are_broken_text_count_as_none() -> None:
    assert count_messages({"messages": "[{"}) == 0
