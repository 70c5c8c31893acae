"""Supervised rows: exactly what the assistant learns to say carries loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy

from srl_agent.config import Config, SftConfig
from srl_agent.domain import Dialogue
from srl_agent.errors import ModelError
from srl_agent.supervised import IGNORED, supervised_row
from srl_agent.testing import SPECIAL, byte_tokenizer, tiny_model
from srl_agent.trl_trainer import SupervisedTrainer, sft_arguments
from trajectories.records import Message

TALK = tuple(
    Message(role, content)
    for role, content in (
        ("system", "be brief"),
        ("user", "task"),
        ("assistant", "<think>one</think>\nls"),
        ("user", "a.py  \n"),
        ("assistant", "<think>two</think>\ncat a.py"),
        ("user", "done"),
    )
)
LINED = "{% for m in messages %}<{{ m.role }}>\n{{ m.content }}<|end|>\n{% endfor %}" + (
    "{% if add_generation_prompt %}<assistant>\n{% endif %}"
)
FORGETFUL = (
    "{% for m in messages %}{{ m.role[0] }}:"
    "{{ m.content if loop.last else m.content.split('</think>')[-1] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}"
)
"""Takes the thoughts of earlier turns out, as Qwen3's template does."""


def learnt_text(row: dict[str, list[int]]) -> str:
    kept = [label for label in row["labels"] if label != IGNORED]
    return str(byte_tokenizer().decode(kept, skip_special_tokens=False))


@pytest.mark.parametrize("template", [None, LINED])
@pytest.mark.parametrize("places", [(2,), (4,), (2, 4)])
def test_exactly_the_learnt_messages_and_their_end_tokens_carry_loss(
    template: str | None, places: tuple[int, ...]
) -> None:
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = template or tokenizer.chat_template
    row = supervised_row(tokenizer, Dialogue(TALK, places))
    assert learnt_text(row) == "".join(TALK[place].content + SPECIAL[0] for place in places)


@pytest.mark.parametrize("template", [None, LINED])
def test_the_tokens_are_those_of_the_conversation_up_to_what_is_learnt_last(template: str | None) -> None:
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = template or tokenizer.chat_template
    messages = [{"role": message.role, "content": message.content} for message in TALK[:5]]
    whole = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True)["input_ids"]
    assert supervised_row(tokenizer, Dialogue(TALK, (2, 4)))["input_ids"] == whole


def test_a_label_is_the_token_at_its_own_place() -> None:
    row = supervised_row(byte_tokenizer(), Dialogue(TALK, (2, 4)))
    assert len(row["labels"]) == len(row["input_ids"])
    assert all(label in (IGNORED, token) for token, label in zip(row["input_ids"], row["labels"], strict=True))


def test_a_template_that_rewrites_earlier_turns_is_refused_for_traces_only() -> None:
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = FORGETFUL
    assert learnt_text(supervised_row(tokenizer, Dialogue(TALK[:3], (2,)))) == TALK[2].content + SPECIAL[0]
    with pytest.raises(ModelError, match=r"sft\.target.*message 2"):
        supervised_row(tokenizer, Dialogue(TALK, (2, 4)))


def test_the_trainer_s_loss_is_the_mean_over_the_learnt_tokens(tmp_path: Path) -> None:
    rows = [supervised_row(byte_tokenizer(), Dialogue(TALK, places)) for places in ((2, 4), (2,))]
    config = Config(sft=SftConfig(batch_size=2, micro_batch_size=2))
    trainer = SupervisedTrainer(
        config=config,
        model=tiny_model(),
        args=sft_arguments(config, tmp_path, 1, 1, False),
        train_dataset=Dataset.from_list(rows),
        processing_class=byte_tokenizer(),
    )
    (batch,) = trainer.get_train_dataloader()
    losses = []
    for row in rows:
        logits = trainer.model(torch.tensor([row["input_ids"]])).logits[0, :-1].float()
        targets = torch.tensor(row["labels"][1:])
        losses.append(cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")[targets != IGNORED])
    assert trainer.compute_loss(trainer.model, batch).item() == pytest.approx(torch.cat(losses).mean().item(), abs=1e-5)
