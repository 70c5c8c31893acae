"""Broken copies of real and small rows: a ParseError or a reported drop, never another exception."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from trajectory_samples import call, mini_row, says, swegym_row, swegym_turn, swesmith_row

from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.store import write_episodes

JUNK: list[Any] = [None, True, 0, -1, 1.5, float("nan"), "", " ", "x", "\ud800", "\0", [], {}, [[]], [None], {"a": 1}]
BYTES = [
    b"",
    b"\0",
    b"\xff",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\n",
    b"</parameter>",
    b"<function=",
    b"9" * 30,
]


def small_rows() -> list[dict[str, Any]]:
    xml = "a <function=bash>\n<parameter=command>ls</parameter>\n</function>"
    talk = [says("assistant", "hm"), says("user", "Please continue")]
    return [
        swegym_row(*swegym_turn(), *talk, *swegym_turn("pwd", "x", "c2")),
        swesmith_row(says("assistant", xml), says("user", "OBSERVATION:\nfile"), traj_id="t", resolved=True),
        mini_row(
            says("assistant", None, tool_calls=[call("bash", {"command": "ls"})]), says("tool", "o"), says("exit", "")
        ),
    ]


def mutate_value(row: Any, chance: random.Random) -> Any:
    """A copy with one value, somewhere, replaced by junk, left out, doubled or moved."""
    row = json.loads(json.dumps(row))
    here = row
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = chance.choice(keys)
        inner = here[key]
        if not (isinstance(inner, dict | list) and inner) or chance.random() < 0.15:
            break
        here = inner
    deed = chance.randrange(4)
    if deed == 0:
        del here[key]
    elif deed == 1 and isinstance(here, list):
        here.insert(chance.randrange(len(here) + 1), inner)
    elif deed == 2 and isinstance(here, list):
        chance.shuffle(here)
    else:
        here[key] = chance.choice(JUNK)
    return row


def mutate_bytes(content: bytes, chance: random.Random) -> bytes:
    """A copy cut short, or with one stretch replaced."""
    start = chance.randrange(len(content))
    if chance.random() < 0.25:
        return content[:start]
    return content[:start] + chance.choice(BYTES) + content[start + chance.randrange(40) :]


def mutant(row: dict[str, Any], chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return mutate_bytes(json.dumps(row).encode(), chance)
    for _ in range(chance.randint(1, 3)):
        row = mutate_value(row, chance) or {"emptied": True}
    return json.dumps(row).encode()


def check(content: bytes, path: Path) -> bool:
    """Whether an episode survived; fails where the books do not balance or what was read cannot be written."""
    path.write_bytes(content)
    try:
        episodes, report = read_episodes(path)
    except ParseError as error:
        assert str(path) in str(error)
        return False
    assert report.episodes_kept == len(episodes) > 0
    assert report.episodes_kept + report.episodes_dropped == report.episodes_read
    assert report.messages_kept + report.messages_merged + report.messages_dropped == report.messages_read
    written = path.with_name("again.jsonl")
    write_episodes(written, episodes)
    assert read_episodes(written)[0] == episodes
    return True


def run(rows: list[dict[str, Any]], number: int, tmp_path: Path) -> tuple[int, int]:
    """(mutants of which something was kept, mutants refused)"""
    chance = random.Random(20_26)
    kept = 0
    for place in range(number):
        name = "m.jsonl" if chance.random() < 0.7 else "m.json"
        kept += check(mutant(rows[place % len(rows)], chance), tmp_path / name)
    return kept, number - kept


def test_small_rows_survive_or_are_refused_whatever_is_done_to_them(tmp_path: Path) -> None:
    kept, refused = run(small_rows(), 1500, tmp_path)
    assert kept > 100 and refused > 100


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_mutants_of_the_real_rows_survive_or_are_refused(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "trajectories"
    texts = [(folder / f"{name}.jsonl").read_text() for name in ("swegym-openhands", "swesmith-xml")]
    rows = [json.loads(line) for text in texts for line in text.split("\n") if line]
    for row in rows:
        row.pop("test_result", None)
    files = sorted((folder / "mini-swe-agent").glob("*.json"))
    rows += [json.loads(file.read_text()) for file in files]
    assert len(rows) == 35
    kept, refused = run(rows, 10_000, tmp_path)
    assert kept > 1000 and refused > 1000
    print(f"\n{kept} mutants kept, {refused} refused")
