"""`srl-agent replay` as it is typed: what it refuses, what it says, what is left when it is ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envs.base import find_backend
from srl_agent.cli import main
from trajectories.records import Action, Episode, Turn
from trajectories.store import write_episodes

Write = Callable[..., str]
LOCAL = ("--backend", "local", "--image", "")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRL_AGENT_STATE", str(tmp_path / "state"))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*commands: tuple[str, str], source: str = "srl-agent", instance: str = "me__proj-1") -> str:
        """A file with an episode for each (command, observation)."""
        episodes = [
            Episode(instance, f"run{n}", "task", (Turn("", Action("bash", (("command", c),)), seen),), True, source)
            for n, (c, seen) in enumerate(commands)
        ]
        path = tmp_path / "episodes.jsonl"
        write_episodes(path, episodes)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--timeout", "0"], "expected seconds above 0, got 0"),
        (["--timeout", "-3"], "expected seconds above 0, got -3"),
        (["-j", "0"], "expected 1 or more, got 0"),
        (["--limit", "-1"], "expected 0 or more, got -1"),
        (["--env", "A"], "expected NAME=VALUE, got A"),
    ],
)
def test_an_impossible_number_is_refused_by_name(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["replay"], ["data", "compare", "x"]):
        with pytest.raises(SystemExit, match="2"):
            main([*command, *words])
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("backend", ["no.such:Thing", "envs.base:Thing", "json:loads", "json:JSONDecoder"])
def test_a_backend_that_is_none_is_refused(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--backend", backend]) == 2
    assert f"backend: '{backend}' is no " in capsys.readouterr().err


def test_a_file_that_is_not_there_is_told_before_a_sandbox_is_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "nofile.jsonl"]) == 2
    printed = capsys.readouterr()
    assert "nofile.jsonl" in printed.err
    assert "sandbox" not in printed.out


def test_records_that_cannot_be_written_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["replay", *LOCAL, "--json", str(tmp_path / "file" / "out.jsonl")]) == 2
    assert "out.jsonl" in capsys.readouterr().err


def test_one_s_own_episodes_run_on_the_host_s_system_and_lost_rows_are_told(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = ("echo $PYTHONDONTWRITEBYTECODE $TZ $A", "1 UTC b")
    file = Path(write(same, ("echo new", "old")))
    file.write_text(file.read_text() + "{broken\n")
    out = tmp_path / "out.jsonl"
    assert main(["replay", str(file), *LOCAL, "--env", "A=b", "--json", str(out), "-j", "1"]) == 0
    assert [json.loads(line)["share"] for line in out.read_text().splitlines()] == [1.0, 0.0]
    printed = capsys.readouterr().out
    assert "isolates nothing" in printed
    assert "50.0% of the 2 steps that could be carried out came again" in printed
    assert "WARNING: 1 of 3 rows could not be read" in printed


def test_a_backend_without_images_by_name_says_how_to_name_one(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", write(("true", "")), "--backend", "local"]) == 1
    printed = capsys.readouterr().out
    assert "--image DIR" in printed
    assert "share" not in printed


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_replay_that_is_ended_stops_its_commands_and_keeps_its_records(
    write: Write, tmp_path: Path, end: signal.Signals
) -> None:
    file = write(("echo quick", "quick"), ("sleep 1000", ""))
    out = tmp_path / "out.jsonl"
    words = ["replay", file, *LOCAL, "--timeout", "2000", "--json", str(out)]
    listening = ["env", "--default-signal=INT"]  # a job in the background begins deaf to Ctrl-C
    command = [*listening, sys.executable, "-m", "srl_agent", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("run0: 1 same"):
            assert process.poll() is None
        process.send_signal(end)
        assert process.wait(120) == 130
    assert [json.loads(line)["traj_id"] for line in out.read_text().splitlines()] == ["run0"]
    assert list((tmp_path / "state").iterdir()) == []


@pytest.fixture
def killed(write: Write, tmp_path: Path) -> list[str]:
    """A replay with `--json` that was killed in its second episode; the first one leaves a line in `times`."""
    waits = f"until test -e {tmp_path / 'going'}; do sleep 0.1; done"
    file = write((f"echo x >> {tmp_path / 'times'}", ""), (waits, ""))
    words = ["replay", file, *LOCAL, "-j", "1", "--json", str(tmp_path / "out.jsonl")]
    with subprocess.Popen([sys.executable, "-m", "srl_agent", *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("run0: 1 same"):
            assert process.poll() is None
        process.kill()
    (tmp_path / "going").touch()
    return words


def test_a_killed_replay_goes_on_behind_its_records(
    killed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(killed) == 0
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [record["traj_id"] for record in records] == ["run0", "run1"]
    assert (tmp_path / "times").read_text() == "x\n"
    assert "100.0% of the 2 steps" in capsys.readouterr().out


def test_records_of_other_settings_are_made_again(killed: list[str], tmp_path: Path) -> None:
    assert main([*killed, "--env", "A=b"]) == 0
    assert (tmp_path / "times").read_text() == "x\nx\n"


def test_for_an_id_without_a_repository_no_image_to_pull_is_made_up(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    if reason := find_backend("docker").why_not():
        pytest.skip(reason)
    assert main(["replay", write(("true", ""), instance="task-68f52fac"), "--backend", "docker"]) == 1
    printed = capsys.readouterr().out
    assert "no image is known for 'task-68f52fac'" in printed and "docker pull" not in printed


def test_an_image_that_is_not_here_is_named_with_the_command_that_gets_it(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    if reason := find_backend("docker").why_not():
        pytest.skip(reason)
    file = write(("true", ""), source="swesmith-xml", instance="me__proj.01234567.lm_1")
    assert main(["replay", file, "--backend", "docker"]) == 1
    printed = capsys.readouterr().out
    image = "jyangballin/swesmith.x86_64.me_1776_proj.01234567:latest"
    assert f"image {image} is not here; get it with: docker pull {image}\n" in printed
    assert "--image names one of your own" in printed
