"""How much memory a stage needs at its peak on one device: arithmetic on a model's shape and a stage's sizes.

An estimate of what tensors take, for outputs and prompts of the greatest length; `srl_agent.memory_plan` makes the
sizes from the settings. Left out: fragmentation, buffers of collectives, what the libraries take on a device besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from srl_agent.config import LoraConfig
from srl_agent.head import HEAD_ROWS

SINGLE, HALF = 4, 2
"""Bytes of a float32 and of a bfloat16 number."""
NF4_BYTES = 0.516
"""A 4-bit weight with its doubly quantised scale: 4 + 0.127 bits (arXiv 2305.14314, section 3)."""
LOGIT_BYTES = 20
"""Of one logit while a chunk is differentiated: bfloat16 or float32 as it comes, float32 scaled, softmax, gradients."""


@dataclass(frozen=True)
class Shape:
    """What of a model decides how much memory it takes; all counts are of numbers, not bytes."""

    parameters: int
    """All weights; shared ones once."""
    linear: int
    """Weights of linear layers but the head: those that 4 bits hold."""
    adapters: int
    """Weights of the adapters that the settings ask for."""
    layers: int
    hidden: int
    intermediate: int
    queries: int
    """Of one token in one layer: heads x head size."""
    keys: int
    """Key/value heads x head size."""
    vocabulary: int

    @property
    def cached(self) -> int:
        """Keys and values of one token in all layers."""
        return 2 * self.keys * self.layers


@dataclass(frozen=True)
class Sizes:
    """What a stage does at once on one device."""

    held: str
    """How the weights are held: `float32`, or under adapters also `bfloat16` or `4bit`."""
    adapters: bool
    half: bool
    """Whether passes compute in bfloat16."""
    recompute: bool
    shared: bool
    """Whether prompts are computed once for their outputs; else every output is a padded row."""
    copies_keys: bool
    """Whether each row of outputs copies the keys and values of the prompts it hangs off (`attention: mask`)."""
    prompts: int
    """Of a micro-batch."""
    outputs: int
    """For each prompt."""
    prompt_tokens: int
    output_tokens: int
    row_tokens: int
    sampled: int
    """Outputs sampled at once."""
    head_rows: int = HEAD_ROWS
    """Rows of logits alive at once."""
    sharding: str = ""
    """`fsdp2`, `zero2`, `zero3`, or empty: each device holds all."""
    devices: int = 1
    sampling_copy: bool = False
    """Whether a bfloat16 copy of the weights is sampled with."""
    engine: float = 0
    """Bytes that vLLM keeps for itself in this process, its cache and its own weights."""
    reference: bool = False
    """Whether a second model stands by for the KL term."""

    @property
    def item(self) -> int:
        """Bytes of a number in the passes."""
        return HALF if self.half else SINGLE

    @property
    def tokens_plain(self) -> int:
        """Tokens of a micro-batch with one padded row an output."""
        return self.prompts * self.outputs * (self.prompt_tokens + self.output_tokens)

    @property
    def tokens_distinct(self) -> int:
        """Tokens of a micro-batch with each prompt once."""
        return self.prompts * (self.prompt_tokens + self.outputs * self.output_tokens)


def shape_of(model: Any, lora: LoraConfig) -> Shape:
    """The shape of a decoder-only model, which may be on the meta device."""
    config, head = model.config, model.get_output_embeddings()
    linear = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    targets = [name for name in linear if lora.targets == "all-linear" or name.endswith(tuple(lora.targets.split(",")))]
    return Shape(
        parameters=sum(weight.numel() for weight in model.parameters()),
        linear=sum(module.weight.numel() for module in linear.values()),
        adapters=lora.rank * sum(linear[name].in_features + linear[name].out_features for name in targets),
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        intermediate=getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
        queries=config.num_attention_heads * size,
        keys=(getattr(config, "num_key_value_heads", None) or config.num_attention_heads) * size,
        vocabulary=config.vocab_size,
    )


def peak(parts: Mapping[str, float]) -> float:
    """Bytes at the peak: sampling and the loss pass do not stand beside each other."""
    sampling = parts["KV cache of sampling"]
    passes = sum(parts[name] for name in ("gradients", "copies in bfloat16", "activations", "logits"))
    return parts["weights"] + parts["vLLM"] + parts["optimiser"] + max(sampling, passes)


def estimate(shape: Shape, sizes: Sizes) -> dict[str, float]:
    """Bytes on one device by what they hold; see `peak` for which of them add up."""
    trained = shape.adapters if sizes.adapters else shape.parameters
    split = sizes.devices if sizes.sharding else 1
    gathered = sizes.sharding == "fsdp2"  # srl_agent.sharded: a pass holds all weights, and gradients as they come
    return {
        "weights": weight_bytes(shape, sizes),
        "vLLM": sizes.engine,
        "gradients": SINGLE * trained / split + (sizes.item * trained if gathered else 0),
        "optimiser": 2 * SINGLE * trained / split,
        "copies in bfloat16": cast_bytes(shape, sizes),
        "KV cache of sampling": sizes.sampled * (sizes.prompt_tokens + sizes.output_tokens) * shape.cached * sizes.item,
        "activations": activation_bytes(shape, sizes),
        "logits": logit_bytes(shape, sizes),
    }


def weight_bytes(shape: Shape, sizes: Sizes) -> float:
    """Of the policy, its copy to sample with and its reference."""
    whole = {
        "float32": SINGLE * shape.parameters,
        "bfloat16": HALF * shape.parameters,
        "4bit": NF4_BYTES * shape.linear + SINGLE * (shape.parameters - shape.linear),
    }[sizes.held]
    own = whole + (SINGLE * shape.adapters if sizes.adapters else 0)
    if sizes.sharding in ("fsdp2", "zero3"):
        own /= sizes.devices
    if sizes.sharding == "fsdp2":
        own += sizes.item * shape.parameters
    copy = HALF * shape.parameters if sizes.sampling_copy else 0
    # Below adapters the reference is the same weights; TRL keeps a copy of adapters that a stage began with.
    kept = SINGLE * shape.adapters if sizes.adapters else own
    return own + copy + (kept if sizes.reference else 0)


def cast_bytes(shape: Shape, sizes: Sizes) -> float:
    """Autocast keeps a bfloat16 copy of the float32 weights that it multiplies with until the pass has ended."""
    if not sizes.half or sizes.held != "float32" or sizes.sharding == "fsdp2":
        return 0
    return HALF * (shape.linear + shape.vocabulary * shape.hidden)


def layer_bytes(shape: Shape, half: bool) -> float:
    """What one layer keeps of one token for the backward pass, in a decoder with gated feed-forward and two norms.

    Norms (float32): input and normalised input of both. The inputs of linear layers, which autocast casts for each of
    them apart. Queries, keys and values, the attention's result twice, and four vectors of the feed-forward.
    """
    item = HALF if half else SINGLE
    norms = 2 * 2 * SINGLE * shape.hidden
    inputs = (5 if half else 2) * item * shape.hidden
    attention = item * (3 * shape.queries + 2 * shape.keys)
    return norms + inputs + attention + 4 * item * shape.intermediate


def activation_bytes(shape: Shape, sizes: Sizes) -> float:
    """What the loss pass of a micro-batch keeps for its backward pass."""
    layer = layer_bytes(shape, sizes.half)
    if not sizes.shared:
        kept = SINGLE * shape.hidden if sizes.recompute else layer
        return sizes.tokens_plain * (kept * shape.layers + (layer if sizes.recompute else 0))
    trunk, outputs = sizes.prompts * sizes.prompt_tokens, sizes.prompts * sizes.outputs * sizes.output_tokens
    row = min(max(sizes.row_tokens, sizes.output_tokens), outputs)
    copied = sizes.prompt_tokens * shape.cached * sizes.item if sizes.copies_keys else 0
    if not sizes.recompute:
        rows = -(-outputs // row)
        return (trunk + outputs) * layer * shape.layers + rows * copied
    # Of the prompts the layers' inputs, keys and values; then one layer of them, or one row of outputs, again.
    kept = trunk * (SINGLE * shape.hidden * shape.layers + 2 * shape.cached * sizes.item)
    return kept + max(sizes.prompt_tokens * layer, row * layer * shape.layers + copied)


def logit_bytes(shape: Shape, sizes: Sizes) -> float:
    """The logits that are alive at once."""
    return LOGIT_BYTES * sizes.head_rows * shape.vocabulary
