"""The loss pass and sampling where the weights are sharded (FSDP2): on a twin of the model that holds all of them.

Each process runs as many forwards as its trees have rows, and FSDP's hooks would gather a layer's weights at each: the
processes would wait for each other for ever. The twin has no hooks. Its weights are gathered once a pass, and their
gradients averaged over the processes once, in one order everywhere. That takes what FSDP takes without resharding after
the forward pass: a device holds all weights and gradients in the computing precision, but its share of the optimiser.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Partial


def is_sharded(model: Any) -> bool:
    """Whether FSDP2 has taken the weights apart already; the trainer wraps the model when training begins."""
    return isinstance(next(model.parameters()), DTensor)


def twin_of(trainer: Any) -> Twin | None:
    """For a trainer that has not wrapped its model yet; None where FSDP2 was not asked for."""
    if not trainer.accelerator.is_fsdp2:
        return None
    return Twin(trainer.model, torch.bfloat16 if trainer.args.bf16 else None)


@contextmanager
def as_it_stands(trainer: Any) -> Iterator[None]:
    """For TRL's hand-over of weights to vLLM, before training begins as well.

    FSDP2 has taken nothing apart then, and TRL's walk would ask each weight for its parts; with FSDP and DeepSpeed the
    model is still on the CPU, from where NCCL sends nothing.
    """
    distributed = trainer.vllm_generation._dist
    version = distributed.fsdp_version
    begin_on_device(trainer)
    if not is_sharded(trainer.model):
        distributed.fsdp_version = None
    try:
        yield
    finally:
        distributed.fsdp_version = version


def begin_on_device(trainer: Any) -> None:
    """FSDP and DeepSpeed leave the model on the CPU until training begins; the first evaluation comes before."""
    waits = trainer.is_deepspeed_enabled and trainer.model_wrapped is trainer.model
    if waits or (trainer.accelerator.is_fsdp2 and not is_sharded(trainer.model)):
        trainer.model.to(trainer.accelerator.device)


class Twin:
    """A copy of a model's modules without weights of its own; made before the model is wrapped.

    `dtype` is the computing precision, None for that of the weights.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype | None = None) -> None:
        self.dtype = dtype
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

    def filled(self, sharded: nn.Module) -> Any:
        """The twin with all present weights of the wrapped model. Every process calls it, or none.

        With gradients on, backward puts each weight's gradient, averaged over the processes, into the wrapped model.
        """
        self.emptied()
        weights = dict(sharded.named_parameters())
        learnt = [name for name, weight in weights.items() if weight.requires_grad]
        frozen = [name for name in weights if name not in set(learnt)]
        gathered: tuple[Tensor, ...] = _Gathered.apply(self.dtype, *(weights[name] for name in learnt))  # type: ignore[no-untyped-call]
        whole = dict(zip(learnt, gathered, strict=True))
        with torch.no_grad():
            whole |= {name: _whole(weights[name], self.dtype) for name in frozen}
        self._put(whole)
        for name, buffer in sharded.named_buffers():
            owner, _, attribute = name.rpartition(".")
            self.module.get_submodule(owner)._buffers[attribute] = buffer
        return self.module.train(sharded.training)

    @contextmanager
    def sampling(self, model: Any) -> Iterator[Any]:
        """What to sample with, without gradients: processes sample unequal numbers of tokens.

        Before training begins, when nothing is sharded yet, the model itself.
        """
        if not is_sharded(model):
            yield model
            return
        with torch.no_grad():
            yield self.filled(model)
        self.emptied()

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
    part: Any = shard.to(dtype) if dtype and shard.is_floating_point() else shard
    tensor: Tensor = part.full_tensor()
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
