"""One GRPO step on a tiny model against hand-written arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from srl_agent.config import Config, DynamicSamplingConfig, ModelConfig, SrlConfig, TrainerConfig
from srl_agent.dynamic_sampling import OLD_LOGPS, take_group
from srl_agent.fill import Fill
from srl_agent.stage_grpo import training_rows
from srl_agent.step_reward import StepReward
from srl_agent.step_stream import StepStream
from srl_agent.testing import ToyDomain, byte_tokenizer, save_tiny, tiny_model
from srl_agent.trl_trainer import SrlTrainer, grpo_arguments

GROUPS, OUTPUTS = 4, 3
Build = Callable[..., SrlTrainer]


def make_trainer(folder: Path, model: Any, loss_pass: Literal["shared", "plain"], config: Config) -> SrlTrainer:
    """A trainer on the toy steps whose fills are remembered in `trainer.fills`."""
    config = config.model_copy(update={"trainer": TrainerConfig(loss_pass=loss_pass)})
    domain, tokenizer = ToyDomain(), byte_tokenizer()
    rows = training_rows(domain.load_steps(config, len).train)
    fills: list[tuple[Fill, dict[str, float]]] = []
    trainer = SrlTrainer(
        config=config,
        stage="srl",
        reward=StepReward(domain.scorer(config), tokenizer),
        stream=StepStream(
            [[row] for row in range(len(rows))], seed=0, rest_epochs=config.srl.dynamic_sampling.rest_epochs
        ),
        on_fill=lambda step, fill, metrics: fills.append((fill, metrics)),
        model=model,
        args=grpo_arguments(config, "srl", folder, 1, 1, False),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    trainer.fills = fills
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    torch.manual_seed(11)
    return trainer


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Makes trainers of a float64 model, given the loss pass and settings of dynamic sampling."""

    def make(loss_pass: Literal["shared", "plain"] = "shared", **sampling: Any) -> SrlTrainer:
        srl = SrlConfig(
            prompts_per_step=GROUPS,
            rollouts=OUTPUTS,
            micro_batch_prompts=GROUPS,
            max_completion_tokens=6,
            dynamic_sampling=DynamicSamplingConfig(**sampling),
        )
        return make_trainer(tmp_path, tiny_model(dtype=torch.float64), loss_pass, Config(srl=srl))

    return make


def gradients(trainer: SrlTrainer, loss: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(loss, list(trainer.model.parameters()), materialize_grads=True))


def reference_loss(model: Any, batch: dict[str, Any], groups: int) -> torch.Tensor:
    """-1/N sum_i A_i 1/|o_i| sum_t log p(o_it): GRPO on-policy, where every ratio is 1; N outputs of kept groups."""
    total = torch.zeros((), dtype=torch.float64)
    for index in range(groups * OUTPUTS):
        prompt = batch["prompt_ids"][index][batch["prompt_mask"][index].bool()]
        output = batch["completion_ids"][index][batch["completion_mask"][index].bool()]
        logits = model(torch.cat([prompt, output])[None]).logits[0, len(prompt) - 1 : -1]
        logps = torch.log_softmax(logits, -1).gather(-1, output[:, None])[:, 0]
        total = total - batch["advantages"][index].double() * logps.mean()
    return total / (groups * OUTPUTS)


# TRL's own head computes in float32 whatever the model's precision.
@pytest.mark.parametrize(("loss_pass", "tolerance"), [("shared", 1e-8), ("plain", 1e-6)])
def test_the_gradient_of_a_step_equals_the_hand_written_one(build: Build, loss_pass: str, tolerance: float) -> None:
    trainer = build(loss_pass, enabled=False)
    batch = trainer._prepare_inputs([])
    ours = gradients(trainer, trainer.compute_loss(trainer.model, batch))
    theirs = gradients(trainer, reference_loss(trainer.model, batch, GROUPS))
    assert max(float(gradient.abs().max()) for gradient in theirs) > 1e-3
    for our_gradient, their_gradient in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our_gradient, their_gradient, atol=tolerance, rtol=0)


def test_a_step_with_too_few_groups_is_the_mean_over_those_it_has(build: Build) -> None:
    trainer = build(eps=0.045, max_refills=0)
    batch = trainer._prepare_inputs([])
    fill, metrics = trainer.fills[0]
    kept = len(fill.kept)
    assert 0 < kept < GROUPS, "choose another eps: the test needs a batch that is neither full nor empty"
    ours = gradients(trainer, trainer.compute_loss(trainer.model, batch))
    theirs = gradients(trainer, reference_loss(trainer.model, batch, kept))
    for our_gradient, their_gradient in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our_gradient, their_gradient, atol=1e-8, rtol=0)
    assert metrics["groups_used"] == kept


def test_advantages_are_the_standardised_rewards_of_each_group(build: Build) -> None:
    trainer = build(enabled=False)
    batch = trainer._prepare_inputs([])
    rewards = torch.tensor([output.score.reward for output in trainer.reward.outputs]).view(GROUPS, OUTPUTS)
    expected = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
    torch.testing.assert_close(batch["advantages"].float().view(GROUPS, OUTPUTS), expected, atol=1e-5, rtol=1e-5)


def test_refilling_goes_on_until_the_batch_is_full_of_differing_groups(build: Build) -> None:
    trainer = build(eps=0.03, max_refills=50)
    batch = trainer._prepare_inputs([])
    fill, metrics = trainer.fills[0]
    assert metrics["refills"] > 0
    assert metrics["groups_used"] == GROUPS
    assert len(batch["advantages"]) == GROUPS * OUTPUTS
    assert bool((batch["completion_mask"].sum(1) > 0).all())
    assert metrics["kept_ratio"] == sum(group["kept"] for group in fill.groups) / len(fill.groups)
    assert trainer.stream.position == len(fill.groups)


def test_a_batch_in_which_nothing_differs_moves_nothing(build: Build) -> None:
    trainer = build(eps=10.0, max_refills=1)
    batch = trainer._prepare_inputs([])
    # Every weight has a gradient, of 0: one without is passed over by the optimiser, whose momentum would then rest.
    found = torch.autograd.grad(trainer.compute_loss(trainer.model, batch), list(trainer.model.parameters()))
    assert not any(bool(gradient.any()) for gradient in found)
    assert trainer.fills[0][1]["groups_used"] == 0
    assert trainer.loss_tokens.computed == 0


def test_groups_that_a_batch_has_over_are_in_the_next_one(build: Build) -> None:
    trainer = build(eps=0.0, max_oversampling=4.0)
    trainer.oversampling.kept_ratio = 0.6  # as if two groups of five had been dropped
    trainer._prepare_inputs([])
    (fill, metrics), carried = trainer.fills[0], trainer.carried
    assert len(fill.kept) == GROUPS + len(carried) > GROUPS
    trainer._buffered_inputs = None
    batch = trainer._prepare_inputs([])
    assert trainer.fills[1][1]["groups_carried"] == len(carried) > metrics["groups_carried"]
    first = carried[0]["completion_ids"]
    assert torch.equal(batch["completion_ids"][:OUTPUTS, : first.shape[1]], first)


def test_a_batch_that_is_carried_over_whole_needs_no_sampling(build: Build) -> None:
    trainer = build(enabled=False)
    whole = trainer._prepare_inputs([])
    groups = [take_group(whole, index, OUTPUTS) for index in range(GROUPS)]
    trainer.carried = trainer._with_old_logps([*groups, dict(groups[0])], groups[0])
    trainer._buffered_inputs = None
    batch = trainer._prepare_inputs([])
    fill, metrics = trainer.fills[1]
    assert (fill.rounds, metrics["groups_used"], metrics["groups_carried"]) == (0, GROUPS, GROUPS + 1)
    assert torch.equal(batch["completion_ids"], whole["completion_ids"])
    assert len(trainer.carried) == 1


@pytest.mark.parametrize("loss_pass", ["shared", "plain"])
def test_a_carried_group_is_weighed_against_the_policy_that_sampled_it(build: Build, loss_pass: str) -> None:
    """The clipped ratios of the first group are those of the weights before an update, of the others exactly 1."""
    trainer = build(loss_pass, enabled=False)
    group = take_group(trainer._prepare_inputs([]), 0, OUTPUTS)
    trainer.carried = trainer._with_old_logps([group], group)
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    trainer._buffered_inputs = None
    batch = trainer._prepare_inputs([])
    old = batch[OLD_LOGPS].clone()
    loss = trainer.compute_loss(trainer.model, batch)
    width = batch["completion_ids"].shape[1]
    ids, mask = (torch.cat([batch[f"prompt_{x}"], batch[f"completion_{x}"]], 1) for x in ("ids", "mask"))
    logps = trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, width)[0]
    ratios = torch.where(old.isnan(), torch.ones_like(logps), (logps - old).exp())
    assert (ratios[:OUTPUTS] - 1).abs().max() > 1e-3
    gains = torch.min(ratios * batch["advantages"][:, None], ratios.clamp(0.8, 1.2) * batch["advantages"][:, None])
    weights = batch["completion_mask"]
    expected = -((gains * weights).sum(1) / weights.sum(1)).mean()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)


def test_steps_that_taught_nothing_rest(build: Build) -> None:
    trainer = build(eps=0.03, max_refills=1, rest_epochs=1)
    trainer._prepare_inputs([])
    fill, metrics = trainer.fills[0]
    assert 0 < metrics["resting"] == len(set(fill.dull)) == sum(not group["kept"] for group in fill.groups)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_trainer_samples_what_its_weights_say(tmp_path: Path, dtype: str) -> None:
    """Greedy outputs from within the trainer, whatever copy it samples with, against plain forward passes."""
    trainer = make_trainer(tmp_path, tiny_model(), "shared", Config(model=ModelConfig(dtype=dtype)))  # type: ignore[arg-type]
    trainer.temperature, trainer.max_completion_length = 0.0, 5
    prompt = list(range(40, 60))
    ids = torch.tensor([prompt])
    policy = tiny_model(dtype=getattr(torch, dtype))
    for _ in range(5):
        ids = torch.cat([ids, policy(ids).logits[:, -1:].argmax(-1)], dim=1)
    assert trainer.sample([prompt, [9]], 2)[:2] == [ids[0, len(prompt) :].tolist()] * 2


def test_the_two_loss_passes_give_the_same_loss_and_entropy(build: Build) -> None:
    shared, plain = build("shared", enabled=False), build("plain", enabled=False)
    batch = shared._prepare_inputs([])
    losses = [trainer.compute_loss(trainer.model, batch).item() for trainer in (shared, plain)]
    entropies = [trainer._metrics["train"]["entropy"][-1] for trainer in (shared, plain)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-8)
    assert entropies[0] == pytest.approx(entropies[1], abs=1e-5)


@pytest.mark.parametrize("adapted", [False, True], ids=["all weights", "adapters"])
def test_the_two_loss_passes_agree_on_the_divergence_from_the_reference(tmp_path: Path, adapted: bool) -> None:
    """With adapters the reference is the model with them switched off, without it is a second model."""
    folder, found = save_tiny(tmp_path / "model"), []
    srl = SrlConfig(
        prompts_per_step=GROUPS, rollouts=OUTPUTS, micro_batch_prompts=GROUPS, max_completion_tokens=6, beta=0.1,
        dynamic_sampling=DynamicSamplingConfig(enabled=False),
    )  # fmt: skip
    for loss_pass in ("shared", "plain"):
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
        if adapted:
            torch.manual_seed(2)  # the adapters begin at random
            model = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear"))
        trainer = make_trainer(tmp_path, model, loss_pass, Config(srl=srl))  # type: ignore[arg-type]
        moved = [weight for weight in trainer.model.parameters() if weight.requires_grad]
        noise = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weight in moved:
                weight += 0.1 * torch.randn(weight.shape, generator=noise, dtype=weight.dtype)
        batch = trainer._prepare_inputs([])
        loss = trainer.compute_loss(trainer.model, batch)
        gradients = torch.autograd.grad(loss, moved, materialize_grads=True)
        found.append((batch, loss, gradients, trainer._metrics["train"]["kl"][-1]))
    (ours, loss, mine, kl), (theirs, other_loss, others, other_kl) = found
    assert torch.equal(ours["completion_ids"], theirs["completion_ids"])
    assert kl > 1e-3 and kl == pytest.approx(other_kl, rel=1e-4)
    torch.testing.assert_close(loss.double(), other_loss.double(), atol=1e-6, rtol=0)
    kept = ours["completion_mask"].bool()
    references = [batch["ref_per_token_logps"][kept].double() for batch in (ours, theirs)]
    torch.testing.assert_close(references[0], references[1], atol=1e-5, rtol=0)
    for gradient, other in zip(mine, others, strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize("loss_pass", ["shared", "plain"])
def test_each_step_logs_the_tokens_it_computed_against_those_of_padded_rows(build: Build, loss_pass: str) -> None:
    trainer = build(loss_pass, enabled=False)
    batch = trainer._prepare_inputs([])
    trainer.compute_loss(trainer.model, batch)
    counts = trainer.loss_tokens.take()
    assert counts["tokens_plain"] == batch["prompt_ids"].numel() + batch["completion_ids"].numel()
    assert (counts["tokens_computed"] < counts["tokens_plain"]) == (loss_pass == "shared")
