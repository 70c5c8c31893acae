"""The recorder really runs, notices what it must, and gives the bundled file again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from envs.base import Backend, Sandbox, Spec
from envs.demo.task import REPOSITORIES, DemoTask, broken_files, load_tasks, repository_files
from envs.errors import SandboxError
from envs.record import check, main, record, write_recording
from trajectories.demo import EPISODES
from trajectories.formats import read_episodes
from trajectories.records import Episode
from trajectories.render import parse_action, render_action

TASKS = load_tasks()
System = tuple[str, Backend, Spec]


@pytest.fixture(scope="module")
def task() -> DemoTask:
    return next(task for task in TASKS if task.instance_id == "wallet__parse_rate")


@pytest.fixture(scope="module")
def fresh(system: System, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new recording of the whole set."""
    path = tmp_path_factory.mktemp("recording") / "episodes.jsonl"
    write_recording(path, TASKS, *system[1:])
    return path


@pytest.fixture
def sandbox(system: System) -> Iterator[Sandbox]:
    sandbox = system[1].start(system[2])
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def bundled() -> list[Episode]:
    episodes, report = read_episodes(EPISODES)
    assert report.episodes_dropped == 0
    return episodes


def test_the_bundled_set_equals_a_fresh_recording_byte_for_byte(fresh: Path) -> None:
    assert EPISODES.read_bytes() == fresh.read_bytes()


def test_observations_are_what_the_commands_printed(task: DemoTask, sandbox: Sandbox) -> None:
    episode = record(replace(task, flow="check"), sandbox)
    assert episode.turns[0].observation == (
        "FAIL parse_rate('5%') gives 5.0, not 0.05\nparse_rate: 0 of 2 passed\n[exit status 1]"
    )


def test_the_repository_is_mended_at_the_end(task: DemoTask, sandbox: Sandbox) -> None:
    record(task, sandbox)
    assert sandbox.read_file(f"/testbed/{task.path}").decode() == repository_files(task.repo)[task.path]


def test_a_check_that_still_fails_leaves_the_episode_unresolved(task: DemoTask, sandbox: Sandbox) -> None:
    sandbox.write_file("/testbed/checks/another.txt", b"parse_rate('1%') -> 1\n")
    assert record(task, sandbox).resolved is False


def test_a_bug_that_no_check_notices_is_refused(task: DemoTask, sandbox: Sandbox) -> None:
    harmless = replace(task, broken="return float(text[:-1]) / 100.0")
    with pytest.raises(SandboxError, match="pass although its bug is planted"):
        record(harmless, sandbox)


def test_a_line_that_is_not_in_the_module_cannot_be_broken(task: DemoTask) -> None:
    with pytest.raises(SandboxError, match="must hold this line once"):
        broken_files(replace(task, fixed="return 7"))


def test_check_reports_a_changed_observation_and_fails(
    task: DemoTask, system: System, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = tmp_path / "episodes.jsonl"
    write_recording(recorded, [task], *system[1:])
    row = json.loads(recorded.read_text(encoding="utf-8"))
    row["turns"][1]["observation"] = "something else"
    recorded.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert check(recorded, [task], *system[1:]) == 1
    assert f"{task.instance_id}: step 2, observation: recorded 'something else'" in capsys.readouterr().out


def test_check_of_an_unchanged_recording_succeeds(task: DemoTask, system: System, tmp_path: Path) -> None:
    recorded = tmp_path / "episodes.jsonl"
    write_recording(recorded, [task], *system[1:])
    assert check(recorded, [task], *system[1:]) == 0


def test_check_names_an_episode_that_is_missing(
    task: DemoTask, system: System, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = tmp_path / "episodes.jsonl"
    write_recording(recorded, [task], *system[1:])
    assert check(recorded, [task, TASKS[-1]], *system[1:]) == 1
    assert f"{TASKS[-1].instance_id}: missing" in capsys.readouterr().out


def test_check_of_a_missing_file_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--output", str(tmp_path / "absent.jsonl"), "--check"]) == 1
    assert "absent.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize("repo", REPOSITORIES)
def test_every_check_of_an_unbroken_repository_passes(repo: str, shared_sandbox: Sandbox, folder: str) -> None:
    for path, text in repository_files(repo).items():
        shared_sandbox.write_file(f"{folder}/{path}", text.encode())
    result = shared_sandbox.run("python3 run_tests.py", cwd=folder)
    assert (result.output, result.exit_code) == ("all: 16 of 16 passed\n", 0)


def test_the_set_is_as_large_as_promised(bundled: list[Episode]) -> None:
    assert len(bundled) >= 24
    assert all(5 <= len(episode.turns) <= 8 for episode in bundled)
    assert len({episode.meta["repo"] for episode in bundled}) >= 3


def test_every_episode_of_the_set_is_resolved(bundled: list[Episode]) -> None:
    assert all(episode.resolved for episode in bundled)


def test_no_two_episodes_share_a_task_or_an_issue(bundled: list[Episode]) -> None:
    assert len({episode.instance_id for episode in bundled}) == len(bundled)
    assert len({episode.task for episode in bundled}) == len(bundled)


def test_every_action_of_the_set_survives_its_canonical_text(bundled: list[Episode]) -> None:
    actions = [turn.action for episode in bundled for turn in episode.turns]
    assert [parse_action(render_action(action)) for action in actions] == actions


def test_every_episode_sees_the_bug_before_the_edit_and_ends_with_submit(bundled: list[Episode]) -> None:
    for episode in bundled:
        edits = [n for n, turn in enumerate(episode.turns) if ("command", "str_replace") in turn.action.arguments]
        old = dict(episode.turns[edits[0]].action.arguments)["old_str"]
        assert any(old in turn.observation for turn in episode.turns[: edits[0]])
        assert len(edits) == 1 and episode.turns[-1].action.tool == "submit"


def test_texts_of_the_set_are_short(bundled: list[Episode]) -> None:
    # Characters stand for tokens here, at 2 to 3 a token: the tokenizer is not needed to notice a long text.
    for episode in bundled:
        assert len(episode.task) <= 120
        assert all(len(turn.observation) <= 160 and len(turn.thought) <= 80 for turn in episode.turns)
