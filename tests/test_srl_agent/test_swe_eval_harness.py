"""The official harness, unmodified, on an engine: what it decides, what is never decided twice, and what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from needs import need
from swe_rows import swe_row

from envs.docker_engine import engine, engine_name, why_no_engine
from envs.errors import SandboxError
from envs.harness_settings import why_not_hardened
from envs.images import build_from_dockerfile, is_here
from srl_agent.errors import ConfigError, ScoreError
from srl_agent.swe_eval.harness import Watcher, score
from srl_agent.swe_eval.harness_run import LOGS, Settings, held
from srl_agent.swe_eval.predictions import write_predictions
from srl_agent.swe_eval.records import Prediction, Status, Task, Verdict
from srl_agent.swe_eval.rows import task_of

BASE = os.environ.get("SRL_AGENT_TEST_IMAGE", "srl-agent/base:bookworm")
# A runner that prints as pytest does, so that the image needs none.
DOCKERFILE = rf"""FROM {BASE}
STOPSIGNAL SIGKILL
WORKDIR /testbed
RUN mkdir -p /opt/miniconda3/bin && echo 'conda() {{ :; }}' > /opt/miniconda3/bin/activate
RUN printf 'def add(a, b):\n    return a - b\n' > adding.py && printf 'none\n' > test_adding.txt && \
    git init -q && git add -A && git -c user.name=x -c user.email=x@example.invalid commit -q -m base
"""
TEST_PATCH = "--- a/test_adding.txt\n+++ b/test_adding.txt\n@@ -1 +1 @@\n-none\n+add\n"
EVAL = f"""#!/bin/bash
set -uxo pipefail
source /opt/miniconda3/bin/activate
conda activate testbed
cd /testbed
git apply -v - <<'EOF_114329324912'
{TEST_PATCH}
EOF_114329324912
: '>>>>> Start Test Output'
python3 -c 'import adding; print("PASSED" if adding.add(2, 2) == 4 else "FAILED", "test_adding.py::test_add")'
: '>>>>> End Test Output'
git checkout -- test_adding.txt
"""


def fix(body: str) -> str:
    """A patch that makes this the function's body, of one line."""
    return f"--- a/adding.py\n+++ b/adding.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    {body}\n"


RIGHT, WRONG = fix("return a + b"), fix("return a - b - 1")
SLOW = fix("import time; time.sleep(600)")
FORGING = RIGHT + "--- /dev/null\n+++ b/conftest.py\n@@ -0,0 +1 @@\n+import os\n"
NOT_APPLYING = RIGHT.replace("a - b", "a * b")


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """An image of a project with one wrong function, removed at the end."""
    if reason := why_no_engine():
        need(reason)
    if not is_here(BASE):
        need(f"image {BASE} is not here; docker/make-base-image {BASE} ~/.cache/srl-agent/images")
    tag = f"srl-agent-test/harness:{uuid.uuid4().hex[:8]}"
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"srl-agent-test-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    build_from_dockerfile(folder, tag)
    (folder / "Dockerfile").unlink()
    folder.rmdir()
    yield tag
    engine().images.remove(tag, force=True)


@pytest.fixture
def task(image: str) -> Callable[..., Task]:
    """Tasks on that image, their ids nobody else's: containers are named by them."""
    unique = uuid.uuid4().hex[:6]

    def make(name: str, **changes: Any) -> Task:
        row = {
            "image": image,
            "eval_script": EVAL,
            "test_patch": TEST_PATCH,
            "FAIL_TO_PASS": ["test_adding.py::test_add"],
        }
        return task_of(swe_row(f"team__{name}-{unique}", **row | changes))

    return make


def settings(folder: Path, **changes: Any) -> Settings:
    return Settings(**{"folder": folder, "workers": 2, "timeout": 120, "unsafe_daemon": True, **changes})


def predicted(tasks: list[Task], *patches: str) -> dict[str, Prediction]:
    return {
        one.instance_id: Prediction(one.instance_id, "team/model", patch)
        for one, patch in zip(tasks, patches, strict=True)
    }


def runs(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / LOGS).glob("*"))


def containers(tasks: list[Task]) -> list[str]:
    names = [row["Names"][0] for row in engine().api.containers(all=True)]
    return [name for name in names for one in tasks if one.instance_id in name]


def test_each_prediction_gets_the_verdict_that_it_deserves_and_none_is_scored_twice(
    task: Callable[..., Task], tmp_path: Path
) -> None:
    names = ("right", "wrong", "forging", "off", "empty", "strange", "none")
    tasks = [task(name) for name in names]
    predictions = predicted(tasks[:-1], RIGHT, WRONG, FORGING, NOT_APPLYING, "", RIGHT.replace("+ b", "+ '\udc80'"))
    told: list[Verdict] = []
    verdicts = score(tasks, predictions, settings(tmp_path), Watcher(told.append))
    assert [one.status for one in verdicts] == [
        Status.RESOLVED,
        Status.UNRESOLVED,
        Status.FLAGGED,
        Status.NOT_APPLIED,
        Status.EMPTY,
        Status.NOT_APPLIED,
        Status.MISSING,
    ]
    assert [one.harness_resolved for one in verdicts] == [True, False, True, False, False, False, False]
    assert (verdicts[1].detail, verdicts[2].detail) == (
        "0 of 1 FAIL_TO_PASS pass, 0 of 0 PASS_TO_PASS still pass",
        "conftest.py",
    )
    assert sorted(told, key=lambda one: one.instance_id) == sorted(verdicts, key=lambda one: one.instance_id)
    assert containers(tasks) == []
    names_and_ids = json.loads((tmp_path / "images.json").read_text())
    assert names_and_ids == {tasks[0].image: engine().images.get(tasks[0].image).id}
    before = runs(tmp_path)
    assert len(before) == 1
    assert score(tasks, predictions, settings(tmp_path), Watcher()) == verdicts
    assert runs(tmp_path) == before
    # A new patch for the same tasks, by the same model, is scored anew, and alone.
    changed = {**predictions, tasks[0].instance_id: Prediction(tasks[0].instance_id, "team/model", WRONG)}
    again = score(tasks, changed, settings(tmp_path))
    assert (again[0].status, again[1:]) == (Status.UNRESOLVED, verdicts[1:])
    (new,) = set(runs(tmp_path)) - set(before)
    assert len(list((tmp_path / LOGS / new).glob("*/*"))) == 1


def test_a_prediction_in_the_place_of_the_hidden_tests_resolves_nothing(
    task: Callable[..., Task], tmp_path: Path
) -> None:
    hidden = "--- /dev/null\n+++ b/test_new.py\n@@ -0,0 +1 @@\n+print('FAILED', 'test_adding.py::test_add')\n"
    script = EVAL.replace(TEST_PATCH, hidden).replace("python3 -c 'import adding;", "python3 test_new.py #")
    script = script.replace("git apply", "git checkout HEAD test_new.py\ngit apply", 1)
    tasks = [task("hiding", eval_script=script, test_patch=hidden)]
    (verdict,) = score(tasks, predicted(tasks, hidden.replace("FAILED", "PASSED")), settings(tmp_path))
    assert (verdict.status, verdict.harness_resolved) == (Status.FLAGGED, True)
    assert verdict.detail.endswith("test_new.py: already exists in working directory")


def test_names_of_tests_in_a_form_that_the_harness_does_not_read_are_scored(
    task: Callable[..., Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "another")  # of the user's, which is not the engine that is scored on
    tasks = [task("literal", FAIL_TO_PASS="['test_adding.py::test_add']", PASS_TO_PASS="")]
    (verdict,) = score(tasks, predicted(tasks, RIGHT), settings(tmp_path))
    assert verdict.status is Status.RESOLVED
    (log,) = tmp_path.glob("logs/*/*/*/*/run_instance.log")
    assert "removed successfully" in log.read_text()


def test_tests_that_run_out_of_time_are_unresolved(task: Callable[..., Task], tmp_path: Path) -> None:
    tasks = [task("slow")]
    (verdict,) = score(tasks, predicted(tasks, SLOW), settings(tmp_path, timeout=2))
    assert (verdict.status, verdict.detail) == (Status.UNRESOLVED, "the tests ran out of time (2 s)")
    assert containers(tasks) == []


def test_a_task_whose_environment_fails_is_tried_again_and_then_an_error(
    task: Callable[..., Task], tmp_path: Path
) -> None:
    # What the engine's control group leaves of tests that take too much memory.
    broken = EVAL.replace("python3 -c", "echo Cannot allocate memory; exit; python3 -c")
    tasks = [task("unlucky", eval_script=broken)]
    lines: list[str] = []
    (verdict,) = score(tasks, predicted(tasks, RIGHT), settings(tmp_path), Watcher(say=lines.append))
    assert verdict.status is Status.ERROR
    assert verdict.detail
    assert any(line.startswith(f"trying 1 again, one at a time (first: {tasks[0].instance_id}: ") for line in lines)
    assert len(runs(tmp_path)) == 2


def test_a_container_that_dies_under_its_tests_is_no_verdict(task: Callable[..., Task], tmp_path: Path) -> None:
    tasks = [task("dying")]
    killed: list[str] = []

    def kill_once() -> None:
        while not killed:
            found = [name for name in containers(tasks) if list(tmp_path.glob("logs/*/*/*/*/eval.sh"))]
            for name in found:
                engine().containers.get(name.removeprefix("/")).kill()
                killed.append(name)
            time.sleep(0.1)

    killer = threading.Thread(target=kill_once, daemon=True)
    killer.start()
    lines: list[str] = []
    patch = fix("__import__('time').sleep(6); return a + b")
    (verdict,) = score(tasks, predicted(tasks, patch), settings(tmp_path), Watcher(say=lines.append))
    killer.join()
    assert verdict.status is Status.RESOLVED
    assert [line for line in lines if "trying 1 again" in line and "is not running" in line]


@pytest.mark.parametrize("name", ["workers", "timeout", "attempts"])
def test_settings_that_would_score_nothing_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{name}: 0 for the harness"):
        settings(tmp_path, **{name: 0})


def test_an_image_that_is_not_here_is_never_fetched_unasked(task: Callable[..., Task], tmp_path: Path) -> None:
    tasks = [task("imageless", image="srl-agent-test/none:0")]
    with pytest.raises(
        ConfigError, match=r"1 of 1 images are not here \(srl-agent-test/none:0\); get them with --pull"
    ):
        score(tasks, predicted(tasks, RIGHT), settings(tmp_path))
    assert runs(tmp_path) == []


def test_an_image_that_cannot_be_pulled_is_named(task: Callable[..., Task], tmp_path: Path) -> None:
    tasks = [task("unreachable", image="127.0.0.1:9/none:0")]
    with pytest.raises(SandboxError, match=r"image 127\.0\.0\.1:9/none:0 is not here and cannot be pulled"):
        score(tasks, predicted(tasks, RIGHT), settings(tmp_path, pull=True))


def test_an_engine_from_which_a_patch_may_reach_the_host_is_refused(task: Callable[..., Task], tmp_path: Path) -> None:
    if not why_not_hardened(engine_name()):
        pytest.skip("this engine is hardened")
    tasks = [task("untrusted")]
    with pytest.raises(ConfigError, match=r"SYS_ADMIN on .*sandbox daemon start; or accept it with --unsafe-daemon"):
        score(tasks, predicted(tasks, RIGHT), settings(tmp_path, unsafe_daemon=False))
    assert runs(tmp_path) == []


def test_a_folder_is_one_scorers(task: Callable[..., Task], tmp_path: Path) -> None:
    tasks = [task("second")]
    with held(tmp_path), pytest.raises(ScoreError, match="another process works here"):
        score(tasks, predicted(tasks, RIGHT), settings(tmp_path))


SCORER = """
import sys
from pathlib import Path
from srl_agent.swe_eval.harness import score
from srl_agent.swe_eval.harness_run import Settings
from srl_agent.swe_eval.predictions import by_task, read_predictions
from srl_agent.swe_eval.rows import read_tasks
tasks = read_tasks(sys.argv[1]).tasks
predictions, _ = by_task(tasks, read_predictions(sys.argv[2]))
score(tasks, predictions, Settings(Path(sys.argv[3]), workers=1, timeout=120, unsafe_daemon=True))
"""


def wait_for(done: Callable[[], Any], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not done():
        assert process.poll() is None, "the scorer ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_killed_scorer_leaves_no_harness_and_what_was_scored_is_not_scored_again(
    task: Callable[..., Task], tmp_path: Path
) -> None:
    tasks = [task("first"), task("second")]
    predictions = predicted(tasks, RIGHT, fix("__import__('time').sleep(10); return a + b"))
    (tmp_path / "rows.json").write_text(json.dumps([dict(one.row) for one in tasks]))
    write_predictions(tmp_path / "preds.json", list(predictions.values()))
    folder = tmp_path / "work"
    scorer = subprocess.Popen([sys.executable, "-c", SCORER, tmp_path / "rows.json", tmp_path / "preds.json", folder])
    wait_for(lambda: list(folder.glob("logs/*/*/*/*/report.json")) and containers(tasks[1:]), scorer)
    scorer.send_signal(signal.SIGKILL)
    scorer.wait()
    with held(folder):  # the harness holds the folder as long as it lives
        assert containers(tasks[1:]) != []
    lines: list[str] = []
    verdicts = score(tasks, predictions, settings(folder, workers=1), Watcher(say=lines.append))
    assert [one.status for one in verdicts] == [Status.RESOLVED, Status.RESOLVED]
    assert any(line.startswith("removed a container that a killed run left") for line in lines)
    assert [len(list(folder.glob(f"logs/*/*/*/{one.instance_id}"))) for one in tasks] == [1, 2]
    assert containers(tasks) == []
