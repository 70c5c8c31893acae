"""What `srl-agent eval` on issues needs before a model works on them: images here, or fetched when asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chat_endpoint import completion, endpoint
from needs import need
from swe_rows import swe_row

from envs.docker_engine import why_no_engine
from srl_agent.cli import main
from srl_agent.swe_eval.generate import PREDICTIONS
from srl_agent.swe_eval.harness_run import held
from srl_agent.swe_eval.predictions import write_predictions
from srl_agent.swe_eval.records import Prediction

ABSENT = "127.0.0.1:9/none:0"
NOBODY = "http://127.0.0.1:9/v1"


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A command whose one task has an image that is nowhere."""
    if reason := why_no_engine():
        need(reason)
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([swe_row("a__a-1", image=ABSENT)]))
    server = ["--server", NOBODY, "--server-model", "m", "--retries", "0"]
    output = ["--output", str(tmp_path / "out"), "--no-scoring"]
    return ["eval", "issues", "--rows", str(rows), *server, *output]


def test_an_absent_image_is_told_before_any_work(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert f"1 of 1 images are not here ({ABSENT}); get them with --pull" in capsys.readouterr().err


def test_an_absent_image_is_fetched_for_the_work_when_asked(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(lambda body: completion("")) as server:
        assert main([server.url if word == NOBODY else word for word in [*words, "--pull"]]) == 1
    told = capsys.readouterr().out
    assert "1 image not here: each is pulled for its first sandbox" in told
    assert f"image {ABSENT} is not here and cannot be pulled" in told


def test_a_server_that_is_not_there_is_told_before_any_sandbox(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--pull"]) == 2
    said = capsys.readouterr()
    assert f"{NOBODY}/chat/completions: cannot be reached" in said.err
    assert "cannot be pulled" not in said.out


def test_the_image_of_a_task_that_has_its_prediction_is_not_needed(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_predictions(tmp_path / "out" / PREDICTIONS, [Prediction("a__a-1", "m", "")])
    assert main(words) == 0
    assert json.loads((tmp_path / "out" / "asked.json").read_text())["data"]["max_prompt_tokens"] == 10240


def test_prompts_are_shown_alike_on_every_machine(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(words)
    assert "preset: paper-swe (on every machine" in capsys.readouterr().out


def test_a_folder_is_one_evaluation_s(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with held(tmp_path / "out"):
        assert main(words) == 2
    assert "another process works here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-j", "0"], "-j: expected 1 or more, found 0"),
        (["--test-timeout", "0"], "--test-timeout: expected 1 or more"),
        (["--predictions", "gold"], "--predictions scores patches that are there, and --server makes new ones"),
    ],
)
def test_options_that_cannot_be_are_named(
    words: list[str], more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, *more]) == 2
    assert message in capsys.readouterr().err


def test_a_server_may_have_another_address_when_the_work_goes_on(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_predictions(tmp_path / "out" / PREDICTIONS, [Prediction("a__a-1", "m", "")])
    assert main(words) == 0
    assert main([word.replace(":9/v1", ":10/v1") for word in words]) == 0


def test_settings_beside_predictions_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([swe_row("a__a-1")]))
    words = ["eval", "issues", "--rows", str(rows), "--predictions", "gold", "--output", str(tmp_path / "out")]
    assert main([*words, "--options.max_step", "3"]) == 2
    assert "max_step" in capsys.readouterr().err
