"""Episodes to step sets: what is kept, held out, dropped and said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from srl_agent.config import Config, DataConfig
from srl_agent.errors import ConfigError
from srl_agent.step_sets import TOKENS_A_MESSAGE, load_step_data, token_budget
from srl_agent.swe import SYSTEM_PROMPT, SweDomain, read_call
from trajectories.errors import ParseError
from trajectories.records import Action, Episode, Message, Turn
from trajectories.sources import find_sources, sources_digest
from trajectories.store import write_episodes


def bash(command: str, observation: str = "ok") -> Turn:
    return Turn("why", Action("bash", (("command", command),)), observation)


def episode(number: int, *turns: Turn, resolved: bool | None = True) -> Episode:
    turns = turns or tuple(bash(f"ls {number} {k}") for k in range(4))
    return Episode(f"task-{number}", f"run-{number}", f"mend {number}", turns, resolved, "srl-agent")


def data(tmp_path: Path, episodes: Sequence[Episode], **settings: object) -> DataConfig:
    path = tmp_path / "episodes.jsonl"
    write_episodes(path, episodes)
    return DataConfig.model_validate({"path": str(path), **settings})


def words(text: str) -> int:
    return len(text.split())


def test_the_bundled_set_trains_and_holds_out() -> None:
    sets = SweDomain().load_steps(Config(), words)
    assert len(sets.train) >= 100 and len(sets.held_out) >= 30
    assert "bundled" in sets.summary[0]


def test_every_bundled_target_earns_the_full_reward() -> None:
    domain, sets = SweDomain(), SweDomain().load_steps(Config(), words)
    steps = [*sets.train, *sets.held_out]
    scores = domain.scorer(Config())([domain.supervised_target(s) for s in steps], [s.expert_action for s in steps])
    assert {(score.reward, score.exact) for score in scores} == {(1.0, True)}


@pytest.mark.parametrize("name", ["swegym-openhands.jsonl", "swesmith-xml.jsonl", "mini-swe-agent"])
@pytest.mark.parametrize("context", ["window:2", "full"])
def test_real_files_become_steps_that_keep_the_format(shared_data: Path, name: str, context: str) -> None:
    config = Config.model_validate({"data": {"path": str(shared_data / "trajectories" / name), "context": context}})
    domain, sets = SweDomain(), SweDomain().load_steps(config, words)
    outputs = [domain.supervised_target(step) for step in sets.train]
    scores = domain.scorer(config)(outputs, [step.expert_action for step in sets.train])
    assert len(scores) > 50
    assert {(score.violation, score.exact) for score in scores} == {(None, True)}


def test_no_task_is_on_both_sides(tmp_path: Path) -> None:
    sets = load_step_data(data(tmp_path, [episode(n) for n in range(9)]), "", words).sets
    train, held_out = ({step.instance_id for step in some} for some in (sets.train, sets.held_out))
    assert len(train) == 6 and len(held_out) == 3 and not train & held_out


def test_the_prompt_opens_with_the_system_prompt_and_the_task(tmp_path: Path) -> None:
    sets = load_step_data(data(tmp_path, [episode(1)]), SYSTEM_PROMPT, words).sets
    assert sets.train[0].prompt == (Message("system", SYSTEM_PROMPT), Message("user", "mend 1"))


def test_failed_episodes_are_left_out_and_counted_but_unknown_ones_stay(tmp_path: Path) -> None:
    episodes = [episode(1, resolved=False), episode(2, resolved=None), episode(3, resolved=True)]
    sets = load_step_data(data(tmp_path, episodes, held_out_episodes=0), "", words).sets
    assert {step.traj_id for step in sets.train} == {"run-2", "run-3"}
    assert any("episodes that failed their task: 1" in line for line in sets.summary)


def test_a_set_of_failures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="all 2 episodes failed"):
        load_step_data(data(tmp_path, [episode(n, resolved=False) for n in range(2)]), "", words)


def test_the_last_step_is_a_target_only_on_request(tmp_path: Path) -> None:
    counts = [
        len(load_step_data(data(tmp_path, [episode(1)], keep_last_step=keep), "", words).sets.train)
        for keep in (False, True)
    ]
    assert counts == [3, 4]


def test_episodes_of_one_step_are_an_error_that_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="keep_last_step"):
        load_step_data(data(tmp_path, [episode(1, bash("ls"))]), "", words)


def test_steps_over_the_budget_are_left_out_and_counted(tmp_path: Path) -> None:
    long = episode(1, bash("a"), bash("b", "word " * 200), bash("c"), bash("d"))
    sets = load_step_data(data(tmp_path, [long], max_prompt_tokens=100), "", words).sets
    assert [step.step for step in sets.train] == [1, 2]
    assert any("steps whose prompt exceeds 100 tokens: 1" in line for line in sets.summary)


def test_a_budget_that_fits_nothing_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"all 3 training steps exceed data\.max_prompt_tokens \(64\)"):
        load_step_data(data(tmp_path, [episode(1)], max_prompt_tokens=64), "word " * 200, words)


def test_the_budget_counts_contents_and_an_allowance_for_each_message() -> None:
    prompt = [Message("system", "one two"), Message("user", "three")]
    assert token_budget(3 + 2 * TOKENS_A_MESSAGE, words)(prompt)
    assert not token_budget(2 + 2 * TOKENS_A_MESSAGE, words)(prompt)


def test_held_out_steps_are_thinned_evenly_and_it_is_said(tmp_path: Path) -> None:
    settings = data(tmp_path, [episode(n) for n in range(9)], held_out_steps=4)
    sets = load_step_data(settings, "", words).sets
    assert len(sets.held_out) == 4
    assert len({step.traj_id for step in sets.held_out}) == 3
    assert any("evaluated: 4" in line for line in sets.summary)


def test_an_impossible_context_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.context.*window:N"):
        load_step_data(data(tmp_path, [episode(1)], context="window:0"), "", words)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"nowhere\.jsonl"):
        load_step_data(DataConfig(path=str(tmp_path / "nowhere.jsonl")), "", words)


def test_rows_that_could_not_be_read_are_counted(tmp_path: Path) -> None:
    settings = data(tmp_path, [episode(1), episode(2)])
    with Path(settings.path).open("a", encoding="utf-8") as file:
        file.write('{"broken\n')
    loaded = load_step_data(settings, "", words)
    assert loaded.report.episodes_dropped == 1
    assert any("unreadable rows: 1" in line for line in loaded.sets.summary)


def test_lone_surrogates_do_not_reach_the_tokenizer(tmp_path: Path) -> None:
    turns = bash("echo \ud800", "out \udfff"), bash("ls 🙂"), bash("x")
    odd = replace(episode(1, *turns), instance_id="task \ud800", traj_id="run \ud800")
    sets = load_step_data(data(tmp_path, [odd]), "", lambda text: len(text.encode("utf-8"))).sets
    assert read_call(sets.train[0].expert_action).count("echo \ufffd") == 1
    assert sets.train[1].prompt[-1].content == "out \ufffd"
    assert "🙂" in sets.train[1].expert_action
    assert (sets.train[0].instance_id, sets.train[0].traj_id) == ("task \ufffd", "run \ufffd")


def test_the_digest_is_that_of_the_sources(tmp_path: Path) -> None:
    settings = data(tmp_path, [episode(n) for n in range(9)])
    assert load_step_data(settings, "", words).sets.digest == sources_digest(find_sources(settings.path))


def test_the_same_file_gives_the_same_sets(tmp_path: Path) -> None:
    settings = data(tmp_path, [episode(n) for n in range(9)])
    assert load_step_data(settings, "", words) == load_step_data(settings, "", words)
