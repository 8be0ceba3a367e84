"""Masks: weights that are zero and stay zero, through fine-tuning and quantization.

While a mask is held, the gradients of its zeros are zero: momentum, Adam's moments and weight
decay then leave them at zero; and what any other optimizer moved is zero again before the next
forward. A fake-quantized zero is zero: floor(0 / scale + 1/2) = 0.
"""

__all__ = ["Masks", "apply_masks", "check_masks", "holding", "joined", "on_gradient"]

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from hwgen.compression.quantize.layers import Weighted
from hwgen.errors import HwgenError, InternalError

Masks = Mapping[str, Tensor]  # by path of a layer: True where its weight stays


def joined(a: Masks, b: Masks) -> dict[str, Tensor]:
    """Return masks that let through what both let through."""
    both = {path: a[path] & b[path] for path in a if path in b}
    return {**a, **b, **both}


@torch.no_grad()
def apply_masks(model: nn.Module, masks: Masks) -> None:
    """Zero what is masked, in place."""
    for path, mask in masks.items():
        weight = model.get_submodule(path).get_parameter("weight")
        weight.masked_fill_(~mask.to(weight.device), 0.0)


@contextmanager
def holding(model: nn.Module, masks: Masks) -> Iterator[None]:
    """Keep what is masked at zero while the model trains.

    The model may be a float one or its `QuantModel`, whose layers have the same paths.
    """
    apply_masks(model, masks)
    hooks = []
    for path, mask in masks.items():
        module = model.get_submodule(path)
        weight = module.get_parameter("weight")
        gone = ~mask.to(weight.device)
        if weight.requires_grad:
            hooks.append(on_gradient(weight, _without(gone)))
        hooks.append(module.register_forward_pre_hook(_clearing(gone)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        apply_masks(model, masks)


def check_masks(model: nn.Module, masks: Masks) -> None:
    """Check that what is masked is zero: in a quantized model, the integers.

    Raises
    ------
    HwgenError : a number format without a zero; names the layer
    InternalError : a weight came back
    """
    for path, mask in masks.items():
        module = model.get_submodule(path)
        if isinstance(module, Weighted):
            weight = module.integer_weight()
        else:
            weight = module.get_parameter("weight").detach()
        if weight.shape != mask.shape:
            raise InternalError(
                f"{path}: mask {tuple(mask.shape)} of {tuple(weight.shape)} weights"
            )
        if bool((weight[~mask.to(weight.device)] != 0).any()):
            if isinstance(module, Weighted):
                raise HwgenError(
                    f"{path}: weights that are pruned must stay zero, as must those beside the "
                    "kernel of a transposed convolution, and its number format has no zero; use "
                    "one that has, such as int4 or ternary, or remove channels instead"
                )
            raise InternalError(f"{path}: a pruned weight is not zero")


def on_gradient(tensor: Tensor, change: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call a function with each gradient of a tensor; what it returns replaces the gradient."""
    register: Callable[[Callable[[Tensor], Tensor | None]], RemovableHandle] = tensor.register_hook
    return register(change)


def _without(gone: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda gradient: gradient.masked_fill(gone.to(gradient.device), 0.0)


def _clearing(gone: Tensor) -> Callable[[nn.Module, object], None]:
    def clear(module: nn.Module, _: object) -> None:
        weight = module.get_parameter("weight").data
        weight.masked_fill_(gone.to(weight.device), 0.0)

    return clear
