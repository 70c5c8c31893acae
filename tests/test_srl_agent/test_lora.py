"""Training adapters instead of all weights: both stages, the checkpoint, and going on from it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import AutoPeftModelForCausalLM
from safetensors.torch import load_file
from torch import Tensor

from srl_agent.cli import main
from srl_agent.errors import ModelError
from srl_agent.models import base_of, load_policy
from srl_agent.testing import save_tiny

SETTINGS = {
    "model.dtype": "float32",
    "lora.rank": 4,
    "sft.max_steps": 2,
    "sft.batch_size": 4,
    "sft.learning_rate": 1e-2,
    "srl.max_steps": 2,
    "srl.prompts_per_step": 2,
    "srl.rollouts": 3,
    "srl.learning_rate": 1e-2,
    "srl.max_completion_tokens": 6,
    "trainer.threads": 1,
}


def train(run: Path, model: Path, **more: object) -> None:
    settings = {**SETTINGS, "model.name": model, **more}
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    domain = ["--domain", "srl_agent.testing:ToyDomain", "--preset", "smoke"]
    assert main(["train", *domain, *options, "--output", str(run)]) == 0


@pytest.mark.parametrize("loss_pass", ["shared", "plain"])
def test_both_stages_train_adapters_and_the_next_run_starts_from_them(tmp_path: Path, loss_pass: str) -> None:
    base = save_tiny(tmp_path / "model")
    train(tmp_path / "run", base, **{"trainer.loss_pass": loss_pass})
    checkpoint = tmp_path / "run" / "srl" / "checkpoint-2"
    assert (checkpoint / "adapter_model.safetensors").stat().st_size < 100_000
    start, trained = load_policy(str(base)).state_dict(), load_policy(str(checkpoint)).state_dict()
    changed = {name for name, weight in trained.items() if not torch.equal(weight, start[name])}
    assert changed and all("proj" in name for name in changed)
    train(tmp_path / "on", checkpoint, **{"stages": "[srl]", "trainer.loss_pass": loss_pass})
    assert (tmp_path / "on" / "srl" / "checkpoint-2" / "complete.json").is_file()


def test_a_checkpoint_of_adapters_is_read_by_peft_itself(tmp_path: Path) -> None:
    train(tmp_path / "run", save_tiny(tmp_path / "model"), stages="[sft]")
    folder = str(tmp_path / "run" / "sft" / "checkpoint-2")
    theirs = AutoPeftModelForCausalLM.from_pretrained(folder).merge_and_unload().state_dict()
    assert all(torch.equal(weight, theirs[name]) for name, weight in load_policy(folder).state_dict().items())


def adapters_of(checkpoint: Path) -> dict[str, Tensor]:
    return load_file(checkpoint / "adapter_model.safetensors")


@pytest.mark.parametrize("stage", ["sft", "srl"])
def test_adapters_begin_alike_under_one_seed_and_differ_under_another(tmp_path: Path, stage: str) -> None:
    # At a rate of 0 what is saved is what the adapters began with.
    still = {"stages": f"[{stage}]", f"{stage}.learning_rate": 0.0, f"{stage}.max_steps": 1}
    base = save_tiny(tmp_path / "model")
    for name, seed in (("first", 7), ("again", 7), ("other", 8)):
        train(tmp_path / name, base, **still, seed=seed)
    first, again, other = (
        adapters_of(tmp_path / name / stage / "checkpoint-1") for name in ("first", "again", "other")
    )
    assert all(torch.equal(weight, again[name]) for name, weight in first.items())
    drawn = [name for name in first if "lora_A" in name]
    assert drawn and not any(torch.equal(first[name], other[name]) for name in drawn)


def test_adapters_of_a_second_stage_are_read_with_those_of_the_first_below_them(tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "model")
    train(tmp_path / "run", base, **{"srl.learning_rate": 0.0})
    sft, srl = (load_policy(str(tmp_path / "run" / stage / "checkpoint-2")) for stage in ("sft", "srl"))
    start = load_policy(str(base)).state_dict()
    assert any(not torch.equal(weight, start[name]) for name, weight in sft.state_dict().items())
    assert all(torch.equal(weight, sft.state_dict()[name]) for name, weight in srl.state_dict().items())


def test_the_second_stage_trains_the_adapters_of_the_first_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = save_tiny(tmp_path / "model")
    train(tmp_path / "run", base, **{"srl.learning_rate": 0.0})
    first, second = (tmp_path / "run" / stage / "checkpoint-2" for stage in ("sft", "srl"))
    assert base_of(second) == str(base)
    assert all(torch.equal(weight, adapters_of(second)[name]) for name, weight in adapters_of(first).items())
    assert f"those of {first}, trained on" in " ".join(capsys.readouterr().out.split())


def test_with_a_kl_term_the_trained_adapters_are_those_that_a_resumption_reads(tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "model")
    train(tmp_path / "run", base, **{"srl.beta": 0.1, "trainer.save_every": 1})
    saved = tmp_path / "run" / "srl"
    trained, begun = adapters_of(saved / "checkpoint-2"), adapters_of(tmp_path / "run" / "sft" / "checkpoint-2")
    assert any(not torch.equal(weight, begun[name]) for name, weight in trained.items())
    shutil.rmtree(saved / "checkpoint-2")
    assert main(["train", "--resume", str(tmp_path / "run")]) == 0
    again = adapters_of(saved / "checkpoint-2")
    assert all(torch.equal(weight, again[name]) for name, weight in trained.items())


def on_disk(folder: Path, base: str) -> None:
    """peft's record alone, which names the base."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))


def test_a_moved_run_finds_the_adapters_of_its_other_stage_beside_its_own(tmp_path: Path) -> None:
    on_disk(tmp_path / "run" / "srl" / "checkpoint-4", "/old/run/sft/checkpoint-2")
    on_disk(tmp_path / "run" / "sft" / "checkpoint-2", "org/model")
    found = base_of(tmp_path / "run" / "srl" / "checkpoint-4")
    assert found == str(tmp_path / "run" / "sft" / "checkpoint-2")


def test_what_is_nowhere_is_told_with_the_file_that_names_it(tmp_path: Path) -> None:
    on_disk(tmp_path / "on" / "srl" / "checkpoint-4", "/old/run/srl/checkpoint-2")
    on_disk(tmp_path / "on" / "srl" / "checkpoint-2", "org/model")
    with pytest.raises(ModelError, match=r"on/srl/checkpoint-4/adapter_config\.json names /old/run/srl/checkpoint-2"):
        base_of(tmp_path / "on" / "srl" / "checkpoint-4")
