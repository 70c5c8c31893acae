"""Conversations to token ids with the loss on exactly what the assistant learns to say; free of TRL.

TRL masks by generation markers in the chat template, which most templates lack. Here the rendered text is split where
the policy begins and ends to write, and each piece is tokenised by itself, as sampling does with a prompt.
"""

from __future__ import annotations

from typing import Any

from srl_agent.domain import Dialogue
from srl_agent.errors import ModelError

IGNORED = -100
"""The label of tokens without loss, as torch and transformers have it."""


def supervised_row(tokenizer: Any, dialogue: Dialogue) -> dict[str, list[int]]:
    """`input_ids` and `labels` of one example, both (tokens,): a learnt message and its end token carry their ids.

    ModelError where the chat template rewrites earlier turns once later ones stand behind them (Qwen3 takes their
    thoughts out): no single sequence is then what the policy sees at each turn.
    """
    ids: list[int] = []
    labels: list[int] = []
    for text, learnt in _pieces(tokenizer, dialogue):
        piece = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids += piece
        labels += piece if learnt else [IGNORED] * len(piece)
    return {"input_ids": ids, "labels": labels}


def _pieces(tokenizer: Any, dialogue: Dialogue) -> list[tuple[str, bool]]:
    """The text of the conversation in pieces, each with whether it is learnt; empty pieces are left out."""
    messages = [{"role": message.role, "content": message.content} for message in dialogue.messages]
    last = dialogue.learnt[-1]

    def render(count: int, prompt: bool) -> str:
        text: str = tokenizer.apply_chat_template(messages[:count], add_generation_prompt=prompt, tokenize=False)
        return text

    whole, pieces, done = render(last + 1, False), [], 0
    for place in dialogue.learnt:
        before, after = render(place, True), render(place + 1, False).rstrip()  # line ends behind the end token
        if not (after.startswith(before) and whole.startswith(after)):
            raise ModelError(_rewrites(place))
        pieces += [(whole[done : len(before)], False), (whole[len(before) : len(after)], True)]
        done = len(after)
    return [(text, learnt) for text, learnt in [*pieces, (whole[done:], False)] if text]


def _rewrites(place: int) -> str:
    return (
        f"sft.target: the model's chat template writes message {place} of a trace otherwise once later ones "
        "follow, so that no sequence shows every turn as it is sampled; set sft.target to step, or give the model's "
        "folder a chat_template.jinja that keeps earlier turns as they are"
    )
