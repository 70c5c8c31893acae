"""A tiny model, its byte tokenizer and a toy domain, for tests of the trainer and of code built on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast, Qwen2Config, Qwen3Config

from srl_agent.config import Config
from srl_agent.config_load import read_options
from srl_agent.domain import NoOptions, Score, Scorer, StepKey, StepSets, only_steps
from srl_agent.play import OneTurn, Request, Rollout
from trajectories.records import Message, StepExample

SPECIAL = ("<|end|>", "<|pad|>")
TEMPLATE = (
    "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}"
)
SHAPE = {
    "vocab_size": 258,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 4096,
    "bos_token_id": None,
    "eos_token_id": 256,
    "pad_token_id": 257,
}
FAMILIES: dict[str, Any] = {"llama": LlamaConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}


def byte_tokenizer() -> Any:
    """One token a byte, with an end and a padding token and a chat template of a few characters."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(list(SPECIAL))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token=SPECIAL[0], pad_token=SPECIAL[1])
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def tiny_model(family: str = "llama", dtype: torch.dtype = torch.float32, seed: int = 0) -> Any:
    """A randomly initialised model of two layers, the same for the same seed."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(FAMILIES[family](**SHAPE)).to(dtype).eval()
    if dtype == torch.float64:
        norms_in_double(model)
    return model


def norms_in_double(model: Any) -> None:
    """transformers computes its norms in float32 whatever the model's precision; exact tests need better."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__.endswith("RMSNorm"):
                norm = torch.nn.RMSNorm(child.weight.shape, eps=child.variance_epsilon, dtype=torch.float64)
                norm.weight = child.weight
                setattr(parent, name, norm)


def save_tiny(folder: Path) -> Path:
    """The tiny model and its tokenizer in Hugging Face layout."""
    tiny_model().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


class ToyDomain:
    """Steps whose prompt asks for a letter; the reward is the share of the output that is this letter."""

    def load_steps(self, config: Config, count_tokens: Callable[[str], int]) -> StepSets:
        """Twelve training steps and three held-out ones."""
        only_steps(config)
        read_options(config, NoOptions)
        steps = [_toy_step(index) for index in range(15)]
        return StepSets(steps[:12], steps[12:], ("toy steps",), "toy")

    def scorer(self, config: Config) -> Scorer:
        """Counts letters; an empty output breaks the format."""

        def score(outputs: Sequence[str], experts: Sequence[str], steps: Sequence[StepKey] = ()) -> list[Score]:
            return [_toy_score(output, expert) for output, expert in zip(outputs, experts, strict=True)]

        return score

    def floors(self, config: Config, steps: Sequence[StepExample]) -> dict[str, float]:
        """One constant floor."""
        return {"nothing": 0.0}

    def supervised_target(self, step: StepExample) -> str:
        """The letter four times."""
        return step.expert_action * 4

    def action_kind(self, expert_action: str) -> str:
        """The first two letters are of one kind, the others of another."""
        return "early" if expert_action in "ab" else "late"

    def problems(self, config: Config, steps: StepSets) -> StepSets:
        """The steps as they are."""
        return steps

    def player(self, config: Config, tokenizer: Any, ends: set[int]) -> OneTurn:
        """An output that names its letter is right."""
        letters = {(step.traj_id, step.step): step.expert_action for step in map(_toy_step, range(15))}

        def grade(texts: Sequence[str], starts: Sequence[StepKey]) -> list[Score]:
            expected = [letters[start.traj_id, start.step] for start in starts]
            pairs = zip(texts, expected, strict=True)
            return [Score(float(letter in text), None, False, text) for text, letter in pairs]

        return OneTurn(tokenizer, ends, grade)


class FixedDomain(ToyDomain):
    """The toy steps with rollouts that are written down: they depend on nothing but the step and their number."""

    def player(self, config: Config, tokenizer: Any, ends: set[int]) -> Any:
        """See `PlaysTasks`; the longer a rollout is, the better."""
        return _Fixed(tokenizer)


class _Fixed:
    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def play(self, request: Request) -> list[Rollout]:
        return [self._rollout(start, number) for start in request.starts for number in range(request.rollouts)]

    def _rollout(self, start: StepKey, number: int) -> Rollout:
        text = f"{start.traj_id} {start.step} " + "x" * number
        ids = [*self.tokenizer(text)["input_ids"], self.tokenizer.eos_token_id]
        own = [place % 5 > 0 for place in range(len(ids))]  # as if the world had answered now and then
        return Rollout(ids, own, text, Score(number / 10, None, False, text))


def _toy_step(index: int) -> StepExample:
    letter = "abcde"[index % 5]
    prompt = (Message("system", "write"), Message("user", f"{letter} {index}"))
    return StepExample(prompt, letter, "", f"toy-{index % 4}", f"run-{index % 4}", index // 4 + 1, 5, "toy", True)


def _toy_score(output: str, expert: str) -> Score:
    if not output:
        return Score(-1.0, "empty output", False)
    vowels = sum(character.isalpha() for character in output) / len(output)
    return Score(output.count(expert) / len(output) + 0.1 * vowels, None, output == expert * 4, output)
