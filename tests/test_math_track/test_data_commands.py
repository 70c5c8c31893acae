"""Data commands for episodes that are given problems say where problems are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from worked import worked, write

from srl_agent.cli import main


@pytest.mark.parametrize(
    "words",
    [
        ["show", "FILE"],
        ["show", "FILE", "1", "--step", "1"],
        ["stats", "FILE"],
        ["steps", "FILE", "--output", "OUT"],
        ["convert", "FILE", "OUT"],
        ["export", "FILE", "OUT", "--to", "steps"],
    ],
)
def test_problems_are_sent_to_the_dry_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    file = str(write(tmp_path / "problems.jsonl", worked("a")))
    named = {"FILE": file, "OUT": str(tmp_path / "out")}
    assert main(["data", *(named.get(word, word) for word in words)]) == 2
    assert capsys.readouterr().err == (
        f"srl-agent: error: {file}: its rows are of the domain 'math', and `data {words[0]}` is for an agent's "
        f"episodes; what was read, and a step with its target: srl-agent train --domain math --data {file} --dry-run\n"
    )


@pytest.mark.parametrize("text", ['{"instance_id": "x"}\n', "", "[1]\n"])
def test_other_rows_keep_the_error_that_they_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(text)
    assert main(["data", "show", str(file)]) == 2
    assert "no episode could be read" in capsys.readouterr().err
