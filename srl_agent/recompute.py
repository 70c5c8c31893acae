"""Gradient checkpointing of a decoder's layers that still yields their keys and values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache


@contextmanager
def layers_recomputed(decoder: Any) -> Iterator[None]:
    """Checkpoint each layer of the trunk and still get its keys and values: transformers' own gradient checkpointing
    switches the cache off."""
    originals = [layer.forward for layer in decoder.layers]
    for number, layer in enumerate(decoder.layers):
        layer.forward = _recomputed(layer.forward, number, decoder.config)
    try:
        yield
    finally:
        for layer, original in zip(decoder.layers, originals, strict=True):
            layer.forward = original


def _recomputed(forward: Any, number: int, config: Any) -> Any:
    def run(hidden: Tensor, named: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        own = DynamicCache(config=config)  # a fresh one, so that the second computation appends nothing twice
        result = forward(hidden, **{**named, "past_key_values": own})
        result = result[0] if isinstance(result, tuple) else result
        return result, own.layers[number].keys, own.layers[number].values

    def layer_forward(hidden: Tensor, *, past_key_values: Any, **named: Any) -> Tensor:
        found: tuple[Tensor, Tensor, Tensor] = checkpoint(run, hidden, named, use_reentrant=False)
        past_key_values.update(found[1], found[2], number)
        return found[0]

    return layer_forward
