"""The command line: what it parses, what it refuses, and what it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from srl_agent.cli import check_siblings, dotted, main
from srl_agent.errors import ConfigError
from srl_agent.testing import save_tiny


def fail(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The error message of a command that must end with status 2 and without a traceback."""
    assert main(list(words)) == 2
    message = capsys.readouterr().err
    assert message.startswith("srl-agent: error: ")
    assert "Traceback" not in message
    return message


def test_help_needs_neither_torch_nor_pydantic() -> None:
    code = (
        "import sys; from srl_agent.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(','.join(name for name in ('torch', 'transformers', 'pydantic', 'rich') if name in sys.modules) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert "--dry-run" in result.stdout


def test_the_help_of_evaluations_says_how_settings_are_given(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("steps", "gsm8k", "issues"):
        with pytest.raises(SystemExit):
            main(["eval", command, "--help"])
        said = " ".join(capsys.readouterr().out.split())
        assert "--model.name NAME" in said and "--options.key VALUE" in said


def test_an_output_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    for words in (["train"], ["eval", "steps"], ["eval", "problems", "--rows", "x"]):
        for output in (tmp_path / "file", tmp_path / "file" / "below"):
            message = fail(capsys, *words, "--preset", "smoke", "--output", str(output))
            assert f"output: {tmp_path / 'file'} is a file" in message


def test_dotted_settings_take_both_forms() -> None:
    assert dotted(["--srl.beta", "0.5", "--seed.x=1=2"]) == [("srl.beta", "0.5"), ("seed.x", "1=2")]


@pytest.mark.parametrize("rest", [["--beta", "1"], ["beta"], ["--srl.beta"], ["-x"], ["a.b"]])
def test_other_unknown_arguments_are_refused(rest: list[str]) -> None:
    with pytest.raises(ConfigError):
        dotted(rest)


def test_a_domain_that_its_module_lacks_is_not_built_yet(capsys: pytest.CaptureFixture[str]) -> None:
    assert "not built yet" in fail(capsys, "train", "--domain", "envs:SweDomain", "--preset", "smoke", "--dry-run")


def test_a_domain_that_is_not_one_says_what_is_expected(capsys: pytest.CaptureFixture[str]) -> None:
    assert "not a class" in fail(capsys, "train", "--domain", "os:path", "--preset", "smoke")
    assert "lacks load_steps" in fail(capsys, "train", "--domain", "builtins:dict", "--preset", "smoke")


def test_an_unknown_domain_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert "swe, math" in fail(capsys, "train", "--domain", "maths", "--preset", "smoke")


def test_a_file_without_a_preset_stands_over_the_one_that_suits_the_machine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("srl: {rollouts: 3}\n")
    words = ["train", "--domain", "srl_agent.testing:ToyDomain", "--config", str(file), "--dry-run"]
    assert main([*words, "--model.name", str(save_tiny(tmp_path / "model"))]) == 0
    output = capsys.readouterr().out
    assert "preset: smoke" in output
    assert "rollouts: 3" in output


def test_a_setting_without_a_value_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "KEY=VALUE" in fail(capsys, "train", "--preset", "smoke", "--set", "srl.beta")


def test_all_wrong_settings_of_a_command_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    message = fail(capsys, "train", "--srl.rollouts", "four", "--srl.rolouts", "4", "--sft.epochs", "-1")
    assert all(name in message for name in ("srl.rollouts: expected", "'srl.rolouts'", "sft.epochs: expected"))


def test_wrong_values_are_refused_before_torch_is_imported() -> None:
    code = (
        "import sys; from srl_agent.cli import main\n"
        "assert main(['train', '--srl.rollouts', 'four']) == 2\n"
        "sys.exit('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, "srl.rollouts: expected" in result.stderr) == (0, True)
    assert result.stdout.startswith("srl-agent train: loading")


def test_resume_refuses_what_would_make_it_another_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "leave out" in fail(capsys, "train", "--resume", str(tmp_path), "--preset", "smoke")
    assert "does not exist" in fail(capsys, "train", "--resume", str(tmp_path))


def test_a_run_directory_that_is_taken_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    words = ["train", "--preset", "smoke", "--model.name", "/no/model", "--output", str(tmp_path)]
    for more in ([], ["--dry-run"]):  # before the model is looked for
        assert f"already taken; go on with it through --resume {tmp_path}" in fail(capsys, *words, *more)


def test_a_model_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    message = fail(capsys, "train", "--preset", "smoke", "--model.name", str(tmp_path))
    assert "model.name" in message
    assert str(tmp_path) in message


def test_a_package_from_elsewhere_is_refused_with_the_remedy() -> None:
    ours = {name: f"/home/x/{name}" for name in ("srl_agent", "envs", "trajectories", "math_track")}
    check_siblings(ours)
    with pytest.raises(ConfigError, match=r"envs \(/usr/lib/envs\).*pip install"):
        check_siblings({**ours, "envs": "/usr/lib/envs"})
    with pytest.raises(ConfigError, match="missing"):
        check_siblings({**ours, "math_track": ""})


INTERRUPTED = """
import signal, sys
from srl_agent.cli import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background begins without it

class Interrupted:
    def __init__(self): signal.raise_signal(signal.SIGINT)

def benchmark(args, resolve): Interrupted()

sys.modules["math_track.commands.benchmark"] = sys.modules["__main__"]
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("words", "goes_on"),
    [
        (["train", "--domain", "__main__:Interrupted", "--preset", "smoke"], "interrupted\n"),
        (["eval", "gsm8k"], "goes on with the same command"),
        (["eval", "steps", "--domain", "__main__:Interrupted", "--preset", "smoke"], "interrupted\n"),
    ],
)
def test_an_interrupted_command_says_what_goes_on_how_and_ends_with_status_130(words: list[str], goes_on: str) -> None:
    result = subprocess.run([sys.executable, "-c", INTERRUPTED, *words], capture_output=True, text=True)
    assert result.returncode == 130
    assert goes_on in result.stderr
    assert "Traceback" not in result.stderr


def test_a_closed_pipe_is_no_error_message() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "srl_agent", "data", "stats", "--json"]
    from trajectories.demo import EPISODES

    result = subprocess.run([*words, str(EPISODES)], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert result.returncode != -signal.SIGPIPE
    assert "Traceback" not in result.stderr
