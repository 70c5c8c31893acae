"""The loss pass and sampling where the weights are sharded (FSDP2): on a twin of the model that holds all of them.

Each process runs as many forwards as its trees have rows, and FSDP's hooks would gather a layer's weights at each: the
processes would wait for each other for ever. The twin has no hooks. Its weights are gathered once a pass, and their
gradients averaged over the processes once, in one order everywhere. That takes what FSDP takes without resharding after
the forward pass: a device holds all weights and gradients in the computing precision, but its share of the optimiser.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Partial


def is_sharded(model: Any) -> bool:
    """Whether FSDP2 has taken the weights apart already; the trainer wraps the model when training begins."""
    return isinstance(next(model.parameters()), DTensor)


class Twin:
    """A copy of a model's modules without weights of its own; made before the model is wrapped."""

    def __init__(self, model: nn.Module) -> None:
        empty = {
            id(weight): nn.Parameter(torch.empty_like(weight, device="meta"), weight.requires_grad)
            for weight in model.parameters()
        }
        # In deepcopy's memo, so that no weight is copied and shared ones stay shared.
        self.module: Any = copy.deepcopy(model, dict(empty))
        for part in self.module.modules():
            part.__dict__.pop("forward", None)  # what trainers put there is bound to the original's layers
        self._nothing = dict(self.module.named_parameters())
        names = {id(weight): name for name, weight in self._nothing.items()}
        self._places = [
            (owner, attribute, names[id(weight)])
            for owner in self.module.modules()
            for attribute, weight in owner._parameters.items()
            if weight is not None
        ]

    def filled(self, sharded: nn.Module, dtype: torch.dtype | None) -> Any:
        """The twin with all present weights of the wrapped model, in `dtype` (None: as they are). Every process calls.

        With gradients on, backward puts each weight's gradient, averaged over the processes, into the wrapped model.
        """
        self.emptied()
        weights = dict(sharded.named_parameters())
        learnt = [name for name, weight in weights.items() if weight.requires_grad]
        frozen = [name for name in weights if name not in set(learnt)]
        whole = dict(zip(learnt, _Gathered.apply(dtype, *(weights[name] for name in learnt)), strict=True))
        with torch.no_grad():
            whole |= {name: _whole(weights[name], dtype) for name in frozen}
        self._put(whole)
        for name, buffer in sharded.named_buffers():
            owner, _, attribute = name.rpartition(".")
            self.module.get_submodule(owner)._buffers[attribute] = buffer
        return self.module.train(sharded.training)

    def emptied(self) -> None:
        """Let go of the gathered weights."""
        self._put(self._nothing)

    def _put(self, weights: dict[str, Any]) -> None:
        for owner, attribute, name in self._places:
            # As torch.func.functional_call does, but lasting: recomputation in the backward pass needs them still.
            owner._parameters[attribute] = weights[name]


def _whole(shard: Any, dtype: torch.dtype | None) -> Tensor:
    if not isinstance(shard, DTensor):
        raise RuntimeError("a weight is not sharded by FSDP2; leave fsdp_ignored_modules out of the accelerate config")
    tensor: Tensor = (shard.to(dtype) if dtype and shard.is_floating_point() else shard).full_tensor()
    return tensor


class _Gathered(torch.autograd.Function):
    """Whole weights of sharded ones; gradients are averaged over the processes, all in one node and so in one order."""

    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype | None, *shards: Any) -> tuple[Tensor, ...]:
        ctx.layouts = [(shard.device_mesh, shard.placements, shard.dtype) for shard in shards]
        return tuple(_whole(shard, dtype) for shard in shards)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        parts: list[Any] = [None]
        for gradient, (mesh, placements, dtype) in zip(gradients, ctx.layouts, strict=True):
            mean = gradient.to(dtype) / mesh.size()
            summed = DTensor.from_local(mean, mesh, [Partial()] * mesh.ndim, run_check=False)
            parts.append(summed.redistribute(placements=placements))
        return tuple(parts)
