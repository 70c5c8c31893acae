"""The listing of the settings: every key with what it means, what it may be, and its value."""

from __future__ import annotations

import subprocess
import sys

import pytest

from srl_agent.cli import main
from srl_agent.config import Config
from srl_agent.config_load import known_keys
from srl_agent.domains import DOMAINS, option_keys


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    """Each key's first line to the text below it."""
    assert main(["train", "--settings", *words]) == 0
    found: dict[str, str] = {}
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("    "):
            found[list(found)[-1]] += f"{line.strip()} "
        else:
            found[line] = ""
    return found


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_setting_is_listed_with_what_it_means(domain: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = listed(capsys, "--domain", domain)
    keys = [key for key in known_keys(Config) if key != "options"] + option_keys(domain)
    assert [line.partition(":")[0] for line in found] == keys
    assert [line for line, text in found.items() if not text.endswith((". ", ".) "))] == []


def test_a_key_is_listed_with_what_it_may_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(listed(capsys, "keep_checkpoints")) == ["trainer.keep_checkpoints: 2    (whole number >= 2)"]
    assert list(listed(capsys, "srl.lr_scheduler")) == ["srl.lr_scheduler: constant    (constant | linear | cosine)"]
    assert list(listed(capsys, "stages")) == ["stages: [srl]    (list of sft | srl | rlvr)"]
    assert list(listed(capsys, "replay_share")) == ["data.replay_share: 0.0    (number >= 0 and <= 1)"]


def test_a_default_is_that_of_its_own_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(listed(capsys, "dynamic_sampling.eps", "--rlvr.dynamic_sampling.eps", "0.1")) == [
        "srl.dynamic_sampling.eps: 0.01    (number >= 0)",
        "rlvr.dynamic_sampling.eps: 0.1    (number >= 0, default 0.0)",
    ]


def test_a_preset_is_listed_without_its_model() -> None:
    code = (
        "import sys; from srl_agent.cli import main\n"
        "main(['train', '--settings', 'model.name', '--preset', 'paper-swe'])\n"
        "sys.exit(','.join(name for name in ('torch', 'transformers', 'trl') if name in sys.modules) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("model.name: Qwen/Qwen2.5-Coder-7B-Instruct    (text, default smollm2-135m)")


def test_a_name_that_is_no_setting_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--settings", "batchin"]) == 2
    assert "no section or key 'batchin'; the sections are preset" in capsys.readouterr().err
