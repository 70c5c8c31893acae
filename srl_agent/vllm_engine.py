"""vLLM inside the trainer's process: one request a prompt for its G outputs, the prefix cache dropped with old weights.

`engine_on_cpu` makes one of the CPU build, whose weights `load_weights` replaces; on accelerators TRL builds vLLM and
hands the weights over. Left out: servers (TRL's own client), several processes on CPUs. No TRL here.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from srl_agent.config import Config
from srl_agent.prompt_tokens import PromptTokens

BLOCK_TOKENS = 32
"""Tokens of a block of the prefix cache, which keeps whole blocks only: 128, vLLM's own on CPUs, is half of a short
prompt; below 32 its kernels are slow."""
SEQUENCES = 64
"""Outputs sampled at once on a CPU."""
CACHE_SHARE = 8
"""The key/value cache takes what `SEQUENCES` outputs may need, but at most this fraction (1/8) of the memory."""


Drawn = tuple[list[list[int]], list[list[float]]]
"""Token ids and their log-probabilities, as TRL takes them."""


@dataclass(frozen=True)
class Sampled:
    """Outputs in the order of their prompts, G each."""

    ids: list[list[int]]
    """Token ids, with the end token unless the output was cut."""
    logps: list[list[float]]
    """Log-probability of each token under the distribution it was drawn from."""


class VllmEngine:
    """Samples groups with a vLLM that lives in this process."""

    def __init__(self, llm: Any, hand_over: Callable[[], None], counts: PromptTokens) -> None:
        """`hand_over` gives vLLM the policy's present weights and drops its prefix cache."""
        self.llm, self.hand_over, self.counts = llm, hand_over, counts
        self._step = -1

    def update(self, step: int) -> None:
        """See that vLLM has the weights of this optimiser step; it began without any."""
        if step != self._step:
            self.hand_over()
            self._step = step

    def sample(self, trainer: Any, prompts: Sequence[Sequence[int]], rollouts: int) -> Drawn:
        """Token ids and log-probabilities, as `generate` gives them, with the present weights of a GRPOTrainer."""
        self.update(trainer.state.global_step)
        sampled = self.generate(
            prompts,
            rollouts,
            temperature=trainer.temperature,
            max_new_tokens=trainer.max_completion_length,
            eos_ids=trainer.eos_token_ids,
        )
        return sampled.ids, sampled.logps

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        rollouts: int,
        *,
        temperature: float,
        max_new_tokens: int,
        eos_ids: Iterable[int],
    ) -> Sampled:
        """`rollouts` outputs (token ids) for each prompt (token ids), prompt by prompt; `temperature` 0 is greedy."""
        from vllm import SamplingParams

        settings = SamplingParams(
            n=rollouts if temperature > 0 else 1,  # vLLM refuses n > 1 where all outputs would be equal
            temperature=temperature,
            max_tokens=max_new_tokens,
            stop_token_ids=list(eos_ids),
            logprobs=0,
            detokenize=False,
        )
        order = nested_order(prompts)
        requests = [{"prompt_token_ids": list(prompts[number])} for number in order]
        before = self._prefix_counts()
        answers = self.llm.generate(requests, sampling_params=settings, use_tqdm=False)
        asked, hits = (now - then for now, then in zip(self._prefix_counts(), before, strict=True))
        self.counts.add(asked, asked - hits)
        by_prompt = dict(zip(order, answers, strict=True))
        copies = 1 if temperature > 0 else rollouts
        outputs = [output for number in range(len(prompts)) for output in by_prompt[number].outputs * copies]
        return Sampled([list(output.token_ids) for output in outputs], [_logps(output) for output in outputs])

    def _prefix_counts(self) -> tuple[int, int]:
        """Prompt tokens looked up in the prefix cache so far, and those found; zeros where vLLM does not count."""
        if not self.llm.llm_engine.log_stats:
            return 0, 0
        found = {metric.name: int(getattr(metric, "value", 0)) for metric in self.llm.get_metrics()}
        return found["vllm:prefix_cache_queries"], found["vllm:prefix_cache_hits"]


def nested_order(prompts: Sequence[Sequence[int]]) -> list[int]:
    """Numbers of the prompts, episode by episode, steps ascending: sorted by their tokens, a prompt stands behind those
    it begins with, and prompts that begin alike stand together, whatever order they were drawn in."""
    return sorted(range(len(prompts)), key=lambda number: list(prompts[number]))


def _logps(output: Any) -> list[float]:
    return [float(at[token].logprob) for at, token in zip(output.logprobs, output.token_ids, strict=True)]


def checkpoint_weights(model: Any) -> Iterator[tuple[str, Tensor]]:
    """Names and values as a checkpoint of the model would hold them; adapters are added to copies of their layers.

    Merging in place and taking the adapters out again, as TRL does, would change the frozen weights by rounding.
    """
    adapted = {name: module for name, module in model.named_modules() if hasattr(module, "get_delta_weight")}
    for name, parameter in model.named_parameters():
        owner, _, kind = name.rpartition(".base_layer.")
        if owner in adapted and kind == "weight":
            layer = adapted[owner]
            value = parameter.data + sum(layer.get_delta_weight(adapter) for adapter in layer.active_adapters)
        elif ".lora_" in name:
            continue
        else:
            value = parameter.data
        yield name.removeprefix("base_model.model.").replace(".base_layer.", "."), value


def load_weights(llm: Any, weights: Iterable[tuple[str, Tensor]]) -> None:
    """Have vLLM take over weights under their names in the checkpoint, all of them, and forget what it had computed.

    The CPU kernels keep weights packed: `load_weights` of the model, which TRL calls, meets other shapes and fails.
    vLLM's own `reload_weights` unpacks and packs them again.
    """
    worker = llm.llm_engine.model_executor.driver_worker
    runner = getattr(worker, "worker", worker).model_runner
    runner.reload_weights(weights_iterator=iter(weights))
    if runner.model_config.hf_text_config.tie_word_embeddings:
        # No weight of a checkpoint is the tied head's, so vLLM 0.31 leaves it its packed copy of the old embeddings.
        head = runner.get_model().lm_head
        head.quant_method.process_weights_after_loading(head)
    if not llm.reset_prefix_cache():
        raise RuntimeError("vLLM kept its prefix cache of the old weights: requests were still running")


def engine_on_cpu(model: Any, config: Config, output_tokens: int, counts: PromptTokens) -> VllmEngine:
    """An engine that samples with the weights that `model` has at each update.

    `output_tokens`: the most behind a prompt, all turns of a rollout together.
    """
    longest = config.data.max_prompt_tokens + output_tokens
    llm = build_on_cpu(model, dtype=config.model.dtype, max_tokens=longest, seed=config.seed)
    return VllmEngine(llm, lambda: load_weights(llm, checkpoint_weights(model)), counts)


def build_on_cpu(model: Any, *, dtype: str, max_tokens: int, seed: int) -> Any:
    """A vLLM of the model's architecture without its weights, which `load_weights` brings.

    `max_tokens`: the longest prompt and output together. `seed` also sets torch's generator, from which it draws.
    """
    config = model.config
    with tempfile.TemporaryDirectory() as folder:
        if not config.architectures:
            config.architectures = [type(model).__name__]
        config.save_pretrained(folder)
        return vllm_here()(
            model=folder,
            load_format="dummy",
            skip_tokenizer_init=True,
            generation_config="vllm",  # none of the model's own sampling defaults
            dtype=dtype,
            max_model_len=max_tokens,
            enable_prefix_caching=True,
            logprobs_mode="processed_logprobs",  # after the temperature, as the loss computes them
            disable_log_stats=False,  # the prefix cache's hits
            seed=seed,
            **cpu_settings(config, max_tokens, dtype),
        )


def vllm_here() -> Any:
    """vLLM's class `LLM`, for an engine in this process that is quiet: so variables say, read when it is imported.

    In another process weights could not be handed over, and it might outlive us; vLLM's notes on LD_PRELOAD and threads
    would stand between our lines.
    """
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from vllm import LLM

    return LLM


def cpu_settings(config: Any, max_tokens: int, dtype: str) -> dict[str, Any]:
    """What vLLM's CPU build is told for outputs that end within `max_tokens`, the prompt included."""
    return {
        "max_num_seqs": SEQUENCES,
        "block_size": BLOCK_TOKENS,
        "kv_cache_memory_bytes": _cache_bytes(config, max_tokens, 4 if dtype == "float32" else 2),
        "enforce_eager": True,
    }


def _cache_bytes(config: Any, max_tokens: int, item: int) -> int:
    """Keys and values of all layers for `SEQUENCES` outputs, bounded by the memory but enough for one of them."""
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    a_token = 2 * config.num_hidden_layers * config.num_key_value_heads * head * item
    an_output = a_token * (max_tokens + 2 * BLOCK_TOKENS)  # a part of a block is kept as a whole one; one is set aside
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    needed: int = max(an_output, min(SEQUENCES * an_output, memory // CACHE_SHARE))
    return needed
