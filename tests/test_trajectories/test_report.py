"""The books of reading."""

from __future__ import annotations

import json
from pathlib import Path

from trajectory_samples import episode, mini_row, says, swegym_row, swegym_turn

from trajectories.formats import read_episodes
from trajectories.report import LossReport, Reading, Tally, Where


def test_a_dropped_row_drops_all_its_messages(tmp_path: Path) -> None:
    rows = [swegym_row(*swegym_turn()), mini_row(says("exit", ""))]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    report = read_episodes(tmp_path / "a.jsonl")[1]
    assert (report.messages_read, report.messages_kept, report.messages_dropped) == (7, 3, 4)


def test_rows_group_one_cause_in_many_places() -> None:
    tally = Tally()
    for index in (4, 9):
        tally.drop(Where("f.jsonl", index), f"swesmith-v2: messages[{index}].role: missing", messages=index)
    assert tally.report().rows() == [("episode", "swesmith-v2: messages[N].role: missing", 2, 13, "f.jsonl:4")]


def test_a_snapshot_does_not_change_as_counting_goes_on() -> None:
    tally = Tally()
    before = tally.report()
    tally.keep(Where("f", 1), "srl-agent", 3, Reading(episode(), kept=2, dropped={"why": 1}))
    assert before == LossReport()
    assert tally.report().messages_read == 3


def test_the_report_is_plain_json() -> None:
    tally = Tally()
    tally.drop(Where("f", 2), "why", 3)
    data = json.loads(json.dumps(tally.report().to_json()))
    assert data["drops"] == [{"what": "episode", "reason": "why", "file": "f", "index": 2, "messages": 3}]
    assert (data["episodes_read"], data["messages_dropped"]) == (1, 3)


def test_turns_and_actions_have_books_of_their_own(tmp_path: Path) -> None:
    two_calls = swegym_turn()
    two_calls[0]["tool_calls"] *= 2
    row = swegym_row(says("assistant", "hm"), *two_calls, *swegym_turn(), says("assistant", "done"))
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    report = read_episodes(tmp_path / "a.jsonl")[1]
    assert (report.turns_kept, report.turns_merged, report.turns_dropped, report.actions_kept) == (2, 1, 1, 3)


def test_our_own_format_has_a_turn_an_action() -> None:
    tally = Tally()
    tally.keep(Where("f", 1), "srl-agent", 3, Reading(episode(), kept=3))
    report = tally.report()
    assert (report.turns_kept, report.actions_kept) == (3, 3)
