"""Build a configuration from preset, file and overrides, and refuse what is wrong with the remedy in the message."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from srl_agent.config import EMBEDDED, Config, Section
from srl_agent.domains import DOMAINS, option_keys
from srl_agent.errors import ConfigError
from srl_agent.presets import preset_names

Tree = dict[str, Any]
Override = tuple[str, str]
"""A dotted key and its value as text, which is read as YAML."""


MAY_CHANGE = (
    *(f"{stage}.{length}" for stage in ("sft", "srl", "rlvr") for length in ("max_steps", "epochs")),
    "stages",
    "eval.",
    "trainer.",
)
"""Settings (or sections) that a resumed run may be given anew; any other would make two runs of one."""


def check_resumed(before: Config, after: Config) -> None:
    """Refuse a resumed configuration that is another run's. ConfigError names each setting with both values."""
    old, new = (_flat(config.model_dump(mode="json")) for config in (before, after))
    unset = "not set"  # a domain's own settings, `options`, are there only where they were given
    changed = [
        key for key in {**old, **new} if old.get(key, unset) != new.get(key, unset) and not key.startswith(MAY_CHANGE)
    ]
    if any(one != other for one, other in zip(before.stages, after.stages, strict=False)):
        changed.append("stages")
    if changed:
        what = "; ".join(f"{key} ({old.get(key, unset)!r}, now {new.get(key, unset)!r})" for key in changed)
        raise ConfigError(
            f"--resume goes on with the same run, and these settings make another one: {what}; "
            "leave them out, or start a new run from its checkpoint with --model.name"
        )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Tree:
    flat: Tree = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def load_config(
    *, preset: str = "", file: Path | None = None, overrides: Sequence[Override] = (), domain: str = ""
) -> Config:
    """Preset, then file, then overrides, each over the one before. ConfigError lists everything that is wrong.

    A file may name its own preset; one that is given here, or as the override `preset`, wins over it.
    """
    return validate(_merged(preset, file, overrides, domain), str(file) if file else "")


def check_values(*, file: Path | None, overrides: Sequence[Override], domain: str) -> None:
    """What of `load_config` does not need the preset: ConfigError for wrong keys and for values wrong by themselves."""
    _, problems = _read_tree(_merged("", file, overrides, domain), together=False)
    _refuse(problems, str(file) if file else "")


def _merged(preset: str, file: Path | None, overrides: Sequence[Override], domain: str) -> Tree:
    tree = read_yaml(file) if file else {}
    chosen = [text for key, text in overrides if key == "preset"]
    named = chosen[-1] if chosen else preset or str(tree.get("preset") or "")
    below = read_preset(named) if named else {}
    if domain in DOMAINS and below.get("domain", domain) != domain:
        raise ConfigError(f"preset: {named} is for the domain {below['domain']}, not {domain}; leave one of them out")
    merged = merge(below, {**tree, "preset": named})
    for key, text in overrides:
        if key != "preset":
            _put(merged, key, text)
    if domain:
        merged["domain"] = domain
    return merged


def read_preset(name: str) -> Tree:
    """The settings of a shipped preset. ConfigError lists the names."""
    if name not in preset_names():
        raise ConfigError(f"preset: unknown name '{name}'; known: {_list(preset_names())}")
    return parse_yaml(files("srl_agent.presets").joinpath(f"{name}.yaml").read_text(encoding="utf-8"), f"preset {name}")


def read_yaml(path: Path) -> Tree:
    """The settings of a YAML file. ConfigError where it is missing, unreadable, or not a mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: not UTF-8 text (byte {error.start}); a YAML file of settings is expected"
        ) from error
    return parse_yaml(text, str(path))


class _Loader(yaml.SafeLoader):
    """YAML without keys that stand twice, of which plain YAML silently keeps the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a name", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key '{key.value}' stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str, where: str) -> Tree:
    """A mapping out of YAML text; `where` names it in errors."""
    try:
        tree = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{where}{line}: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{where}: not YAML: {error}") from error
    if tree is None:
        raise ConfigError(f"{where}: no settings in it; expected lines such as 'srl: {{max_steps: 10}}'")
    if not isinstance(tree, dict):
        raise ConfigError(f"{where}: expected settings as 'key: value', found {_kind(tree)}")
    return tree


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """Both trees in one; where they disagree the upper one wins."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _put(tree: Tree, key: str, text: str) -> None:
    value = parse_scalar(text, key)
    *sections, name = key.split(".")
    for section in sections:
        below = tree.get(section, {})
        if not isinstance(below, dict):
            raise ConfigError(
                f"{key}: '{section}' was given as {_kind(below)}, where a section of settings is expected"
            )
        tree[section] = dict(below)
        tree = tree[section]
    tree[name] = value


def parse_scalar(text: str, key: str) -> Any:
    """The value of an override, read as YAML (`1e-5`, text under YAML 1.1, becomes a number when it is validated)."""
    try:
        value = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{key}: the value {text!r} is not YAML") from error
    return "" if value is None and not text.strip() else value


def split_settings(settings: Sequence[str]) -> list[Override]:
    """`KEY=VALUE` arguments as pairs. ConfigError where one has no key or no equals sign."""
    pairs = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set: expected KEY=VALUE, found '{setting}'")
        pairs.append((key, value))
    return pairs


def validate(tree: Tree, where: str = "") -> Config:
    """The configuration of a tree of settings. One ConfigError names every key that is wrong."""
    config, problems = _read_tree(tree, together=True)
    _refuse(problems, where)
    assert config is not None, "what has no problem is a configuration"
    return config


def _read_tree(tree: Tree, together: bool) -> tuple[Config | None, list[str]]:
    """The configuration, and what is wrong; `together` also what is only wrong beside other settings."""
    known = [*known_keys(), *Config.model_fields, *option_keys(str(tree.get("domain")))]
    problems = list(_unknown(tree, Config, "", known))
    config = None
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        said = {"extra_forbidden"} if together else {"extra_forbidden", "value_error"}
        problems += [_say(problem) for problem in error.errors() if problem["type"] not in said]
    return config, problems


def _refuse(problems: Sequence[str], where: str) -> None:
    if problems:
        lines = "\n  ".join(problems)
        raise ConfigError(f"{where or 'settings'}: " + (lines if len(problems) == 1 else f"\n  {lines}"))


S = TypeVar("S", bound=Section)


def read_options(config: Config, section: type[S]) -> S:
    """The settings under `options` as those that a domain has. One ConfigError names every key that is wrong."""
    known = [f"options.{key}" for key in section.model_fields]
    there = f"; there are {_list(known)}" if known else f"; the domain '{config.domain}' has no settings of its own"
    strange = [f"options.{key}" for key in config.options if key not in section.model_fields]
    problems = [f"unknown key '{key}'{_close(key, known, 0.75) or there}" for key in strange]  # all begin alike
    try:
        found = section.model_validate(config.options)
    except ValidationError as error:
        wrong = [problem for problem in error.errors() if problem["type"] != "extra_forbidden"]
        raise ConfigError("; ".join([*problems, *(f"options.{_say(problem)}" for problem in wrong)])) from error
    return found


def known_keys(section: type[Section] = Config, prefix: str = "") -> list[str]:
    """Every dotted key of the tree."""
    keys = []
    for name, field in section.model_fields.items():
        branch = field.annotation
        if isinstance(branch, type) and issubclass(branch, Section):
            keys += known_keys(branch, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys


def sections() -> list[str]:
    """The names at the top of the tree."""
    return list(Config.model_fields)


def _unknown(tree: Mapping[Any, Any], section: type[Section], prefix: str, known: Sequence[str]) -> Iterator[str]:
    for key, value in tree.items():
        field = section.model_fields.get(str(key))
        if field is None:
            dotted = f"{prefix}{key}"
            yield f"unknown key '{dotted}'{_nearest(dotted, known)}"
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section) and isinstance(value, dict):
            yield from _unknown(value, field.annotation, f"{prefix}{key}.", known)


def _nearest(name: str, known: Sequence[str]) -> str:
    # The last part alone may be right, in another section.
    same = next((key for key in known if key.rpartition(".")[2] == name.rpartition(".")[2]), "")
    elsewhere = f"; did you mean '{same}'?" if same else f"; the sections are {_list(sections())}"
    return _close(name, known) or elsewhere


def _close(name: str, known: Sequence[str], least: float = 0.5) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=least)
    return f"; did you mean '{close[0]}'?" if close else ""


def _say(problem: Any) -> str:
    """One problem in our words: key, what was expected, what was found."""
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "value_error":  # raised by the tree itself, with the keys in its message
        return str(problem["ctx"]["error"])
    if problem["type"] == "model_type":
        return f"{key}: expected a section of settings, found {_kind(problem['input'])}"
    expected = problem["msg"].removeprefix("Input should be ").partition(", unable to parse")[0]
    expected = expected.replace("a valid tuple", "a list such as [sft, srl]")
    return f"{key}: expected {expected}, found {problem['input']!r}"


def _kind(value: Any) -> str:
    names: dict[type, str] = {list: "a list", dict: "a section"}
    return names.get(type(value), repr(value))


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def with_absolute_model(config: Config) -> Config:
    """The configuration with the whole path of a model's folder: what a run keeps is read from other folders too."""
    name = Path(config.model.name)
    if config.model.name == EMBEDDED or not name.is_dir():
        return config
    return config.model_copy(update={"model": config.model.model_copy(update={"name": str(name.resolve())})})


def dump_config(config: Config) -> str:
    """The whole resolved tree as YAML that `load_config` reads back to an equal configuration."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
