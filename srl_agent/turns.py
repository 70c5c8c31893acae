"""Later turns of a conversation as token ids that follow what the policy wrote, by the model's chat template."""

from __future__ import annotations

from typing import Any

from srl_agent.errors import ModelError


def answer_ids(tokenizer: Any, text: str) -> list[int]:
    """What stands between an output's end token and the next output, where `text` is the user's turn between them.

    Outputs stay as they were sampled, thoughts included, also where the template would take them out of earlier turns
    (Qwen3). ModelError where the template does not go on behind an assistant's turn.
    """
    opening = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    before: str = tokenizer.apply_chat_template(opening, tokenize=False)
    turns = [*opening, {"role": "user", "content": text}]
    whole: str = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    before = before.rstrip()  # line ends stand behind the end token
    if not whole.startswith(before):
        raise ModelError("model.name: the chat template rewrites earlier turns, and rlvr goes on behind them")
    ids: list[int] = tokenizer(whole[len(before) :], add_special_tokens=False)["input_ids"]
    return ids
