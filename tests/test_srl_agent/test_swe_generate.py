"""Many tasks worked on at once: predictions kept as they come, stopped and failed ones made by the next call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from envs.errors import SandboxError
from srl_agent.errors import ConfigError, ModelError
from srl_agent.patchers import Patched
from srl_agent.swe_eval.generate import PREDICTIONS, generate
from srl_agent.swe_eval.records import Prediction, Status, Task, Verdict
from srl_agent.swe_eval.stored import VERDICTS, read_verdicts, write_results

TASKS = [Task(f"a__a-{n}", "a/a", "0" * 40, "broken", "", "", ("t",), (), "1.0", "image", "") for n in range(6)]


def patched(task: Task) -> Patched:
    return Patched(
        Prediction(task.instance_id, "m", f"diff of {task.instance_id}\n", {"ended": "submit"}), {"said": []}
    )


def failing(*names: str, error: Exception) -> Callable[[Task], Patched]:
    def work(task: Task) -> Patched:
        if task.instance_id in names:
            raise error
        return patched(task)

    return work


def lines(folder: Path) -> list[str]:
    return [json.loads(line)["instance_id"] for line in (folder / PREDICTIONS).read_text().splitlines()]


def test_each_prediction_is_kept_with_a_record_of_the_work(tmp_path: Path) -> None:
    told: dict[str, str] = {}
    made = generate(TASKS, patched, tmp_path, 2, lambda task, how: told.update({task.instance_id: how}))
    assert sorted(made.predictions) == sorted(lines(tmp_path)) == sorted(told) == [task.instance_id for task in TASKS]
    assert set(told.values()) == {"submit"} and not made.failed
    assert len(list((tmp_path / "records").iterdir())) == 6


def test_what_a_server_refused_is_told(tmp_path: Path) -> None:
    def work(task: Task) -> Patched:
        return Patched(Prediction(task.instance_id, "m", "", {"ended": "context"}), {"prompt_fault": "status 400"})

    told: list[str] = []
    generate(TASKS[:1], work, tmp_path, 1, lambda task, how: told.append(how))
    assert told == ["context: status 400"]


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    generate(TASKS[:4], patched, tmp_path, 1, lambda task, how: None)
    asked: list[str] = []

    def work(task: Task) -> Patched:
        asked.append(task.instance_id)
        return patched(task)

    made = generate(TASKS, work, tmp_path, 1, lambda task, how: None)
    assert asked == ["a__a-4", "a__a-5"]
    assert len(made.predictions) == 6


def test_a_task_whose_sandbox_fails_is_left_to_the_next_call(tmp_path: Path) -> None:
    work = failing("a__a-1", error=SandboxError("the engine is gone"))
    made = generate(TASKS, work, tmp_path, 2, lambda task, how: None)
    assert made.failed.keys() == {"a__a-1"} and "the engine is gone" in made.failed["a__a-1"]
    assert len(made.predictions) == 5
    again = generate(TASKS, patched, tmp_path, 2, lambda task, how: None)
    assert len(again.predictions) == 6 and not again.failed


def test_a_model_that_cannot_be_asked_ends_the_work_with_what_was_made(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        generate(TASKS, failing("a__a-3", error=ModelError("no server")), tmp_path, 1, lambda task, how: None)
    assert lines(tmp_path) == ["a__a-0", "a__a-1", "a__a-2"]


def test_predictions_of_other_tasks_stay_in_the_file_and_out_of_the_answer(tmp_path: Path) -> None:
    generate(TASKS[:2], patched, tmp_path, 1, lambda task, how: None)
    made = generate(TASKS[1:3], patched, tmp_path, 1, lambda task, how: None)
    assert sorted(made.predictions) == ["a__a-1", "a__a-2"]
    assert sorted(lines(tmp_path)) == ["a__a-0", "a__a-1", "a__a-2"]


def test_verdicts_come_back_as_they_were_written(tmp_path: Path) -> None:
    some = [Verdict(f"a-{n}", status, "why", True, 1.5) for n, status in enumerate(Status)]
    write_results(tmp_path, some, {"resolved": 1})
    assert list(read_verdicts(tmp_path).values()) == some


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"instance_id": "a", "status": "fine"}'])
def test_a_line_that_is_no_verdict_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / VERDICTS).write_text(f"{line}\n")
    with pytest.raises(ConfigError, match=r"verdicts\.jsonl:1: not a verdict"):
        read_verdicts(tmp_path)


def test_a_folder_without_verdicts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no verdicts\.jsonl in it"):
        read_verdicts(tmp_path)
