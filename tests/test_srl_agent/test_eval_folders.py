"""Where an evaluation on issues goes without `--output`: results that can build on each other meet, others do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from swe_rows import swe_row

from srl_agent.cli import main
from srl_agent.testing import save_tiny

NAMES = ("team__project-1", "team__project-2")


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(swe_row(name)) + "\n" for name in NAMES))
    return str(path)


def folder_of(capsys: pytest.CaptureFixture[str], rows: str, *words: str) -> str:
    """What a model's evaluation says before it finds no sandbox of that name."""
    asked = ["--preset", "smoke", "--server", "http://127.0.0.1:9/v1", "--server-model", "m"]
    nowhere = ["--sandbox.backend", "nowhere", "--no-scoring"]
    assert main(["eval", "issues", "--rows", rows, *asked, *nowhere, *words]) == 2
    said = capsys.readouterr()
    assert "nowhere" in said.err
    (line,) = (line for line in said.out.splitlines() if line.startswith("directory: "))
    return line


@pytest.mark.parametrize(
    "words",
    [
        ["-j", "7"],
        ["--slice", "0:1"],
        ["--filter", "2"],
        ["--timeout", "9"],
        ["--test-timeout", "9"],
        ["--server", "http://127.0.0.1:8/v1"],
    ],
)
def test_what_decides_no_prediction_goes_on_in_the_same_folder(
    rows: str, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert folder_of(capsys, rows, *words) == folder_of(capsys, rows)


@pytest.mark.parametrize(
    "words",
    [
        ["--server-model", "n"],
        ["--seed", "3"],
        ["--max-tokens", "9"],
        ["--patcher", "oracle"],
        ["--options.max_steps", "3"],
        ["--data.context", "full"],
    ],
)
def test_what_decides_predictions_goes_elsewhere(
    rows: str, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert folder_of(capsys, rows, *words) != folder_of(capsys, rows)


def test_rows_that_say_something_else_go_elsewhere(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = folder_of(capsys, rows)
    Path(rows).write_text(json.dumps(swe_row(problem_statement="It is slow.")) + "\n")
    assert folder_of(capsys, rows) != before


def test_slices_of_the_same_predictions_share_a_folder_and_others_do_not(
    rows: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for file in ("one", "other"):
        made = [{"instance_id": name, "model_name_or_path": "m", "model_patch": file} for name in NAMES]
        Path(f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
        for part in ("0:1", "0:2", "1:2"):
            words = ["--rows", rows, "--predictions", f"{file}.jsonl", "--slice", part]
            assert main(["eval", "issues", *words, "--docker-host", "ftp://nowhere"]) == 2
            said += [line for line in capsys.readouterr().out.splitlines() if line.startswith("directory: ")]
    assert len(said) == 6
    assert len(set(said[:3])) == len(set(said[3:])) == 1
    assert said[0] != said[3]


def test_two_local_models_do_not_share_a_folder(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["eval", "issues", "--rows", rows, "--preset", "smoke", "--sandbox.backend", "nowhere", "--no-scoring"]
    words += ["--max-tokens", "8", "--data.max_prompt_tokens", "64"]
    for name in ("a", "b"):
        assert main([*words, "--model.name", str(save_tiny(Path(name)))]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert len(list(Path("runs").iterdir())) == 2
