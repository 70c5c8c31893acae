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


def samples(run: Path, *groups: object) -> None:
    (run / "samples").mkdir()
    (run / "samples" / "srl-000001.jsonl").write_text("".join(json.dumps(group) + "\n" for group in groups))


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
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "compare", str(tmp_path)]) == 2
    assert "no samples (*.jsonl) in it" in capsys.readouterr().err
    assert main(["data", "compare", str(tmp_path / "none")]) == 2
    assert "does not exist; expected a run's directory" in capsys.readouterr().err
    samples(tmp_path, {"traj_id": "strange", "step": 1, "outputs": []})
    assert main(["data", "compare", str(tmp_path)]) == 2
    assert "--episodes names their file" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["{", "[]", '{"traj_id": "a"}', '{"traj_id": "a", "step": 1, "outputs": [{}]}'])
def test_a_line_that_is_no_group_of_samples_is_named(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "samples.jsonl").write_text(line + "\n")
    assert main(["data", "compare", str(tmp_path / "samples.jsonl")]) == 2
    assert "samples.jsonl:1: expected a group" in capsys.readouterr().err


def test_the_episodes_are_those_that_the_run_s_settings_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples(tmp_path, {"traj_id": "t", "step": 1, "outputs": []})
    (tmp_path / "config.yaml").write_text(f"data:\n  path: {tmp_path / 'gone.jsonl'}\n")
    assert main(["data", "compare", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert f"gone.jsonl (data.path of {tmp_path}/config.yaml)" in printed.out
    assert "gone.jsonl" in printed.err


def test_an_output_that_breaks_its_sandbox_costs_no_other(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    episode = read_episodes(EPISODES)[0][0]
    breaking = ["kill -9 -1; rm -f /bin/bash", "rm -rf /testbed", "chmod 000 rates.py"]
    same = "grep -n 'def parse_rate' *.py"
    outputs = [{"text": bash(command)} for command in [*breaking, same]]
    samples(tmp_path, {"traj_id": episode.traj_id, "step": 2, "outputs": outputs})
    out = tmp_path / "out.jsonl"
    assert main(["data", "compare", str(tmp_path), "--backend", backend, "--json", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["equivalent"] for row in rows] == [False, False, False, True]
    assert [row["differs_in"] for row in rows][::2] == [["unreadable"], ["unreadable"]]
    assert "1 of 1 step compared" in capsys.readouterr().out


def test_a_step_that_cannot_be_compared_is_counted_and_leaves_no_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    episode = read_episodes(EPISODES)[0][0]
    samples(tmp_path, {"traj_id": episode.traj_id, "step": 1, "outputs": [{"text": bash("ls")}]})
    words = ["--backend", "local", "--image", str(tmp_path / "gone")]
    assert main(["data", "compare", str(tmp_path), *words]) == 1
    printed = capsys.readouterr().out
    assert "WARNING: 1 output could not be compared" in printed
    assert "distinct outputs" not in printed
