"""From the trainer's padded rows to token trees and back: the shared loss pass for whole batches.

The pass itself is `srl_agent.tree_pass`; `why_not_shared` says for which models it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from srl_agent.tree_pass import BRANCH_TOKENS, clusters, grow, tree_logps


@dataclass
class LossTokens:
    """Tokens of loss passes since the counts were last taken."""

    computed: int = 0
    """Tokens that went through the model: of the trees, where prompts are shared."""
    plain: int = 0
    """What one padded row an output, as TRL's own pass has it, comes to."""

    def add(self, computed: int, plain: int) -> None:
        """Count one pass, or a part of it."""
        self.computed += computed
        self.plain += plain

    def take(self) -> dict[str, int]:
        """The counts by the names of their metrics; they begin again at zero."""
        counts = {"tokens_computed": self.computed, "tokens_plain": self.plain}
        self.computed = self.plain = 0
        return counts


def why_not_shared(model: Any) -> str:
    """Why this pass would compute something else for the model, empty where it is exact."""
    config = model.config
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        return f"layers of kind {', '.join(sorted(kinds - {'full_attention'}))}"
    if getattr(config, "use_sliding_window", False) or (
        getattr(config, "sliding_window", None) and not hasattr(config, "use_sliding_window")
    ):
        return "sliding-window attention"
    if lengths := _rope_types(config) & {"dynamic", "longrope"}:
        return f"position embeddings of type {', '.join(sorted(lengths))}, which depend on a sequence's length"
    if random := _random(config):
        return f"dropout or noise ({', '.join(random)})"
    if hasattr(config, "output_router_logits") and config.to_dict().get("router_aux_loss_coef"):
        return "a router's auxiliary loss (router_aux_loss_coef in the model's configuration is not 0)"
    scaled = (
        "final_logit_softcapping",
        "logit_scale",
        "logits_scaling",
        "lm_head_multiplier",
        "output_multiplier",
    )
    if any(getattr(config, name, None) is not None for name in scaled):
        return "logits that are scaled after the head"
    if getattr(model, "is_gradient_checkpointing", False):
        return "transformers' gradient checkpointing, which switches the key/value cache off"
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    if model.get_output_embeddings() is None or not hasattr(getattr(base, "model", None), "layers"):
        return f"a model class ({type(model).__name__}) without decoder layers and a head of their own"
    return ""


def _random(config: Any) -> list[str]:
    """Settings that make two passes differ: dropout by any of its names, layer dropping, noise at the router."""
    return [
        name
        for name, value in sorted(config.to_dict().items())
        if ("drop" in name or "jitter" in name) and not name.startswith(("classifier", "summary"))
        if isinstance(value, float) and value > 0
    ]


def _rope_types(config: Any) -> set[str]:
    """Kinds of rotary embeddings, of all kinds of layers."""
    found = getattr(config, "rope_parameters", None) or {}
    return {str(each.get("rope_type")) for each in (found, *found.values()) if isinstance(each, dict)}


def grouped_logps(
    model: Any,
    ids: Tensor,
    mask: Tensor,
    completion_width: int,
    size: int,
    temperature: float = 1.0,
    *,
    row_tokens: int = BRANCH_TOKENS,
    recompute: bool = False,
    attention: str = "mask",
    counts: LossTokens | None = None,
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies (B*G, C) of the outputs in the trainer's layout, both 0 on padding.

    `ids` and `mask` are (B*G, P+C), prompts padded on the left, outputs on the right, each `size` rows sharing a prompt
    (ValueError where they do not). Prompts that begin alike become one tree. `counts` learns how much is computed.
    """
    prompts, outputs = _unpad(ids, mask, completion_width, size)
    counts = counts or LossTokens()
    counts.add(0, ids.numel())
    logps: list[Tensor] = [ids.new_zeros(0)] * len(ids)
    entropies = list(logps)
    for members in clusters(prompts):
        parts = [(group, part) for group in members for part in _parts(outputs[group], row_tokens)]
        tree = grow([prompts[group] for group, _ in parts], [outputs[group][part] for group, part in parts])
        counts.add(tree.tokens, 0)
        found = tree_logps(model, tree, temperature, row_tokens=row_tokens, recompute=recompute, attention=attention)
        for place, (group, part) in enumerate(parts):
            rows = slice(group * size + part.start, group * size + part.stop)
            logps[rows], entropies[rows] = (_pad(half[place], completion_width) for half in found)
    return torch.stack(logps), torch.stack(entropies)


def _parts(outputs: Sequence[Tensor], row_tokens: int) -> list[slice]:
    """A group's outputs in parts of at most `row_tokens`, or of one output: a branch is computed as one row."""
    parts, start, filled = list[slice](), 0, 0
    for number, output in enumerate(outputs):
        if number > start and filled + len(output) > row_tokens:
            parts.append(slice(start, number))
            start, filled = number, 0
        filled += len(output)
    return [*parts, slice(start, len(outputs))]


def _unpad(ids: Tensor, mask: Tensor, width: int, size: int) -> tuple[list[Tensor], list[list[Tensor]]]:
    split = ids.shape[1] - width
    prompts, outputs = [], []
    for rows, kept in zip(torch.split(ids, size), torch.split(mask, size), strict=True):
        if not torch.equal(rows[:, :split], rows[:1, :split].expand(len(rows), -1)):
            raise ValueError("the rows of a group do not share their prompt; batches must be made of whole groups")
        prompts.append(rows[0, :split][kept[0, :split].bool()])
        outputs.append([row[split:][keep[split:].bool()] for row, keep in zip(rows, kept, strict=True)])
    return prompts, outputs


def _pad(rows: Sequence[Tensor], width: int) -> list[Tensor]:
    return [torch.nn.functional.pad(row, (0, width - len(row))) for row in rows]


def through(wrapped: Any, module: Any, call: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Run `call` inside the forward of what wraps the module: DistributedDataParallel reduces only gradients of passes
    that went through it."""
    if wrapped is module:
        return call()
    original = module.__dict__.get("forward")
    module.forward = lambda: call()
    try:
        result: tuple[Tensor, Tensor] = wrapped()
    finally:
        if original is None:
            del module.forward
        else:
            module.forward = original
    return result
