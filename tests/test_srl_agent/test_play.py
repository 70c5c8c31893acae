"""Players whose rollouts are one output."""

from __future__ import annotations

from collections.abc import Sequence

from srl_agent.config import Config
from srl_agent.domain import StepKey
from srl_agent.play import Request
from srl_agent.testing import ToyDomain, byte_tokenizer

TOKENIZER = byte_tokenizer()
END: int = TOKENIZER.eos_token_id


def sample(prompts: Sequence[Sequence[int]], rollouts: int) -> list[list[int]]:
    """Each prompt's outputs: its own text, with an end, and `z` without one."""
    return [ids for prompt in prompts for ids in ([*prompt, END], TOKENIZER("z")["input_ids"])[:rollouts]]


def test_each_output_is_graded_at_the_start_it_answers() -> None:
    player = ToyDomain().player(Config(), TOKENIZER, {END})
    steps = ToyDomain().load_steps(Config(), len).train[:2]
    starts = [StepKey(step.instance_id, step.traj_id, step.step) for step in steps]
    prompts = [TOKENIZER(letter)["input_ids"] for letter in ("a", "a")]  # right for the first step only
    found = player.play(Request(starts, prompts, 2, sample, bool))
    assert [one.score.reward for one in found] == [1.0, 0.0, 0.0, 0.0]
    assert [one.text for one in found] == ["a", "z", "a", "z"]
    assert [one.cut for one in found] == [False, True, False, True]
    assert all(all(one.own) and len(one.own) == len(one.ids) for one in found)
