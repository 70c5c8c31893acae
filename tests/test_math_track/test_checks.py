"""Settings that do nothing in mathematics are refused, before any data is read."""

from __future__ import annotations

from typing import Any

import pytest
from worked import configured

from math_track.checks import MEANINGLESS, check_settings
from srl_agent.config import DataConfig
from srl_agent.config_load import load_config
from srl_agent.errors import ConfigError

USED = {"path", "max_prompt_tokens", "keep_last_step", "held_out_episodes", "held_out_steps"}
CONTAMINATION = {"gates", "evaluation_sets"}


def test_every_setting_of_the_data_is_used_or_refused() -> None:
    assert USED | CONTAMINATION | set(MEANINGLESS) == set(DataConfig.model_fields)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("data", "format", "x"),
        ("data", "context", "full"),
        ("data", "split", "repository"),
        ("data", "replayed", "f"),
        ("data", "replay_share", 1),
        ("sandbox", "image", "debian"),
        ("sandbox", "workers", 2),
        ("rlvr", "start", "steps"),
    ],
)
def test_a_setting_that_means_nothing_is_refused_by_name(section: str, name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"^{section}\.{name}: nothing in the math domain"):
        check_settings(configured(**{section: {name: value}}))


@pytest.mark.parametrize("gates", ["all", "loop", "contamination,loop"])
def test_gates_on_actions_are_refused(gates: str) -> None:
    check_settings(configured(data={"gates": "contamination"}))
    with pytest.raises(ConfigError, match=r"data\.gates \(contamination or none\): nothing in the math domain"):
        check_settings(configured(data={"gates": gates}))


@pytest.mark.parametrize("more", [{"stages": ["srl", "rlvr"]}, {"eval": {"tasks": 4}}])
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"max_turns": 3}, r"rlvr\.max_turns \(or set it to 1: a rollout is one output\)"),
        ({"max_rollout_tokens": 4096}, r"rlvr\.max_rollout_tokens \(or set it to 1024"),
    ],
)
def test_limits_of_turns_are_refused_where_answers_are_played(
    setting: dict[str, int], message: str, more: dict[str, Any]
) -> None:
    check_settings(configured(rlvr=setting))
    with pytest.raises(ConfigError, match=message):
        check_settings(configured(rlvr=setting, **more))


def test_whole_problems_are_not_played_beside_a_stage_that_plays_them() -> None:
    check_settings(configured(stages=["srl", "rlvr"], eval={"tasks": 4}))
    with pytest.raises(ConfigError, match=r"^eval\.tasks \(stage rlvr is evaluated on whole problems\)"):
        check_settings(configured(stages=["rlvr"], eval={"tasks": 4}))


@pytest.mark.parametrize("preset", ["smoke-math", "paper-math"])
def test_the_presets_of_the_domain_pass(preset: str) -> None:
    check_settings(load_config(preset=preset, overrides=[("stages", "[sft, srl, rlvr]")], domain="math"))


@pytest.mark.parametrize("key", ["solution_tag", "srl.next_title", "grader_timeout"])
def test_an_option_that_stands_elsewhere_is_sent_to_its_place(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"unknown key '{key}'; did you mean 'options\.{key.rpartition('.')[2]}'"):
        load_config(overrides=[(key, "1")], domain="math")
