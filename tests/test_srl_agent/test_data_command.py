"""`srl-agent data` as its users type it, from the argument list to the files."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from srl_agent.commands import data
from srl_agent.errors import ConfigError
from trajectories.errors import ParseError
from trajectories.formats import read_episodes
from trajectories.records import Action, Episode, Turn
from trajectories.store import read_steps, write_episodes

HEAVY = ("torch", "transformers", "trl", "datasets", "pydantic", "rich", "cydifflib")


def srl_agent(*argv: str | Path) -> int:
    parser = argparse.ArgumentParser(prog="srl-agent")
    data.add_parser(parser.add_subparsers(dest="command", required=True))
    return data.run(parser.parse_args(["data", *map(str, argv)]))


@pytest.fixture
def episodes(tmp_path: Path) -> Path:
    path = tmp_path / "episodes.jsonl"
    write_episodes(path, [episode(number) for number in range(9)])
    return path


def episode(number: int) -> Episode:
    turns = tuple(Turn("why", Action("bash", (("command", f"ls {number} {k}"),)), "[bold]ok") for k in range(4))
    return Episode(f"task-{number}", f"run-{number}", f"mend {number}", turns, True, "srl-agent")


def test_importing_the_command_loads_nothing_heavy() -> None:
    code = f"import sys, srl_agent.commands.data; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_convert_writes_the_episodes_it_read(episodes: Path, tmp_path: Path) -> None:
    assert srl_agent("convert", episodes, tmp_path / "out.jsonl") == 0
    assert read_episodes(tmp_path / "out.jsonl")[0] == read_episodes(episodes)[0]


@pytest.mark.parametrize("name", ["swegym-openhands.jsonl", "swesmith-xml.jsonl", "mini-swe-agent"])
def test_convert_keeps_every_turn_of_real_files(shared_data: Path, tmp_path: Path, name: str) -> None:
    source = shared_data / "trajectories" / name
    assert srl_agent("convert", source, tmp_path / "out.jsonl") == 0
    before, after = read_episodes(source)[0], read_episodes(tmp_path / "out.jsonl")[0]
    assert [(e.traj_id, e.turns) for e in before] == [(e.traj_id, e.turns) for e in after]


def test_convert_reports_what_was_dropped_and_where(
    episodes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with episodes.open("a", encoding="utf-8") as file:
        file.write("[not json\n")
    report = tmp_path / "report.json"
    assert srl_agent("convert", episodes, tmp_path / "out.jsonl", "--report", report) == 0
    record = json.loads(report.read_text(encoding="utf-8"))
    assert (record["episodes_kept"], record["episodes_dropped"]) == (9, 1)
    assert record["drops"][0]["index"] == 10
    assert "broken JSON" in capsys.readouterr().out


def test_a_failed_conversion_leaves_no_file(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("nothing of use\n", encoding="utf-8")
    with pytest.raises(ParseError, match=r"in\.jsonl"):
        srl_agent("convert", source, tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_format_can_be_forced(episodes: Path, tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="swegym-openhands"):
        srl_agent("convert", episodes, tmp_path / "out.jsonl", "--format", "swegym-openhands")


def test_an_unknown_format_lists_the_known_ones(episodes: Path) -> None:
    with pytest.raises(ParseError, match=r"unknown name 'nope'; known: .*swesmith-xml"):
        srl_agent("stats", episodes, "--format", "nope")


def test_stats_show_counts_of_each_format(episodes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert srl_agent("stats", episodes) == 0
    out = capsys.readouterr().out
    assert "srl-agent: counts" in out and "calls of bash" in out and "36" in out


def test_stats_as_json_are_one_object(episodes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert srl_agent("stats", episodes, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["formats"]["srl-agent"]["steps"] == 36
    assert record["report"]["episodes_kept"] == 9


def test_steps_writes_both_sets(episodes: Path, tmp_path: Path) -> None:
    out = tmp_path / "steps"
    assert srl_agent("steps", episodes, "--output", out) == 0
    train, held_out = read_steps(out / "train.jsonl"), read_steps(out / "held_out.jsonl")
    assert (len(train), len(held_out)) == (6 * 3, 3 * 3)


def test_step_rows_given_for_episodes_are_named_as_such(episodes: Path, tmp_path: Path) -> None:
    srl_agent("steps", episodes, "--output", tmp_path / "steps")
    with pytest.raises(ParseError, match="a step row as `data steps` writes them, no episode; give the episodes"):
        srl_agent("stats", tmp_path / "steps" / "train.jsonl")


def test_steps_refuses_a_file_for_its_folder_before_the_work(episodes: Path) -> None:
    with pytest.raises(ConfigError, match=r"--output: .*expected a folder"):
        srl_agent("steps", "no-such-file", "--output", episodes)


def test_steps_without_an_input_takes_the_bundled_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # an empty name is no input, and not this folder
    assert srl_agent("steps", "--output", "steps") == 0
    out = capsys.readouterr().out
    assert "bundled" in out and len(read_steps(tmp_path / "steps" / "train.jsonl")) > 100


def test_steps_prints_the_floors_and_that_tokens_are_estimated(
    episodes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    srl_agent("steps", episodes, "--output", tmp_path / "steps")
    out = capsys.readouterr().out
    assert "another action of the episode" in out and "the right tool, empty arguments" in out
    assert "estimated as characters / 4" in out


def test_steps_takes_the_context_and_settings(episodes: Path, tmp_path: Path) -> None:
    settings = ["--set", "data.keep_last_step=true", "--set", "data.held_out_episodes=0"]
    srl_agent("steps", episodes, "--output", tmp_path / "steps", "--context", "full", *settings)
    train = read_steps(tmp_path / "steps" / "train.jsonl")
    assert len(train) == 9 * 4
    assert [len(step.prompt) for step in train[:4]] == [2, 4, 6, 8]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("data.contxt=full", "contxt"),
        ("data.max_prompt_tokens=many", "max_prompt_tokens"),
        ("reward.name=bleu", "similarity, exact"),
        ("reward.max_chars=1", "max_chars"),
        ("data.context", "KEY=VALUE"),
        ("data.context=[", "not YAML"),
    ],
)
def test_a_wrong_setting_is_a_configuration_error(episodes: Path, tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        srl_agent("steps", episodes, "--output", tmp_path / "steps", "--set", setting)


@pytest.mark.parametrize(
    ("source", "target"), [("", "in.jsonl"), ("", "new.jsonl"), ("*.jsonl", "in.jsonl"), ("i*", "in.jsonl")]
)
def test_a_conversion_never_writes_among_what_it_reads(
    episodes: Path, tmp_path: Path, source: str, target: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "in.jsonl").write_bytes(Path(episodes).read_bytes())
    with pytest.raises(ConfigError, match="would be read; name a place outside"):
        srl_agent("convert", folder / source, folder / target)
    assert [(file.name, file.read_bytes()) for file in folder.iterdir()] == [("in.jsonl", Path(episodes).read_bytes())]


def test_steps_never_replace_what_they_are_cut_from(episodes: Path, tmp_path: Path) -> None:
    before = Path(episodes).read_bytes()
    (tmp_path / "train.jsonl").write_bytes(before)
    with pytest.raises(ConfigError, match="same file"):
        srl_agent("steps", tmp_path / "train.jsonl", "--output", tmp_path)
    assert (tmp_path / "train.jsonl").read_bytes() == before


def test_a_loss_report_never_replaces_the_episodes(episodes: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--report: .* is the output"):
        srl_agent("convert", episodes, tmp_path / "out.jsonl", "--report", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_conversion_never_replaces_its_input(episodes: Path) -> None:
    before = Path(episodes).read_bytes()
    with pytest.raises(ConfigError, match="same file"):
        srl_agent("convert", episodes, episodes)
    assert Path(episodes).read_bytes() == before


def test_a_wrong_context_is_a_configuration_error(episodes: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.context"):
        srl_agent("steps", episodes, "--output", tmp_path / "steps", "--context", "some")


def test_steps_counts_with_a_real_tokenizer(shared_data: Path, episodes: Path, tmp_path: Path) -> None:
    tokenizer = shared_data / "tokenizers" / "qwen2.5-7b-instruct"
    assert srl_agent("steps", episodes, "--output", tmp_path / "steps", "--tokenizer", tokenizer) == 0
    assert len(read_steps(tmp_path / "steps" / "train.jsonl")) == 18
