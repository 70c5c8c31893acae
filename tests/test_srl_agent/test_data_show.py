"""`srl-agent data show`: lists, one episode, and the exact prompt and target of a step."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from srl_agent.commands import data
from srl_agent.config import Config
from srl_agent.errors import ConfigError
from srl_agent.step_sets import load_step_data
from srl_agent.swe import SYSTEM_PROMPT, SweDomain
from trajectories.codec import step_to_json
from trajectories.formats import read_episodes
from trajectories.records import Action, Episode, Turn
from trajectories.store import write_episodes

Output = pytest.CaptureFixture[str]


def show(*argv: str | Path) -> int:
    parser = argparse.ArgumentParser(prog="srl-agent")
    data.add_parser(parser.add_subparsers(dest="command", required=True))
    return data.run(parser.parse_args(["data", "show", *map(str, argv)]))


def episode(number: int, observation: str = "ok") -> Episode:
    turns = tuple(Turn(f"why {k}", Action("bash", (("command", f"ls {number} {k}"),)), observation) for k in range(4))
    return Episode(f"task-{number}", f"run-{number}", f"mend {number}", turns, None, "srl-agent")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "episodes.jsonl"
    write_episodes(path, [episode(number) for number in range(1, 4)])
    return path


def test_without_an_episode_all_are_listed(file: Path, capsys: Output) -> None:
    assert show(file) == 0
    out = capsys.readouterr().out
    assert "3 episodes" in out and all(f"{number}  run-{number}" in out for number in (1, 2, 3))


def test_the_only_episode_need_not_be_named(tmp_path: Path, capsys: Output) -> None:
    write_episodes(tmp_path / "one.jsonl", [episode(7)])
    show(tmp_path / "one.jsonl")
    assert "mend 7" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["2", "run-2"])
def test_an_episode_is_named_by_number_or_id(file: Path, capsys: Output, name: str) -> None:
    show(file, name)
    out = capsys.readouterr().out
    assert "mend 2" in out and "why 3" in out and "ls 2 0" in out and "step 4 of 4" in out


def test_a_run_named_like_a_number_wins_over_the_place(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "e.jsonl"
    odd = Episode("t", "1", "the odd one", episode(1).turns, None, "srl-agent")
    write_episodes(path, [episode(5), odd])
    show(path, "1")
    assert "the odd one" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["0", "4", "run-9", "²"])
def test_an_unknown_episode_lists_what_there_is(file: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"from 1 to 3.*run-1, run-2, run-3"):
        show(file, name)


@pytest.mark.parametrize("context", ["window:1", "window:2", "full"])
def test_a_step_shows_what_training_sees(file: Path, capsys: Output, context: str) -> None:
    show(file, "2", "--step", "3", "--context", context)
    out = capsys.readouterr().out
    config = Config.model_validate({"data": {"path": str(file), "context": context, "held_out_episodes": 0}})
    steps = load_step_data(config.data, SYSTEM_PROMPT, len).sets.train
    step = next(step for step in steps if (step.traj_id, step.step) == ("run-2", 3))
    prompt, _, target = out.partition("target ")
    assert [part for message in step.prompt for part in (message.role, message.content) if part not in prompt] == []
    assert ("ls 2 0" in prompt) == (context != "window:1")
    assert step.expert_action in target and SweDomain().supervised_target(step) in target


def test_a_step_as_json_is_the_training_row(file: Path, capsys: Output) -> None:
    show(file, "2", "--step", "3", "--json")
    config = Config.model_validate({"data": {"path": str(file), "held_out_episodes": 0}})
    steps = load_step_data(config.data, SYSTEM_PROMPT, len).sets.train
    rows = [step_to_json(step) for step in steps if (step.traj_id, step.step) == ("run-2", 3)]
    assert [json.loads(capsys.readouterr().out)] == rows


def test_the_last_step_is_shown_with_a_note(file: Path, capsys: Output) -> None:
    show(file, "1", "--step", "4")
    assert "no training row" in capsys.readouterr().out


@pytest.mark.parametrize("step", ["0", "5", "-1"])
def test_a_step_that_is_not_there_is_refused(file: Path, step: str) -> None:
    with pytest.raises(ConfigError, match=f"steps 1 to 4, found {step}"):
        show(file, "1", f"--step={step}")


def test_a_step_over_the_budget_says_so(tmp_path: Path) -> None:
    write_episodes(tmp_path / "e.jsonl", [episode(1, "x" * 4000)])
    with pytest.raises(ConfigError, match=r"exceeds data\.max_prompt_tokens \(200\)"):
        show(tmp_path / "e.jsonl", "1", "--step", "3", "--set", "data.max_prompt_tokens=200")


def test_a_step_needs_an_episode(file: Path) -> None:
    with pytest.raises(ConfigError, match="EPISODE"):
        show(file, "--step", "1")


@pytest.mark.parametrize(("options", "whole"), [((), False), (("--full",), True)])
def test_long_texts_are_shortened_unless_told(
    tmp_path: Path, capsys: Output, options: tuple[str, ...], whole: bool
) -> None:
    write_episodes(tmp_path / "e.jsonl", [episode(1, "x" * 5000)])
    show(tmp_path / "e.jsonl", "1", *options)
    out = capsys.readouterr().out
    assert ("x" * 5000 in out) == whole
    assert ("characters cut" in out) != whole


def test_markup_and_escapes_of_the_source_reach_no_terminal(tmp_path: Path, capsys: Output) -> None:
    write_episodes(tmp_path / "e.jsonl", [episode(1, "[red]no[/red] [/] \x1b[31mred\x07 \x9b2J \ud800 a\r\nb\rc")])
    show(tmp_path / "e.jsonl", "1")
    out = capsys.readouterr().out
    assert r"[red]no[/red] [/] \x1b[31mred\x07 \x9b2J " in out
    assert "a\nb\\x0dc" in out
    assert not {"\x1b", "\x07", "\x9b", "\r"} & set(out)


@pytest.mark.parametrize("name", ["swegym-openhands.jsonl", "swesmith-xml.jsonl", "mini-swe-agent"])
def test_every_episode_of_real_files_can_be_shown(shared_data: Path, capsys: Output, name: str) -> None:
    source = shared_data / "trajectories" / name
    for episode in read_episodes(source)[0][:4]:
        show(source, episode.traj_id, "--full")
        out = capsys.readouterr().out
        assert f"step {len(episode.turns)} of {len(episode.turns)}" in out


def test_a_terminal_without_unicode_gets_escapes(tmp_path: Path) -> None:
    write_episodes(tmp_path / "e.jsonl", [episode(1, "naïve 🙂")])
    command = [sys.executable, "-m", "srl_agent", "data", "show", str(tmp_path / "e.jsonl")]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=True)
    assert rb"na\xefve \U0001f642" in done.stdout and done.stderr == b""
