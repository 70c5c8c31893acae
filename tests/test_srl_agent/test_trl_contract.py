"""What we rely on in TRL's private methods; a failure here means: read the new version before widening the pin."""

from __future__ import annotations

import inspect

import pytest
from trl import GRPOTrainer, SFTTrainer

from srl_agent.trl_trainer import SrlTrainer

PARAMETERS = {
    "get_train_dataloader": ["self"],
    "_prepare_inputs": ["self", "generation_batch"],
    "compute_loss": ["self", "model", "inputs", "return_outputs", "num_items_in_batch"],
    "_generate_and_score_completions": ["self", "inputs"],
    "_generate_single_turn": [
        "self",
        "prompt_ids",
        "images",
        "multimodal_fields",
        "num_generations",
        "has_tool_images",
    ],
    "_save_checkpoint": ["self", "model", "trial"],
    "create_model_card": ["self", "model_name", "dataset_name", "tags"],
    "_calculate_rewards": ["self", "inputs", "prompts", "completions", "completion_ids_list"],
}
LOGPS = ["self", "model", "input_ids", "attention_mask", "logits_to_keep", "batch_size", "compute_entropy"]
USED_IN = {
    "_prepare_inputs": ["_buffered_inputs", "self._step % generate_every", "steps_per_generation"],
    "_compute_loss": [
        "compute_entropy=True",
        "num_items_in_batch",
        'inputs["advantages"]',
        'old_per_token_logps = inputs.get("old_per_token_logps")',
        "completion_mask",
    ],
    "_generate_and_score_completions": [
        '"num_items_in_batch": num_items_in_batch',
        '"advantages": advantages',
    ],
}


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_the_signature_is_the_one_we_override_or_call(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(GRPOTrainer, name)).parameters) == parameters


def test_the_log_probability_method_begins_with_the_arguments_we_read() -> None:
    parameters = list(inspect.signature(GRPOTrainer._get_per_token_logps_and_entropies).parameters)
    assert parameters[: len(LOGPS)] == LOGPS
    assert parameters[len(LOGPS)] == "compute_aux_loss"


@pytest.mark.parametrize(("name", "fragments"), USED_IN.items())
def test_the_method_still_does_what_our_override_replaces(name: str, fragments: list[str]) -> None:
    source = inspect.getsource(getattr(GRPOTrainer, name))
    assert [fragment for fragment in fragments if fragment not in source] == []


def test_every_override_replaces_a_method_that_exists() -> None:
    own = {name for name, value in vars(SrlTrainer).items() if inspect.isfunction(value)}
    overrides = {name for name in own if hasattr(GRPOTrainer, name)} - {"__init__"}
    assert overrides == {
        "get_train_dataloader",
        "_prepare_inputs",
        "compute_loss",
        "_generate_single_turn",
        "_get_per_token_logps_and_entropies",
        "_calculate_rewards",
        "training_step",
        "_save_checkpoint",
    }
    assert hasattr(SFTTrainer, "_save_checkpoint")
