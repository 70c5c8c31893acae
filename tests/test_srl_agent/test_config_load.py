"""Building a configuration, and refusing what is wrong in words that say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srl_agent.config import Config, Section
from srl_agent.config_load import (
    check_resumed,
    dump_config,
    known_keys,
    load_config,
    parse_yaml,
    read_options,
    read_preset,
    validate,
    with_absolute_model,
)
from srl_agent.domain import NoOptions
from srl_agent.errors import ConfigError
from srl_agent.presets import choose_preset, preset_names


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    """Writes a settings file and returns its path."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "settings.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_overrides_win_over_the_file_and_the_file_over_the_preset(settings: Any) -> None:
    file = settings("preset: smoke\nsrl: {rollouts: 6, beta: 0.5}\n")
    config = load_config(file=file, overrides=[("srl.beta", "0.25"), ("srl.learning_rate", "1e-5")], domain="math")
    assert (config.srl.rollouts, config.srl.beta, config.srl.learning_rate) == (6, 0.25, 1e-5)
    assert config.srl.prompts_per_step == load_config(preset="smoke").srl.prompts_per_step
    assert (config.preset, config.domain) == ("smoke", "math")


def test_every_shipped_preset_loads_under_its_name() -> None:
    assert preset_names() == ["paper-math", "paper-swe", "single-gpu", "smoke", "smoke-math"]
    assert [load_config(preset=name).preset for name in preset_names()] == preset_names()


def test_the_folder_of_a_model_is_kept_with_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mine", "smollm2-135m"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    names = ("mine", "owner/name", "smollm2-135m")
    kept = [with_absolute_model(validate({"model": {"name": name}})).model.name for name in names]
    assert kept == [str(tmp_path / "mine"), "owner/name", "smollm2-135m"]


def test_a_preset_for_mathematics_sets_the_domain_and_is_refused_for_another() -> None:
    assert load_config(preset="smoke-math").domain == "math"
    with pytest.raises(ConfigError, match="smoke-math is for the domain math, not swe"):
        load_config(preset="smoke-math", domain="swe")


@pytest.mark.parametrize("name", ["paper-swe", "paper-math", "single-gpu"])
def test_every_value_of_a_paper_preset_says_whether_the_paper_gives_it(name: str) -> None:
    text = (Path(__file__).resolve().parents[2] / f"srl_agent/presets/{name}.yaml").read_text()
    values = [line for line in text.splitlines() if ": " in line and not line.startswith("#")]
    assert len(values) > 20
    assert [line for line in values if "# paper" not in line and "# guess" not in line] == []


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([("srl.rolouts", "4")], ["unknown key 'srl.rolouts'", "did you mean 'srl.rollouts'"]),
        ([("rollouts", "4")], ["unknown key 'rollouts'", "'srl.rollouts'"]),
        ([("modle.name", "x")], ["unknown key 'modle'", "did you mean 'model'"]),
        ([("stages", "srl")], ["stages", "a list such as [sft, srl]"]),
        ([("zzz", "4")], ["unknown key 'zzz'", "the sections are", "reward"]),
        ([("srl.rollouts", "many")], ["srl.rollouts", "integer", "'many'"]),
        ([("srl.rollouts", "1")], ["srl.rollouts", "greater than or equal to 2", "found 1"]),
        ([("srl", "3")], ["srl", "a section of settings", "found 3"]),
        ([("seed", "[1, 2]")], ["seed", "integer", "[1, 2]"]),
        ([("reward.text", "xml")], ["reward.text", "'body' or 'wrapped'", "'xml'"]),
        ([("stages", "[]")], ["stages", "at least one"]),
        ([("stages", "[srl, srl]")], ["stages", "once"]),
        (
            [("rlvr.max_rollout_tokens", "1024")],
            ["rlvr.max_rollout_tokens must be more", "rlvr.max_turns is 1", "1024"],
        ),
        ([("srl.prompts_per_step", "6"), ("srl.micro_batch_prompts", "4")], ["multiple", "6 and 4"]),
        ([("sft.batch_size", "6"), ("sft.micro_batch_size", "4")], ["multiple", "6 and 4"]),
        ([("srl.batching", "steps")], ["srl.batching: expected shuffle, episode, or steps:M", "found 'steps'"]),
        ([("rlvr.batching", "steps:0")], ["rlvr.batching", "steps:4"]),
        ([("srl.beta", "{")], ["srl.beta", "not YAML"]),
        ([("seed.x.y", "3"), ("seed.x", "4")], ["seed", "integer"]),
        ([("srl", "3"), ("srl.beta", "0.5")], ["srl.beta", "'srl' was given as 3", "a section"]),
        ([("preset", "smok")], ["unknown name 'smok'", "smoke"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(overrides: list[tuple[str, str]], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(overrides=overrides)
    assert [word for word in words if word not in str(error.value)] == []
    assert "pydantic" not in str(error.value)


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        load_config(overrides=[("srl.rolouts", "4"), ("seed", "x"), ("model.nme", "y")])
    assert all(word in str(error.value) for word in ("srl.rollouts", "seed", "model.name"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("srl:\n  rollouts: 4\n  rollouts: 5\n", ["line 3", "'rollouts' stands twice"]),
        ("srl: [1\n b: 3", ["line 2"]),
        ("", ["no settings"]),
        ("- a\n", ["found a list"]),
        ("word\n", ["found 'word'"]),
        (b"srl: \xff\n", ["not UTF-8", "byte 5"]),
        ("[" * 5000, ["not YAML"]),
        ("a: &x [*x]\nb: !!python/object:os.system {}\n", ["settings.yaml"]),
        ("? [1, 2]\n: 3\n", ["settings.yaml"]),
        ("preset: nope\n", ["unknown name 'nope'", "smoke"]),
    ],
)
def test_a_broken_file_is_named_with_the_line(settings: Any, content: str | bytes, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(file=settings(content))
    assert [word for word in words if word not in str(error.value)] == []


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_config(file=path)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        validate(parse_yaml(text, "text"))
    except ConfigError as error:
        assert str(error)


@given(
    seed=st.integers(0, 2**32),
    name=st.text(max_size=20),
    rate=st.floats(0, 1, allow_nan=False),
    stages=st.sampled_from([("sft",), ("srl",), ("sft", "srl")]),
)
def test_a_dumped_tree_loads_to_an_equal_configuration(
    seed: int, name: str, rate: float, stages: tuple[Any, ...]
) -> None:
    config = load_config(preset="smoke")
    changed = config.model_copy(
        update={
            "seed": seed,
            "stages": stages,
            "model": config.model.model_copy(update={"name": name}),
            "srl": config.srl.model_copy(update={"learning_rate": rate}),
        }
    )
    assert validate(parse_yaml(dump_config(changed), "dump")) == changed


def test_a_preset_given_as_a_setting_is_loaded() -> None:
    config = load_config(preset="smoke", overrides=[("preset", "paper-swe")])
    assert config == load_config(preset="paper-swe")


def test_full_size_is_the_default_only_with_data_and_a_device_of_that_size() -> None:
    assert choose_preset("swe", True, lambda: 80.0)[0] == "paper-swe"
    assert choose_preset("math", True, lambda: 80.0)[0] == "paper-math"
    assert choose_preset("my.package:Domain", True, lambda: 80.0)[0] == "paper-swe"
    for has_data, size, why in ((False, 80.0, "no data"), (True, 16.0, "16 GB only"), (True, 0.0, "no accelerator")):
        preset, reason = choose_preset("swe", has_data, lambda size=size: size)  # type: ignore[misc]
        assert preset == "smoke"
        assert why in reason
    assert choose_preset("math", False, lambda: 0.0)[0] == "smoke-math"
    assert choose_preset("my.package:Domain", False, lambda: 0.0)[0] == "smoke"


def test_a_device_between_takes_adapters_and_says_when_they_need_4_bits() -> None:
    (large, why), (small, why_small) = (choose_preset("swe", True, lambda size=size: size) for size in (48.0, 24.0))  # type: ignore[misc]
    assert (large, small) == ("single-gpu", "single-gpu")
    assert "--model.quantize 4bit" in why_small and "4bit" not in why
    assert choose_preset("math", True, lambda: 48.0)[0] == "smoke-math"
    assert choose_preset("swe", False, lambda: 48.0)[0] == "smoke"


@pytest.mark.parametrize(
    "setting",
    [
        ("seed", "1"),
        ("reward.name", "exact"),
        ("data.context", "full"),
        ("srl.rollouts", "3"),
        ("stages", "[srl]"),
        ("options.titles", "false"),
    ],
)
def test_a_resumed_run_keeps_what_makes_it_that_run(setting: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match=setting[0]):
        check_resumed(load_config(preset="smoke"), load_config(preset="smoke", overrides=[setting]))


def test_a_resumed_run_may_be_longer_or_have_fewer_stages_and_run_otherwise() -> None:
    longer = [
        ("srl.max_steps", "99"),
        ("sft.epochs", "9"),
        ("rlvr.max_steps", "9"),
        ("trainer.save_every", "7"),
        ("eval.every", "3"),
    ]
    check_resumed(load_config(preset="smoke"), load_config(preset="smoke", overrides=longer))
    sft_only = load_config(preset="smoke", overrides=[("stages", "[sft]")])
    both = load_config(preset="smoke", overrides=[("stages", "[sft, srl]")])
    check_resumed(sft_only, both)
    check_resumed(both, sft_only)


def test_a_resumed_run_keeps_the_domain_s_settings_that_it_was_given() -> None:
    given = load_config(preset="smoke", overrides=[("options.titles", "false")])
    check_resumed(given, given)
    with pytest.raises(ConfigError, match=r"options.titles \(False, now 'not set'\)"):
        check_resumed(given, load_config(preset="smoke"))


def test_the_known_keys_are_those_of_the_tree() -> None:
    keys = known_keys()
    assert {"seed", "srl.dynamic_sampling.eps", "reward.autojunk"} <= set(keys)
    assert len(keys) == len(set(keys))
    assert read_preset("smoke")["srl"].keys() <= Config.model_fields["srl"].annotation.model_fields.keys()  # type: ignore[union-attr]


def sections(section: type[Section] = Config) -> list[type[Section]]:
    branches = [field.annotation for field in section.model_fields.values()]
    below = [branch for branch in branches if isinstance(branch, type) and issubclass(branch, Section)]
    return [section, *(deeper for branch in below for deeper in sections(branch))]


def test_every_setting_says_what_it_means() -> None:
    missing = [
        f"{section.__name__}.{name}"
        for section in sections()
        for name, field in section.model_fields.items()
        if not field.description and not (isinstance(field.annotation, type) and issubclass(field.annotation, Section))
    ]
    assert missing == []


class Own(Section):
    """A domain's settings."""

    titles: bool = True


def test_a_domain_s_own_settings_stand_under_options(settings: Any) -> None:
    config = load_config(file=settings("options: {titles: false}"))
    assert read_options(config, Own) == Own(titles=False)
    assert read_options(load_config(overrides=[("options.titles", "off")]), Own) == Own(titles=False)


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        (Own, "title", "1", "unknown key 'options.title'; did you mean 'options.titles'?"),
        (Own, "xyz", "1", "unknown key 'options.xyz'; there are options.titles"),
        (Own, "titles", "12", "options.titles: expected a valid boolean"),
        (NoOptions, "titles", "1", "the domain 'swe' has no settings of its own"),
    ],
)
def test_a_wrong_setting_of_a_domain_is_named(section: type[Section], key: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_options(load_config(overrides=[(f"options.{key}", value)]), section)
    assert words in str(error.value)
