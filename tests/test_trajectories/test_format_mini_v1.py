"""mini-swe-agent 1 files: the real ones are accounted for message by message, and each trap by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trajectories.formats import read_episodes
from trajectories.formats.fences import bash_blocks
from trajectories.formats.mini_swe_agent_v1 import count_messages, looks_like, read_row
from trajectories.records import Action
from trajectories.render import parse_action, render_action
from trajectories.report import Where

WHERE = Where("runs/a__b-1.traj.json", 1)
REPLY = {"role": "user", "content": "<returncode>0</returncode>\n<output>\na</output>"}


def says(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def runs(command: str, thought: str = "THOUGHT: hm", tag: str = "bash") -> dict[str, Any]:
    return says("assistant", f"{thought}\n\n```{tag}\n{command}\n```")


def row(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    opening = [says("system", "s"), says("user", "fix it, as in\n```bash\nls\n```")]
    return {"messages": [*opening, *messages], "info": {"exit_status": "Submitted"}, **more}


def test_the_real_files_are_accounted_for(shared_data: Path) -> None:
    folder = shared_data / "trajectories" / "mini-swe-agent-v1"
    raw = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    episodes, report = read_episodes(folder)
    assert report.formats == {"mini-swe-agent-v1": 4} and report.episodes_dropped == 0
    assert report.messages_read == sum(map(len, raw))
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read
    assert [len(e.turns) for e in episodes] == [sum(m["role"] == "assistant" for m in one) for one in raw]
    actions = [turn.action for episode in episodes for turn in episode.turns]
    assert all(parse_action(render_action(action)) == action for action in actions)
    assert all(episode.turns[-1].action == Action("submit") for episode in episodes)


@pytest.mark.parametrize("tag", ["bash", "mswea_bash_command"])
def test_a_block_of_either_tag_is_the_action_and_the_rest_the_thought(tag: str) -> None:
    given = row(runs("cat <<EOF\nx\nEOF", tag=tag), says("user", "<returncode>0</returncode>"))
    [turn] = read_row(given, WHERE).episode.turns
    assert looks_like(given)
    assert (turn.thought, turn.action) == ("THOUGHT: hm", Action("bash", (("command", "cat <<EOF\nx\nEOF"),)))


def test_a_fence_may_begin_within_a_line() -> None:
    given = row(says("assistant", "THOUGHT: look ```bash\nls\n```"), REPLY)
    [turn] = read_row(given, WHERE).episode.turns
    assert looks_like(given)
    assert (turn.thought, turn.action) == ("THOUGHT: look", Action("bash", (("command", "ls"),)))


def test_a_megabyte_of_open_fences_is_read_in_one_pass() -> None:
    text = "a```bash\n" * 100_000
    assert bash_blocks(text) == (text, [])


def test_a_turn_with_two_blocks_was_not_run_and_is_dropped_with_its_reminder() -> None:
    two = says("assistant", "```bash\nls\n```\nand\n```bash\npwd\n```")
    given = row(runs("ls"), says("user", "a"), two, says("user", "EXACTLY ONE"), runs("pwd"), says("user", "b"))
    reading = read_row(given, WHERE)
    assert [turn.observation for turn in reading.episode.turns] == ["a", "b"]
    assert (sum(reading.dropped.values()), reading.kept, count_messages(given)) == (3, 5, 8)


def test_a_turn_without_a_block_is_folded_into_the_next_thought() -> None:
    reading = read_row(row(says("assistant", "so"), says("user", "EXACTLY ONE"), runs("ls", "then")), WHERE)
    assert (reading.episode.turns[0].thought, reading.merged) == ("so\n\nthen", 1)


@pytest.mark.parametrize("marker", ["COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT", "MINI_SWE_AGENT_FINAL_OUTPUT"])
def test_the_marker_of_either_version_submits(marker: str) -> None:
    turn = read_row(row(runs(f"echo {marker}")), WHERE).episode.turns[0]
    assert turn.action == Action("submit") and turn.action.original == f"echo {marker}"


def test_a_file_that_says_its_format_needs_no_block() -> None:
    assert looks_like(row(says("assistant", "so"), trajectory_format="mini-swe-agent-1"))
    assert not looks_like(row(runs("ls"), trajectory_format="mini-swe-agent-1.1"))


@pytest.mark.parametrize(
    "other",
    [
        row(runs("ls"), says("user", "thanks")),  # any assistant may show a command
        row(runs("ls"), REPLY, instance_id="a__b-1"),
        row(runs("ls"), REPLY, says("assistant", "", tool_calls=[{"id": "1"}])),
        row(runs("ls"), REPLY, says("assistant", "<function=bash>\n<parameter=command>ls</parameter>\n</function>")),
        row(runs("ls"), REPLY, says("tool", "a")),
    ],
)
def test_a_bash_block_alone_does_not_make_a_row_this_agents(other: dict[str, Any]) -> None:
    assert not looks_like(other)
    assert looks_like(row(runs("ls"), REPLY))


def test_a_first_block_of_no_language_is_another_agents() -> None:
    assert not looks_like(row(says("assistant", "```\nls\n```"), runs("ls")))


def test_a_list_of_messages_in_a_file_is_one_episode(tmp_path: Path) -> None:
    (tmp_path / "a__b-1.traj.json").write_text(json.dumps(row(runs("ls"), REPLY)["messages"], indent=1))
    episodes, report = read_episodes(tmp_path)
    assert (report.episodes_read, episodes[0].instance_id) == (1, "a__b-1")
