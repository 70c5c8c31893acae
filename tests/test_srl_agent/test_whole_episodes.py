"""Whole episodes as examples: what traces and outlines hold, and what a token budget takes away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from srl_agent.config import Config
from srl_agent.domain import StepSets, only_steps, supervised_examples
from srl_agent.errors import ConfigError
from srl_agent.swe import NEUTRAL_THOUGHT, OUTLINE_PROMPT, SYSTEM_PROMPT, SweDomain
from trajectories.errors import ParseError
from trajectories.records import Action, Episode, Turn
from trajectories.render import render_action
from trajectories.store import write_episodes


def call(command: str) -> str:
    return render_action(Action("bash", (("command", command),)))


def words(text: str) -> int:
    return len(text.split())


def load(tmp_path: Path, *turns: Turn, **sections: dict[str, Any]) -> StepSets:
    path = tmp_path / "episodes.jsonl"
    write_episodes(path, [Episode("task-1", "run-1", "mend it", turns, True, "srl-agent")])
    data = {"path": str(path), "gates": ["none"], **sections.pop("data", {})}
    config = Config.model_validate({"stages": ["sft", "srl"], "data": data, **sections})
    return SweDomain().load_steps(config, words)


def turn(name: str, observation: str = "ok") -> Turn:
    return Turn(f"thought {name}", Action("bash", (("command", name),)), observation)


LOOK, MEND, SUBMIT = turn("look"), turn("mend"), Turn("", Action("submit"), "")


def test_a_trace_learns_every_turn_of_the_conversation(tmp_path: Path) -> None:
    (trace,) = load(tmp_path, LOOK, MEND, SUBMIT, sft={"target": "trace"}).supervised
    assert [message.role for message in trace.messages] == ["system", "user", *["assistant", "user"] * 2, "assistant"]
    assert trace.learnt == (2, 4, 6)
    assert trace.messages[0].content == SYSTEM_PROMPT
    assert [trace.messages[place].content for place in trace.learnt] == [
        f"<think>thought look</think>\n{call('look')}",
        f"<think>thought mend</think>\n{call('mend')}",
        f"<think>{NEUTRAL_THOUGHT}</think>\n{render_action(Action('submit'))}",
    ]


def test_a_trace_over_the_budget_ends_behind_a_whole_turn(tmp_path: Path) -> None:
    long = turn("look", "word " * 200)
    sets = load(tmp_path, LOOK, long, MEND, SUBMIT, sft={"target": "trace", "max_tokens": 150})
    (trace,) = sets.supervised
    assert (len(trace.messages), trace.learnt) == (5, (2, 4))
    assert trace.messages[-1].role == "assistant"
    assert "1 of 1 episode with 2 turns to learn, 1 cut behind a turn and 0 left out" in sets.summary[-1]


def test_a_budget_below_the_first_turn_says_what_to_raise(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"sft\.max_tokens"):
        load(tmp_path, turn("a " * 100), MEND, sft={"target": "trace", "max_tokens": 64})


def test_a_gated_step_stays_in_a_trace_without_loss_and_leaves_an_outline(tmp_path: Path) -> None:
    turns, data = (LOOK, MEND, MEND, MEND, SUBMIT), {"gates": ["repeated-step"]}
    (trace,) = load(tmp_path, *turns, sft={"target": "trace"}, data=data).supervised
    outlined = load(tmp_path, *turns, srl={"target": "episode"}, data=data)
    assert (len(trace.messages), trace.learnt) == (11, (2, 4, 10))
    assert outlined.train[0].expert_action == "\n".join([call("look"), call("mend"), render_action(SUBMIT.action)])


def test_an_outline_teaches_the_actions_alone_and_shows_no_observation(tmp_path: Path) -> None:
    (outline,) = load(tmp_path, turn("look", "seen"), MEND, sft={"target": "outline"}).supervised
    assert [message.content for message in outline.messages] == [
        OUTLINE_PROMPT,
        "mend it",
        f"<think>{NEUTRAL_THOUGHT}</think>\n{call('look')}\n{call('mend')}",
    ]
    assert outline.learnt == (2,)


def test_a_target_of_the_supervised_stage_does_not_change_what_srl_trains_on(tmp_path: Path) -> None:
    plain = load(tmp_path, LOOK, MEND, SUBMIT)
    for target in ("trace", "outline"):
        assert load(tmp_path, LOOK, MEND, SUBMIT, sft={"target": target}).train == plain.train


def test_whole_episodes_in_srl_leave_the_supervised_steps_as_they_are(tmp_path: Path) -> None:
    domain, plain = SweDomain(), load(tmp_path, LOOK, MEND, SUBMIT)
    whole = load(tmp_path, LOOK, MEND, SUBMIT, srl={"target": "episode"})
    assert supervised_examples(domain, whole) == supervised_examples(domain, plain)
    (episode,) = whole.train
    assert [message.content for message in episode.prompt] == [OUTLINE_PROMPT, "mend it"]
    assert (episode.step, episode.n_steps, episode.expert_thought) == (1, 3, "")


def test_an_outline_teaches_what_the_episode_reward_pays_in_full() -> None:
    config = Config.model_validate(
        {"stages": ["sft", "srl"], "sft": {"target": "outline"}, "srl": {"target": "episode"}}
    )
    domain = SweDomain()
    sets = domain.load_steps(config, words)
    outputs = [example.messages[-1].content for example in sets.supervised]
    scores = domain.scorer(config)(outputs, [step.expert_action for step in sets.train])
    assert {(score.reward, score.exact) for score in scores} == {(1.0, True)}
    assert 0.0 < max(domain.floors(config, sets.train).values()) < 1.0


def test_episodes_held_out_are_scored_as_wholes_too() -> None:
    sets = SweDomain().load_steps(Config.model_validate({"srl": {"target": "episode"}}), words)
    runs = {step.traj_id for step in sets.train} & {step.traj_id for step in sets.held_out}
    assert (runs, len(sets.train) + len(sets.held_out)) == (set(), 40)


@pytest.mark.parametrize("section", [{"sft": {"target": "trace"}}, {"srl": {"target": "episode"}}])
def test_a_domain_of_steps_alone_refuses_whole_episodes(section: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"{next(iter(section))}\.target"):
        only_steps(Config.model_validate(section))
