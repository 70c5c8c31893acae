"""Sampled outputs executed beside the expert's action, from the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from envs.base import find_backend
from srl_agent.cli import main
from srl_agent.output_format import format_output
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Action
from trajectories.render import render_action


@pytest.fixture
def backend() -> str:
    """A backend that works here; under CI docker must."""
    reason = find_backend("docker").why_not()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return "docker"


def bash(command: str) -> str:
    return format_output("why", render_action(Action("bash", (("command", command),))))


def test_other_words_that_do_the_same_are_told_from_those_that_do_not(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    episode = read_episodes(EPISODES)[0][0]
    expert = format_output("why", render_action(episode.turns[1].action))  # grep -n "def parse_rate" *.py
    texts = [expert, bash("grep -n 'def parse_rate' *.py"), bash("grep -n def *.py"), "no format"]
    group = {"traj_id": episode.traj_id, "step": 2, "outputs": [{"text": text} for text in (*texts, expert)]}
    samples = tmp_path / "samples"
    samples.mkdir()
    (samples / "srl-000001.jsonl").write_text(json.dumps(group) + "\n")
    assert main(["data", "compare", str(samples), "--backend", backend, "--json", str(tmp_path / "out.jsonl")]) == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["same_text"], row["equivalent"]) for row in rows] == [
        (True, True),
        (False, True),
        (False, False),
        (False, False),
    ]
    assert [row["reward"] for row in rows][:2] == [1.0, 1.0]
    assert rows[2]["reward"] == pytest.approx(0.9 * rows[2]["similarity"])
    assert rows[3]["similarity"] == -1.0
    assert "50.0% of the actions in other words do the same" in capsys.readouterr().out


def test_a_folder_without_samples_of_these_episodes_says_what_to_give(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "compare", str(tmp_path), "--backend", backend]) == 2
    assert "--episodes names their file" in capsys.readouterr().err
