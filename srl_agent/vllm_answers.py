"""Outputs of a model on this machine, sampled with vLLM: each prompt is handed on as soon as it is answered.

Left out: several devices (one holds the models that this project trains), quantised weights, and adapters, which vLLM
would not merge as training does.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from transformers import AutoConfig, GenerationConfig

from srl_agent.answers import Answer, Done, Prompt, Redrawn, Sampling
from srl_agent.held_out import prompt_ids
from srl_agent.models import ADAPTER, resolve_model
from srl_agent.rollout import end_tokens
from srl_agent.step_reward import decode
from srl_agent.vllm_engine import cpu_settings, vllm_here


def why_not_vllm(name: str, device: str) -> str:
    """Why vLLM cannot answer with a model on `cpu`, `cuda` or `mps`; empty where it can."""
    if importlib.util.find_spec("vllm") is None:
        how = "scripts/install-vllm-cpu" if device == "cpu" else "pip install 'srl-agent[vllm]'"
        return f"vllm is not installed ({how})"
    if device == "mps":
        return "vllm does not run on Apple's GPUs"
    if (Path(resolve_model(name)) / ADAPTER).is_file():
        return "the folder holds adapters, which transformers merges in float32"
    return ""


class VllmAnswers(Redrawn):
    """Answers prompts; see `srl_agent.answers.Answerer`.

    Every output has a seed of its own, so it does not depend on the others by what is drawn. It may by rounding: what
    is computed together changes the last digits of logits, which decide where two tokens are as good as equally likely.
    """

    together = 0
    threads = 0

    def __init__(self, name: str, dtype: str, tokenizer: Any, device: str, longest: int, sampling: Sampling) -> None:
        """`longest`: tokens of the longest prompt with its output."""
        self.tokenizer, self.sampling = tokenizer, sampling
        self.folder = resolve_model(name)
        self.ends = _end_tokens(self.folder, tokenizer)
        self.llm = _build(self.folder, dtype, device, longest)

    def __call__(
        self, prompts: Sequence[Prompt], rollouts: int, seeds: Sequence[Sequence[int]], done: Done
    ) -> list[list[Answer]]:
        """See `Answerer`."""
        engine = self.llm.llm_engine
        for number, prompt in enumerate(prompts):
            ids = {"prompt_token_ids": prompt_ids(self.tokenizer, prompt)}
            for place in range(rollouts):
                engine.add_request(f"{number}:{place}", ids, self._settings(seeds[number][place]))
        found: list[dict[int, Answer]] = [{} for _ in prompts]
        for name, output in _finished(engine):
            number, place = map(int, name.split(":"))
            found[number][place] = self._answer(output)
            if len(found[number]) == rollouts:
                done(number, [found[number][place] for place in range(rollouts)])
        return [[answers[place] for place in range(rollouts)] for answers in found]

    def _settings(self, seed: int) -> Any:
        from vllm import SamplingParams

        return SamplingParams(
            temperature=self.sampling.temperature,
            max_tokens=self.sampling.max_tokens,
            stop_token_ids=self.ends,
            seed=seed,
            detokenize=False,
        )

    def _answer(self, output: Any) -> Answer:
        ids = list(output.token_ids)
        return Answer(decode(self.tokenizer, ids, self.ends), len(ids), output.finish_reason == "length")


def _finished(engine: Any) -> Iterator[tuple[str, Any]]:
    """Names and outputs of the requests as they end."""
    while engine.has_unfinished_requests():
        for request in engine.step():
            if request.finished:
                yield request.request_id, request.outputs[0]


def _end_tokens(folder: str, tokenizer: Any) -> list[int]:
    """As `end_tokens` finds them, without the weights."""
    try:
        settings = GenerationConfig.from_pretrained(folder)
    except OSError:  # a folder need not have them apart from the model's own
        settings = GenerationConfig.from_model_config(AutoConfig.from_pretrained(folder))
    return end_tokens(SimpleNamespace(generation_config=settings), tokenizer)


def _build(folder: str, dtype: str, device: str, longest: int) -> Any:
    settings = cpu_settings(AutoConfig.from_pretrained(folder), longest, dtype) if device == "cpu" else {}
    return vllm_here()(
        model=folder,
        skip_tokenizer_init=True,
        generation_config="vllm",  # none of the model's own sampling defaults
        dtype=dtype,
        max_model_len=longest,
        enable_prefix_caching=True,
        use_tqdm_on_load=False,
        **settings,
    )
