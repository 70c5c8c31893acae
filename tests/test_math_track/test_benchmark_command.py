"""`srl-agent eval` on benchmarks: from rows to the table, with a server and a tiny model, stopped and gone on with."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chat_endpoint import Endpoint, Reply, completion, endpoint

from math_track.benchmarks import BENCHMARKS, PAPER
from srl_agent.answers import seed_of
from srl_agent.cli import main
from srl_agent.testing import save_tiny

COUNT = 12
EVEN = {
    seed_of(0, f"{name}-{number}", 2 * place) for name in BENCHMARKS for number in range(COUNT) for place in range(16)
}
"""Seeds of the outputs at even places."""


def write_rows(path: Path, count: int = COUNT) -> str:
    rows = [{"problem": f"What is {number} + {number}?", "answer": 2 * number} for number in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def solve(body: dict[str, Any]) -> Reply:
    """Right for even numbers; sampled, right in every other output; 7 is cut and 9 has no answer."""
    number = int(body["messages"][-1]["content"].split()[2])
    right = body["seed"] in EVEN if body["temperature"] else number % 2 == 0
    if number == 9:
        return completion("I cannot tell.")
    text = f"It is \\boxed{{{2 * number if right else 'x'}}}"
    return completion(text, "length" if number == 7 else "stop")


def words_of(server: Endpoint, rows: str, folder: Path, *more: str) -> list[str]:
    asked = ["--preset", "smoke", "--server", server.url, "--server-model", "m", "--rows", rows]
    grader = ["--options.grader_workers", "1"]
    return ["eval", "problems", *asked, *grader, "--output", str(folder), *more]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def fail(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["eval", *words]) == 2
    return capsys.readouterr().err


def closing(printed: str) -> str:
    """The table and what stands below it."""
    return printed[printed.index("accuracy in %") :]


def table(printed: str) -> list[list[str]]:
    """The cells of each line."""
    return [re.split(r"  +", line.strip()) for line in closing(printed).splitlines()]


def test_accuracies_counts_and_pass_at_k_reach_table_and_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(solve) as server:
        printed = run(capsys, *words_of(server, write_rows(tmp_path / "rows.jsonl"), tmp_path / "out", "--avg", "4"))
    found = json.loads((tmp_path / "out" / "summary.json").read_text())
    greedy, sampled = found["results"]
    assert (greedy["accuracy"], greedy["unanswered"], greedy["cut"]) == (0.5, 1, 1)
    assert (sampled["accuracy"], sampled["outputs"]) == (pytest.approx(11 / 24), 4)
    assert sampled["pass_at"]["4"] == pytest.approx(11 / 12)
    rows = table(printed)
    assert ["m", "50.0", "45.8"] in rows and ["pass@4", "-", "91.7"] in rows
    assert ["outputs", "12", "48"] in rows and ["without an answer", "1", "4"] in rows and ["cut", "1", "4"] in rows
    assert "paper" not in closing(printed)
    assert "8.3% of the outputs were cut at 2048 tokens" in printed
    assert found["schema"] == "srl-agent/eval-math-1" and found["grader"]["math-verify"] and found["provenance"]


def test_prompts_ask_for_a_boxed_answer_and_every_output_has_a_seed_of_its_own(tmp_path: Path) -> None:
    with endpoint(solve) as server:
        main(words_of(server, write_rows(tmp_path / "rows.jsonl", 3), tmp_path / "out", "--avg", "2", "--seed", "5"))
        bodies = [body for _, _, body in server.requests]
    assert {body["messages"][0]["content"] for body in bodies} == {
        "Please reason step by step, and put your final answer within \\boxed{}."
    }
    assert Counter(body["temperature"] for body in bodies) == {0.0: 3, 1.0: 6}
    assert len({body["seed"] for body in bodies if body["temperature"]}) == 6
    assert {(body["max_tokens"], body["top_p"]) for body in bodies} == {(2048, 1.0)}


def test_think_blocks_are_allowed_where_asked_for_and_the_answers_are_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 1)
    with endpoint(solve) as server:
        run(capsys, *words_of(server, rows, tmp_path / "out", "--think"))
        assert "<think> </think>" in server.requests[0][2]["messages"][0]["content"]
        assert "has answers under prompt" in fail(capsys, *words_of(server, rows, tmp_path / "out")[1:])


def test_the_four_are_printed_beside_the_paper(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for name in PAPER:
        path = tmp_path / f"{name}.jsonl"
        url = f"https://x{BENCHMARKS[name].url}Problem_1"
        path.write_text(json.dumps({"problem": "What is 2 + 2?", "answer": 4, "url": url}) + "\n")
        paths += ["--rows", f"{name}={path}"]
    with endpoint(solve) as server:
        asked = ["--preset", "smoke", "--server", server.url, "--server-model", "m", "--output", str(tmp_path / "out")]
        printed = run(capsys, "eval", "math", *paths, *asked)
        assert len(server.requests) == 4 + 3 * 32
    rows = table(printed)
    assert ["m", "50.0", "100.0", "50.0", "100.0", "50.0", "100.0", "100.0"] in rows
    assert ["SRL", "51.5", "50.0", "13.2", "16.7", "7.1", "13.3", "36.4"] in rows
    assert "a part of the benchmark only: 1 problems of AMC23, 1 problems of AIME24" in printed


@contextmanager
def started(words: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, killed at the end."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "srl_agent", *words], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def kill_at(words: list[str], mark: str) -> None:
    """Run the command and kill it when it prints this."""
    with started(words) as process:
        assert process.stdout
        assert any(mark in line for line in process.stdout), "it ended before"
    assert process.returncode == -signal.SIGKILL


def test_a_kill_amid_asking_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, reached, killed = write_rows(tmp_path / "rows.jsonl"), threading.Event(), threading.Event()
    asked = iter(range(10**6))

    def hesitate(body: dict[str, Any]) -> Reply:
        if next(asked) >= 30:  # of 12 greedy and 48 sampled
            reached.set()
            killed.wait(60)
        return solve(body)

    with endpoint(hesitate) as server:
        with started(words_of(server, rows, tmp_path / "cut", "--avg", "4", "-j", "2")):
            assert reached.wait(60)
        killed.set()
        before = len(server.requests)
        resumed = run(capsys, *words_of(server, rows, tmp_path / "cut", "--avg", "4"))
        assert 30 <= len(server.requests) - before <= 36  # what was under way, and the group it belonged to
        whole = run(capsys, *words_of(server, rows, tmp_path / "whole", "--avg", "4"))
    assert "problems answered before" in resumed
    same(tmp_path, resumed, whole)


def same(folder: Path, resumed: str, whole: str) -> None:
    """Tables and records of `cut` and `whole`, but for the last line, which names the directory."""
    assert closing(resumed).splitlines()[:-1] == closing(whole).splitlines()[:-1]
    assert (folder / "cut" / "items.jsonl").read_text() == (folder / "whole" / "items.jsonl").read_text()


def test_a_kill_amid_grading_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = write_rows(tmp_path / "rows.jsonl")
    with endpoint(solve) as server:
        kill_at(words_of(server, rows, tmp_path / "cut", "--avg", "4"), "grading 60 outputs")
        assert not (tmp_path / "cut" / "summary.json").exists()
        before = len(server.requests)
        resumed = run(capsys, *words_of(server, rows, tmp_path / "cut", "--avg", "4"))
        assert len(server.requests) == before
        same(tmp_path, resumed, run(capsys, *words_of(server, rows, tmp_path / "whole", "--avg", "4")))


def test_a_kill_of_a_local_model_s_evaluation_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 20)
    model = ["--model.name", str(save_tiny(tmp_path / "model")), "--model.dtype", "float32", "--trainer.threads", "1"]
    words = ["eval", "problems", "--preset", "smoke", "--rows", rows, *model, "--max-tokens", "8", "--avg", "16"]
    kill_at([*words, "--output", str(tmp_path / "cut")], "problems, sampled: 8 of 20 problems answered")
    resumed = run(capsys, *words, "--output", str(tmp_path / "cut"))
    found = re.search(r"problems, sampled: (\d+) of 20 problems answered before", resumed)
    assert found and 8 <= int(found[1]) < 20
    same(tmp_path, resumed, run(capsys, *words, "--output", str(tmp_path / "whole")))
    rows_of = [json.loads(line) for line in (tmp_path / "whole" / "items.jsonl").read_text().splitlines()]
    assert all(len({one["text"] for one in row["outputs"]}) > 8 for row in rows_of if row["draw"] == "sampled")


def test_without_a_directory_other_slices_and_more_outputs_build_on_the_answers_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = write_rows(tmp_path / "rows.jsonl", 3)
    with endpoint(solve) as server:
        words = words_of(server, rows, tmp_path)[:-2]
        run(capsys, *words, "--slice", "1:3")
        assert "2 of 3 problems answered before" in run(capsys, *words)
        assert "problems, greedy: 2 of 2 problems answered before" in run(
            capsys, *words, "--slice", "0:2", "--avg", "2"
        )
        assert len(server.requests) == 3 + 2 * 2
    (folder,) = (tmp_path / "runs").iterdir()
    assert {path.name for path in (folder / "problems").iterdir()} == {"greedy", "sampled-2"}


def test_pass_at_k_is_given_for_all_outputs_and_rows_may_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(solve) as server:
        rows = f"problems={write_rows(tmp_path / 'rows.jsonl', 3)}"
        rows_of = table(run(capsys, *words_of(server, rows, tmp_path / "out", "--avg", "3")))
    assert [row[0] for row in rows_of if row[0].startswith("pass@")] == ["pass@2", "pass@3"]


def test_empty_outputs_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with endpoint(lambda body: completion(" ")) as server:
        printed = run(capsys, *words_of(server, write_rows(tmp_path / "rows.jsonl", 3), tmp_path / "out"))
    assert "WARNING: 3 of 3 outputs empty:" in printed


def test_an_option_of_steps_is_said_to_do_nothing_and_one_of_the_grader_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 1)
    with endpoint(solve) as server:
        words = words_of(server, rows, tmp_path / "out")
        printed = run(capsys, *words, "--options.next_title", "false")
        assert "WARNING: options.next_title does nothing here" in printed and "options.grader" not in printed
        assert "unknown key 'options.titles'" in fail(capsys, *words[1:], "--options.titles", "1")


@pytest.mark.parametrize("more", [["--server-model", "n"], ["--seed", "3"], ["--max-tokens", "9"], ["--rows", "OTHER"]])
def test_without_a_directory_what_cannot_build_on_the_answers_there_goes_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows, other = write_rows(tmp_path / "rows.jsonl", 1), write_rows(tmp_path / "other.jsonl", 2)
    nobody = ["--preset", "smoke", "--server", "http://127.0.0.1:9/v1", "--retries", "0"]
    changed = ["--rows", other] if "OTHER" in more else ["--rows", rows, *more]
    for words in (["--rows", rows, "--slice", "0:1"], ["--rows", rows, "-j", "1"], changed):
        assert "cannot be reached" in fail(capsys, "problems", *nobody, "--server-model", "m", *words)
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_answers_are_those_of_the_problem_s_words_not_of_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    with endpoint(solve) as server:
        run(capsys, *words_of(server, write_rows(rows, 3), tmp_path / "out"))
        rows.write_text(rows.read_text().replace("2 + 2", "4 + 4"))
        assert "2 of 3 problems answered before" in run(capsys, *words_of(server, str(rows), tmp_path / "out"))
        assert server.requests[-1][2]["messages"][-1]["content"] == "What is 4 + 4?"


def test_a_directory_with_answers_of_something_else_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 3)
    with endpoint(solve) as server:
        run(capsys, *words_of(server, rows, tmp_path / "out"))
        more = ["--max-tokens", "9"]
        assert "max_tokens 2048, and this is 9" in fail(capsys, *words_of(server, rows, tmp_path / "out", *more)[1:])


def test_a_model_that_was_written_anew_is_not_taken_for_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 1)
    words = ["--preset", "smoke", "--rows", rows, "--max-tokens", "2", "--output", str(tmp_path / "out")]
    words += ["--model.name", str(save_tiny(tmp_path / "model")), "--trainer.threads", "1"]
    run(capsys, "eval", "problems", *words)
    asked = tmp_path / "out" / "problems" / "greedy" / "asked.json"
    facts = json.loads(asked.read_text())
    assert {"torch", "transformers", "threads"} == set(facts["made_with"])
    asked.write_text(json.dumps({**facts, "made_with": {"torch": "0.1"}}))
    assert "made with something else (torch 0.1 before," in " ".join(run(capsys, "eval", "problems", *words).split())
    save_tiny(tmp_path / "model")
    assert "has answers under weights" in fail(capsys, "problems", *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["aime25", "--max-tokens", "0"], "--max-tokens: expected 1 or more"),
        (["aime25", "--avg", "-1"], "--avg: expected outputs"),
        (["aime25", "--rows", "a", "--rows", "b"], "one path is enough"),
        (["math", "--rows", "FILE"], "expected NAME=PATH with one of amc23, aime24, aime25, minerva, found 'FILE'"),
        (["math", "--rows", "gsm8k=FILE"], "expected NAME=PATH"),
        (["math", "--rows", "aime24=a", "--rows", "aime24=b"], "--rows: aime24 is named twice"),
        (["problems"], "--rows FILE"),
        (["problems", "--rows", "./nowhere.jsonl"], "nowhere.jsonl"),
        (["problems", "--rows", "ROWS", "--slice", "x"], "--slice: expected FIRST:BEHIND"),
        (["problems", "--rows", "ROWS", "--max-tokens", "5000"], "--max-tokens: a prompt with its output may take"),
        (["problems", "--rows", "ROWS", "--trainer.engine", "vllm"], "trainer.engine: vllm is not installed"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    if "vllm" in words and importlib.util.find_spec("vllm"):
        pytest.skip("vllm is installed")
    rows = write_rows(tmp_path / "rows.jsonl", 1)
    model = ["--preset", "smoke", "--model.name", str(save_tiny(tmp_path / "model"))]
    assert message in fail(capsys, *(rows if word == "ROWS" else word for word in words), *model)
