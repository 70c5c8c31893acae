"""`srl-agent data export`: what is written is what training sees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from srl_agent.cli import build_parser
from srl_agent.commands import data
from srl_agent.config import DataConfig
from srl_agent.errors import ConfigError
from srl_agent.step_sets import load_step_data
from srl_agent.swe import SYSTEM_PROMPT, SweDomain
from trajectories.errors import ParseError
from trajectories.exports import EXPORTS
from trajectories.records import Action, Episode, Turn
from trajectories.store import read_steps, write_episodes


def export(*argv: str | Path) -> int:
    return data.run(build_parser().parse_args(["data", "export", *map(str, argv)]))


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    turns = tuple(Turn(f"why {k}", Action("bash", (("command", f"ls {k}"),)), "ok") for k in range(4))
    write_episodes(tmp_path / "in.jsonl", [Episode("t", "t@1", "mend it", turns, True, "srl-agent")])
    return tmp_path / "in.jsonl"


def test_exported_steps_are_the_training_steps(file: Path, tmp_path: Path) -> None:
    export(file, tmp_path / "out.jsonl", "--to", "steps", "--context", "window:1")
    settings = DataConfig(path=str(file), context="window:1", held_out_episodes=0)
    assert read_steps(tmp_path / "out.jsonl") == list(load_step_data(settings, SYSTEM_PROMPT, len).sets.train)


def test_a_supervised_row_has_the_prompt_and_target_of_its_step(file: Path, tmp_path: Path) -> None:
    export(file, tmp_path / "out.jsonl", "--to", "trl-sft-steps", "--set", "data.keep_last_step=true")
    settings = DataConfig(path=str(file), held_out_episodes=0, keep_last_step=True)
    steps = load_step_data(settings, SYSTEM_PROMPT, len).sets.train
    targets = [[{"role": "assistant", "content": SweDomain().supervised_target(step)}] for step in steps]
    assert [row["completion"] for row in rows(tmp_path / "out.jsonl")] == targets


@pytest.mark.parametrize("name", EXPORTS)
def test_every_export_writes_rows_and_says_how_many(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert export(file, tmp_path / "out.jsonl", "--to", name) == 0
    count = len(rows(tmp_path / "out.jsonl"))
    assert count >= 1
    assert f"{count} row{'s' if count > 1 else ''}, export {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("source", ["swegym-openhands.jsonl", "swesmith-xml.jsonl", "mini-swe-agent"])
def test_every_export_takes_real_files(shared_data: Path, tmp_path: Path, name: str, source: str) -> None:
    export(shared_data / "trajectories" / source, tmp_path / "out.jsonl", "--to", name)
    assert len(rows(tmp_path / "out.jsonl")) >= 9


def test_an_unknown_export_lists_the_known_ones(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--to: unknown name 'nope'; known: .*trl-sft"):
        export(file, tmp_path / "out.jsonl", "--to", "nope")


def test_an_export_never_replaces_its_input(file: Path) -> None:
    with pytest.raises(ConfigError, match="same file"):
        export(file, file, "--to", "steps")


@pytest.mark.parametrize("place", ["new/../in.jsonl", "link.jsonl", "./in.jsonl"])
def test_no_other_name_of_the_input_is_taken_as_output(file: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "link.jsonl").symlink_to(file)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="are the same file"):
        export(file, f"{tmp_path}/{place}", "--to", "steps")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "why"), [("-", "name of a file"), ("o.jsonl.gz", "plain text"), (".", "name of a file")]
)
def test_outputs_that_are_no_plain_file_are_refused(file: Path, name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        export(file, name, "--to", "steps")


def test_a_read_only_file_is_not_replaced(file: Path, tmp_path: Path) -> None:
    (tmp_path / "kept.jsonl").write_text("mine")
    (tmp_path / "kept.jsonl").chmod(0o444)
    with pytest.raises(ConfigError, match="is read-only"):
        export(file, tmp_path / "kept.jsonl", "--to", "steps")
    assert (tmp_path / "kept.jsonl").read_text() == "mine"


def test_steps_left_out_for_the_budget_are_counted(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(file, tmp_path / "out.jsonl", "--to", "steps", "--set", "data.max_prompt_tokens=150")
    left = len(rows(tmp_path / "out.jsonl"))
    assert 0 < left < 3
    assert f"steps whose prompt exceeds 150 tokens: {3 - left}" in capsys.readouterr().out


def test_nothing_to_export_is_an_error_and_leaves_no_file(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"nothing to export.*max_prompt_tokens \(64\)"):
        export(file, tmp_path / "out.jsonl", "--to", "steps", "--set", "data.max_prompt_tokens=64")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def episode(name: str, resolved: bool | None, *commands: str) -> Episode:
    turns = tuple(Turn("why", Action("bash", (("command", command),)), "seen") for command in commands)
    return Episode(name, f"{name}@1", f"mend {name}", turns, resolved, "srl-agent")


@pytest.mark.parametrize(("name", "count"), [("steps", 2), ("trl-sft", 1), ("trl-sft-steps", 2), ("pivot", 2)])
def test_runs_that_failed_are_left_out_as_in_training_unless_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, count: int
) -> None:
    write_episodes(tmp_path / "in.jsonl", [episode("a", True, *"abc"), episode("b", False, *"def")])
    export(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--to", name)
    assert len(rows(tmp_path / "out.jsonl")) == count
    assert "left out - failed their task (--failed keeps them): 1 episode" in capsys.readouterr().out
    export(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--to", name, "--failed")
    assert len(rows(tmp_path / "out.jsonl")) == 2 * count


def test_an_episode_that_a_form_cannot_hold_is_counted_and_the_others_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = Turn("", Action("bash", (("command", "a"), ("command", "b"))), "")
    odd = Episode("odd", "odd@1", "x", (twice, twice), True, "srl-agent")
    write_episodes(tmp_path / "in.jsonl", [odd, episode("a", True, *"abc")])
    assert export(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--to", "atif", "--gates", "none") == 0
    assert len(rows(tmp_path / "out.jsonl")) == 1
    assert "a parameter of 'bash' stands twice" in capsys.readouterr().out


def test_whole_traces_say_how_many_steps_the_gates_object_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_episodes(tmp_path / "in.jsonl", [episode("a", True, "ls", "ls", "pwd")])
    export(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--to", "trl-sft")
    assert "kept in whole traces although gates object: 1 step" in capsys.readouterr().out
