"""`srl-agent eval issues` on miniature tasks, by the official harness on a hardened engine, and killed on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from chat_endpoint import Reply, completion, endpoint
from hardened import LIMITS, docker, one_at_a_time, own_state
from mini_tasks import mini_tasks, rows
from needs import need

from envs import harness_daemon
from envs.base import find_backend
from envs.hygiene import docker_leftovers
from srl_agent.cli import main
from srl_agent.commands.eval import issue_work
from srl_agent.output_format import format_output
from trajectories.records import Action
from trajectories.render import render_action

FORGING = """\
diff --git a/conftest.py b/conftest.py
new file mode 100644
--- /dev/null
+++ b/conftest.py
@@ -0,0 +1,5 @@
+import pytest
+@pytest.hookimpl(hookwrapper=True)
+def pytest_runtest_makereport(item, call):
+    outcome = yield
+    outcome.get_result().outcome = 'passed'
"""
BASE_IMAGE = "srl-agent/base:bookworm"
SOLVED = ("mini__parse-hyphen", "mini__toolz-partition")
"""What the scripted model knows the fix of."""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The rows of the miniature tasks, with a hardened engine that runs."""
    if reason := find_backend("docker").why_not() or harness_daemon.why_not(LIMITS):
        need(f"docker, and a hardened engine: {reason}")
    if not docker("", "images", "-q", BASE_IMAGE).stdout:
        need(f"image {BASE_IMAGE}: docker/make-base-image {BASE_IMAGE} ~/.cache/srl-agent/images")
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    with one_at_a_time(), own_state():
        harness_daemon.start(LIMITS)
        yield path
        harness_daemon.stop()


def call(text: str, *arguments: tuple[str, str], tool: str = "bash") -> str:
    return format_output(text, render_action(Action(tool, arguments)))


def scripted(body: dict[str, Any]) -> Reply:
    """Mends the tasks in SOLVED by their known fix, looks around in the others; then submits."""
    said = "\n".join(message["content"] for message in body["messages"])
    task = next(task for task in mini_tasks() if task.problem_statement.strip()[:60] in said)
    turns = sum(message["role"] == "assistant" for message in body["messages"])
    if turns:
        return completion(call("That is all.", tool="submit"))
    fix = task.patch.lstrip("\n")
    line = f"git apply <<'EOF'\n{fix}EOF" if task.instance_id in SOLVED else "ls"
    return completion(call("I begin.", ("command", line)))


def options(tasks: Path, url: str, output: Path) -> list[str]:
    words = ["eval", "issues", "--rows", str(tasks), "--preset", "smoke", "--output", str(output)]
    return [*words, "--server", url, "--server-model", "scripted", "--test-timeout", "120", "-j", "2"]


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found


def statuses(folder: Path) -> dict[str, str]:
    lines = (folder / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["instance_id"]: row["status"] for row in map(json.loads, lines)}


def predict(path: Path, patches: dict[str, str]) -> Path:
    rows = [{"instance_id": name, "model_name_or_path": "m", "model_patch": patch} for name, patch in patches.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_gold_is_resolved_on_every_task(tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["eval", "issues", "--rows", str(tasks), "--predictions", "gold", "--output", str(tmp_path), "-j", "2"]
    assert main(words) == 0
    assert (summary(tmp_path)["resolved"], summary(tmp_path)["tasks"]) == (5, 5)
    assert "the hardened one that runs here" in capsys.readouterr().out


def test_each_way_to_fail_has_its_own_name(tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third, fourth, fifth = mini_tasks()
    patches = {
        first.instance_id: first.patch.replace("\\w-", "\\w_", 1).lstrip("\n"),
        second.instance_id: "",
        third.instance_id: third.patch.replace(".py", "_absent.py").lstrip("\n"),
        fourth.instance_id: FORGING,
        "mini__parse-hyphn": "",
    }
    file = predict(tmp_path / "preds.jsonl", patches)
    words = ["eval", "issues", "--rows", str(tasks), "--predictions", str(file), "--output", str(tmp_path / "out")]
    assert main(words) == 0
    assert statuses(tmp_path / "out") == {
        first.instance_id: "unresolved",
        second.instance_id: "empty patch",
        third.instance_id: "patch does not apply",
        fourth.instance_id: "touches test configuration",
        fifth.instance_id: "no prediction",
    }
    assert summary(tmp_path / "out")["flagged_but_resolved"] == 1
    assert "mini__parse-hyphn; did you mean mini__parse-hyphen?" in " ".join(capsys.readouterr().out.split())


def test_a_scripted_model_that_solves_two_of_five_gets_two_of_five(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(issue_work, "PULSE", 0.1)
    with endpoint(scripted) as server:
        assert main(options(tasks, server.url, tmp_path)) == 0
    found = summary(tmp_path)
    assert {name for name, status in statuses(tmp_path).items() if status == "resolved"} == set(SOLVED)
    assert (found["resolved"], found["tasks"], found["resolve_rate"]) == (2, 5, 0.4)
    assert found["effort"]["ended"] == {"submit": 5}
    episodes = [json.loads(line) for line in (tmp_path / "episodes.jsonl").read_text().splitlines()]
    assert {row["instance_id"] for row in episodes if row["resolved"]} == set(SOLVED)
    assert re.search(r"at work: mini__[\w-]+ \(outputs: \d\)", capsys.readouterr().out)


def kill_when(words: Sequence[str], there: Callable[[], bool]) -> None:
    """Start the command and kill it as soon as that is so."""
    process = subprocess.Popen([sys.executable, "-m", "srl_agent", *words], stdout=subprocess.DEVNULL)
    while not there():
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def harness_runs(folder: Path) -> list[str]:
    """The tasks that were scored, once for each time."""
    return sorted(path.parent.name for path in (folder / "harness").rglob("report.json"))


def test_killed_while_working_and_while_scoring_it_goes_on_to_the_same_table(tasks: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    lines = folder / "preds.jsonl"
    with endpoint(scripted) as server:
        words = options(tasks, server.url, folder)
        kill_when(words, lambda: lines.is_file() and len(lines.read_text().splitlines()) > 0)
        asked = len(server.requests)
        made = {json.loads(line)["instance_id"] for line in lines.read_text().splitlines()}
        kill_when(words, lambda: bool(harness_runs(folder)))
        before = harness_runs(folder)
        assert main(words) == 0
        again = [body for _, _, body in server.requests[asked:]]
    assert {name for name, status in statuses(folder).items() if status == "resolved"} == set(SOLVED)
    assert sorted(set(before) & set(harness_runs(folder))) == sorted(before)
    assert len(harness_runs(folder)) == len(set(harness_runs(folder))), "a task was scored twice"
    known = {task.instance_id: task.problem_statement.strip()[:60] for task in mini_tasks()}
    texts = ["\n".join(message["content"] for message in body["messages"]) for body in again]
    assert not [name for name in made if any(known[name] in text for text in texts)], "worked on twice"
    left = docker(harness_daemon.socket(), "ps", "-aq").stdout.split()
    assert left == [], "containers were left"


def test_sigterm_closes_the_sandboxes_and_keeps_what_was_made(tasks: Path, tmp_path: Path) -> None:
    waiting = threading.Semaphore(0)

    def answer(body: dict[str, Any]) -> Reply:
        said = "\n".join(message["content"] for message in body["messages"])
        if "partition_all" in said:
            return scripted(body)
        waiting.release()
        return completion(call("I wait.", ("command", "sleep 1000")))

    with endpoint(answer) as server:
        words = [*options(tasks, server.url, tmp_path / "ended"), "--no-scoring", "--options.command_seconds", "2000"]
        process = subprocess.Popen([sys.executable, "-m", "srl_agent", *words], stdout=subprocess.DEVNULL)
        assert waiting.acquire(timeout=120) and waiting.acquire(timeout=120)
        process.terminate()
        assert process.wait(120) == 130
    made = tmp_path / "ended" / "preds.jsonl"
    lines = made.read_text().splitlines() if made.is_file() else []
    assert {json.loads(line)["instance_id"] for line in lines} <= {"mini__toolz-partition"}
    assert not [one for one in docker_leftovers() if one.owner and one.owner.pid == process.pid]
