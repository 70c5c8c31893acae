"""`srl-agent eval steps`: figures of a model on held-out steps, from a server and from this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chat_endpoint import Reply, completion, endpoint

from srl_agent.answers import Answer
from srl_agent.cli import main
from srl_agent.config import Config
from srl_agent.domain import Score
from srl_agent.evaluation import score_answers, summary
from srl_agent.swe import SweDomain
from srl_agent.testing import save_tiny
from trajectories.records import Action, StepExample
from trajectories.render import render_action

SUBMIT = render_action(Action("submit"))
SMOKE = ["--preset", "smoke", "--data.held_out_steps", "6"]


def evaluate(folder: Path, *words: str) -> dict[str, Any]:
    assert main(["eval", "steps", "--output", str(folder), *words]) == 0
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


def fail(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["eval", *words]) == 2
    return capsys.readouterr().err


def step(number: int, source: str, action: str) -> StepExample:
    return StepExample((), action, "", f"task-{number}", "run", number, 9, source, None)


def test_the_summary_is_that_of_hand_made_scores() -> None:
    some = [step(1, "a", "x"), step(5, "b", "y")]
    rewards = {"p": 1.0, "q": 0.5, "r": 0.0, "s": -1.0}

    def scorer(outputs: Any, experts: Any, steps: Any = ()) -> list[Score]:
        return [Score(rewards[text], "no action" if text == "s" else None, text == "p") for text in outputs]

    answers = [[Answer("p", 2, False), Answer("q", 4, True)], [Answer("r", 6, False), Answer("s", 8, False)]]
    found = summary(score_answers(some, answers, scorer, lambda action: action))
    assert (found["steps"], found["outputs"], found["reward"], found["exact_match"]) == (2, 4, 0.125, 0.25)
    assert found["reward_stderr"] == pytest.approx(((0.625**2) * 2) ** 0.5 / 2**0.5)  # means 0.75, -0.5
    assert (found["cut"], found["completion_tokens"], found["violations"]) == (0.25, 5, {"no action": 1})
    parts = {part: (figures["steps"], figures["reward"]) for part, figures in found["parts"].items()}
    first, second = (1, 0.75), (1, -0.5)
    names = {"depth/1-3": first, "depth/4-7": second, "kind/x": first, "kind/y": second}
    assert parts == names | {"source/a": first, "source/b": second}


def test_a_server_that_knows_the_expert_s_actions_earns_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held_out = SweDomain().load_steps(Config(), lambda text: -(-len(text) // 4)).held_out
    known = {step.prompt[-1].content + step.prompt[1].content: step.expert_action for step in held_out}

    def answer(body: dict[str, Any]) -> Reply:
        messages = body["messages"]
        return completion(known[messages[-1]["content"] + messages[1]["content"]], reasoning_content="as the expert")

    with endpoint(answer) as server:
        words = ["--server", server.url, "--server-model", "m", "--eval.rollouts", "2", "--seed", "3"]
        found = evaluate(tmp_path, *SMOKE, *words)
    assert (found["reward"], found["exact_match"], found["format_error_rate"]) == (1.0, 1.0, 0.0)
    assert (found["steps"], found["outputs"], found["seed"]) == (6, 12, 3)
    rows = [json.loads(line) for line in (tmp_path / "outputs.jsonl").read_text().splitlines()]
    assert [len(row["outputs"]) for row in rows] == [2] * 6
    assert rows[0]["outputs"][0]["text"] == f"<think>as the expert</think>\n{rows[0]['expert_action']}"
    printed = capsys.readouterr().out
    assert "reward 1.000 +- 0.000, exact 1.000, format errors 0.000 (6 expert steps x 2)" in printed
    assert "depth/1-3" in printed and "source/srl-agent" in printed and "kind/" in printed


def test_broken_and_cut_outputs_are_counted_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with endpoint(lambda body: completion(SUBMIT, "length")) as server:
        found = evaluate(tmp_path, *SMOKE, "--server", server.url, "--server-model", "m")
    assert (found["reward"], found["violations"], found["cut"]) == (-1.0, {"no think block": 6}, 1.0)
    assert "raise srl.max_completion_tokens" in " ".join(capsys.readouterr().out.split())


def test_empty_outputs_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with endpoint(lambda body: completion("")) as server:
        assert evaluate(tmp_path, *SMOKE, "--server", server.url, "--server-model", "m")["empty"] == 6
    assert "WARNING: 6 of 6 outputs empty:" in capsys.readouterr().out


def test_a_server_that_fails_leaves_no_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with endpoint(lambda body: Reply(401, "no")) as server:
        message = fail(
            capsys, "steps", *SMOKE, "--server", server.url, "--server-model", "m", "--output", str(tmp_path)
        )
    assert server.url in message and "OPENAI_API_KEY" in message
    assert list(tmp_path.iterdir()) == []


def test_a_model_here_earns_what_the_run_that_trained_it_measured_last(tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = {
        "model.name": save_tiny(tmp_path / "model"),
        "model.dtype": "float32",
        "stages": "[srl]",
        "srl.max_steps": 1,
        "srl.prompts_per_step": 2,
        "srl.rollouts": 2,
        "srl.learning_rate": 1e-2,
        "srl.max_completion_tokens": 8,
        "eval.rollouts": 3,
        "trainer.threads": 1,
    }
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    domain = ["--domain", "srl_agent.testing:ToyDomain", "--preset", "smoke"]
    assert main(["train", *domain, *options, "--output", str(run)]) == 0
    measured = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines() if "held_out/" in line]
    config, checkpoint = str(run / "config.yaml"), str(run / "srl" / "checkpoint-1")
    found = evaluate(tmp_path / "eval", "--config", config, "--model.name", checkpoint)
    assert found["reward"] == pytest.approx(measured[-1]["held_out/reward"])
    assert found["reward"] != pytest.approx(measured[0]["held_out/reward"]), "the step changed nothing: test is blind"
    assert found["reward_stderr"] == pytest.approx(measured[-1]["held_out/reward_stderr"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--server", "http://x/v1"], "--server-model"),
        (["--server-model", "m"], "goes with --server"),
        (["--server", "http://x/v1", "--server-model", "m", "--model.name", "n"], "--model.name: is about a model on"),
        (["--server", "http://x/v1", "--set", "trainer.engine=vllm"], "--trainer.engine: is about a model on"),
        (["--server", "x", "--server-model", "m"], "expected a URL"),
        (["--server", "http://x/v1", "--server-model", "m", "--server-extra", "[]"], "JSON object"),
        (["--server", "http://x/v1", "--server-model", "m", "--concurrency", "0"], "--concurrency"),
        (["--server", "http://x/v1", "--server-model", "m", "--data.held_out_episodes", "0"], "nothing is held out"),
        (["--model.name", "./nowhere"], "model.name"),
        (["--seed", "one"], "seed"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert message in fail(capsys, "steps", "--preset", "smoke", *words)
