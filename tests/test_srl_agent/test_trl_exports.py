"""The TRL exports with this package's prompt and format: what data sets, templates and the grammar make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from srl_agent.config import DataConfig
from srl_agent.output_format import parse_output
from srl_agent.step_sets import episode_steps
from srl_agent.swe import SYSTEM_PROMPT, SweDomain, read_call
from srl_agent.testing import byte_tokenizer
from trajectories.exports import ExportSettings, find_export
from trajectories.formats import read_episodes
from trajectories.records import Episode
from trajectories.render import render_action

DATA = DataConfig(keep_last_step=True, max_observation_chars=200)
SETTINGS = ExportSettings(
    system_prompt=SYSTEM_PROMPT,
    steps_of=lambda episode: episode_steps(episode, DATA, SYSTEM_PROMPT, lambda prompt: True).steps,
    supervised_target=SweDomain().supervised_target,
    max_observation_chars=200,
)


@pytest.fixture(scope="module")
def episodes(shared_data: Path) -> list[Episode]:
    return read_episodes(shared_data / "trajectories" / "swesmith-xml.jsonl")[0][:4]


def dataset(name: str, episodes: list[Episode]) -> Any:
    return Dataset.from_list(list(find_export(name).rows(episodes, SETTINGS)))


def test_a_data_set_of_full_traces_is_one_row_an_episode(episodes: list[Episode]) -> None:
    rows = dataset("trl-sft", episodes)
    assert rows["traj_id"] == [episode.traj_id for episode in episodes]
    spoken = [sum(message["role"] == "assistant" for message in messages) for messages in rows["messages"]]
    assert spoken == [len(episode.turns) for episode in episodes]


def test_what_the_assistant_says_keeps_the_output_grammar_and_is_the_experts_action(episodes: list[Episode]) -> None:
    for row, episode in zip(dataset("trl-sft", episodes), episodes, strict=True):
        outputs = [message["content"] for message in row["messages"] if message["role"] == "assistant"]
        read = [parse_output(output, read_call).action_text for output in outputs]
        assert read == [render_action(turn.action) for turn in episode.turns]


def test_a_step_row_reads_as_the_template_would_write_the_conversation(episodes: list[Episode]) -> None:
    tokenizer = byte_tokenizer()
    for row in dataset("trl-sft-steps", episodes[:1]):
        prompt = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template([*row["prompt"], *row["completion"]], tokenize=False)
        assert whole == f"{prompt}{row['completion'][0]['content']}<|end|>"


def test_a_full_trace_reads_as_the_template_would_write_it(episodes: list[Episode]) -> None:
    (row,) = dataset("trl-sft", episodes[:1])
    text = byte_tokenizer().apply_chat_template(row["messages"], tokenize=False)
    assert text == "".join(f"{m['role'][0]}:{m['content']}<|end|>" for m in row["messages"])


def test_step_rows_are_the_rows_that_training_sees(episodes: list[Episode]) -> None:
    steps = [step for episode in episodes for step in SETTINGS.steps_of(episode)]
    assert [tuple(m["content"] for m in prompt) for prompt in dataset("steps", episodes)["prompt"]] == [
        tuple(message.content for message in step.prompt) for step in steps
    ]
