"""Exports: each row is read again, and shows what the caller's settings and the episode say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from atif import Trajectory
from hypothesis import given
from trajectory_samples import EPISODES, episode

from trajectories.codec import step_from_json
from trajectories.context import Context, parse_context
from trajectories.errors import ParseError
from trajectories.exports import EXPORTS, ExportSettings, find_export
from trajectories.formats import read_episodes
from trajectories.formats.openai_responses import looks_like
from trajectories.formats.tools import json_call, value_text
from trajectories.records import Action, Episode, StepExample, Turn
from trajectories.steps import make_steps


def settings(context: Context | None = None, system_prompt: str = "be good") -> ExportSettings:
    def steps_of(one: Episode) -> tuple[StepExample, ...]:
        return make_steps(
            one,
            context=context or Context(),
            system_prompt=system_prompt,
            max_observation_chars=1000,
            keep_last_step=True,
        ).steps

    return ExportSettings(
        system_prompt, steps_of, lambda step: f"<think>{step.expert_thought}</think>\n{step.step}", 1000
    )


def export(name: str, *episodes: Episode, told: ExportSettings | None = None) -> list[dict[str, Any]]:
    rows = list(find_export(name).rows(episodes, told or settings()))
    return [json.loads(json.dumps(row)) for row in rows]


def reread(rows: list[dict[str, Any]], path: Path) -> list[Episode]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_episodes(path, format="atif")[0]


def real_episodes(shared_data: Path) -> list[Episode]:
    names = ("swegym-openhands.jsonl", "swesmith-xml.jsonl", "mini-swe-agent", "swegym-openhands-inline-text.jsonl")
    return [one for name in names for one in read_episodes(shared_data / "trajectories" / name)[0]]


def test_an_unknown_export_lists_the_known_ones() -> None:
    with pytest.raises(ParseError) as error:
        find_export("trl")
    assert all(name in str(error.value) for name in ["'trl'", *EXPORTS])


@pytest.mark.parametrize("name", EXPORTS)
def test_each_export_streams(name: str) -> None:
    def endless() -> Any:
        while True:
            yield episode()

    assert next(find_export(name).rows(endless(), settings()))


def test_step_rows_are_the_steps() -> None:
    assert [step_from_json(row) for row in export("steps", episode())] == list(settings().steps_of(episode()))


def test_a_full_trace_alternates_targets_and_observations() -> None:
    (row,) = export("trl-sft", episode())
    assert [(message["role"], message["content"]) for message in row["messages"]] == [
        ("system", "be good"),
        ("user", "the task"),
        ("assistant", "<think>thought 1</think>\n1"),
        ("user", "output 1"),
        ("assistant", "<think>thought 2</think>\n2"),
        ("user", "output 2"),
        ("assistant", "<think>thought 3</think>\n3"),
    ]


def test_a_step_row_has_the_steps_prompt_and_target() -> None:
    rows = export("trl-sft-steps", episode())
    assert [row["prompt"] for row in rows] == [row["prompt"] for row in export("steps", episode())]
    assert rows[1]["completion"] == [{"role": "assistant", "content": "<think>thought 2</think>\n2"}]


def test_atif_keeps_ids_outcome_and_turns(tmp_path: Path) -> None:
    episodes = [episode(resolved=True), episode(run="b", resolved=None), episode("task-2", resolved=False)]
    again = reread(export("atif", *episodes), tmp_path / "a.jsonl")
    facts = [(one.instance_id, one.traj_id, one.resolved, one.task, one.turns) for one in episodes]
    assert [(one.instance_id, one.traj_id, one.resolved, one.task, one.turns) for one in again] == facts


def test_atif_of_all_real_episodes_gives_the_same_turns(tmp_path: Path, shared_data: Path) -> None:
    episodes = real_episodes(shared_data)
    again = reread(export("atif", *episodes), tmp_path / "a.jsonl")
    assert [one.turns for one in again] == [one.turns for one in episodes]


@given(EPISODES)
def test_atif_keeps_every_thought_argument_and_observation(one: Episode) -> None:
    try:
        (row,) = find_export("atif").rows([one], settings())
    except ParseError as error:
        assert "stands twice" in str(error)
        return
    for turn, step in zip(one.turns, row["steps"][1:], strict=True):
        (call,) = step["tool_calls"]
        assert (step["message"], call["function_name"]) == (turn.thought, turn.action.tool)
        assert tuple((name, value_text(value)) for name, value in call["arguments"].items()) == turn.action.arguments
        results = step.get("observation", {}).get("results", [])
        assert [result["content"] for result in results] == [turn.observation] * bool(turn.observation)


def test_atif_rows_are_valid_to_another_projects_models_of_the_format(shared_data: Path) -> None:
    for row in export("atif", episode(resolved=True), *real_episodes(shared_data)):
        assert Trajectory.model_validate(row).to_json_dict()["steps"] == row["steps"]


def test_atif_steps_are_numbered_and_results_name_calls_of_their_step(shared_data: Path) -> None:
    for row in export("atif", *real_episodes(shared_data)):
        assert [step["step_id"] for step in row["steps"]] == list(range(1, len(row["steps"]) + 1))
        for step in row["steps"][1:]:
            ids = {call["tool_call_id"] for call in step["tool_calls"]}
            assert all(result["source_call_id"] in ids for result in step.get("observation", {}).get("results", []))


def test_lists_and_numbers_are_themselves_again_and_other_text_stays_text() -> None:
    view = Action("str_replace_editor", (("path", "1"), ("view_range", "[1, 20]"), ("file_text", "[1]")))
    one = Episode("t", "t@a", "fix", (Turn("", view, ""),), None, "srl-agent")
    call = export("pivot", one)[0]["expected_action"]
    assert json.loads(call["arguments"]) == {"path": "1", "view_range": [1, 20], "file_text": "[1]"}


def test_a_parameter_that_stands_twice_is_refused_with_its_place() -> None:
    twice = Action("bash", (("command", "a"), ("command", "b")))
    with pytest.raises(ParseError, match=r"'t@a', step 1: a parameter of 'bash' stands twice"):
        export("atif", Episode("t", "t@a", "fix", (Turn("", twice, ""),), None, "srl-agent"))


@pytest.mark.parametrize("context", ["full", "window:1"])
def test_pivot_rows_show_the_rounds_of_the_prompt_as_calls_and_outputs(context: str) -> None:
    row = export("pivot", episode(), told=settings(parse_context(context)))[2]
    items = row["responses_create_params"]["input"]
    first = 1 if context == "full" else 2
    assert [item["content"] for item in items[:2]] == ["be good", "the task"]
    assert [json.loads(item["arguments"])["command"] for item in items[2::2]] == [f"run {k}" for k in range(first, 3)]
    assert [item["output"] for item in items[3::2]] == [f"output {k}" for k in range(first, 3)]
    assert all(call["call_id"] == output["call_id"] for call, output in zip(items[2::2], items[3::2], strict=True))
    assert json.loads(row["expected_action"]["arguments"]) == {"command": "run 3"}


def shape(value: Any) -> Any:
    """Keys and types of the fields that a pivot row's reader looks at."""
    return {key: type(inner).__name__ for key, inner in value.items()}


def test_pivot_rows_have_the_fields_of_the_real_example_rows(shared_data: Path) -> None:
    path = shared_data / "trajectories" / "openai-responses" / "swe_pivot.example.jsonl"
    samples = [json.loads(line) for line in path.read_text().split("\n") if line]
    rows = export("pivot", *real_episodes(shared_data)[:8], told=settings(parse_context("window:2")))
    assert len(rows) > 50 and len({row["uuid"] for row in rows}) == len(rows)
    for row in rows:
        assert looks_like(row) and shape(row) == shape(samples[0])
        assert shape(row["expected_action"]) == shape(samples[0]["expected_action"])
        assert shape(row["responses_create_params"]) == shape(samples[0]["responses_create_params"])
        assert row["agent_ref"] == samples[0]["agent_ref"]
        assert row["metadata"]["category"] in {sample["metadata"]["category"] for sample in samples}
        assert shape(row["responses_create_params"]["input"][0]) == {"role": "str", "content": "str"}
        json_call(row["expected_action"], "expected_action")
