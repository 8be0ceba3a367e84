"""Regularizers that make pruning hurt less: one line in the user's loss.

    loss = cross_entropy(model(x), y) + hwgen.compression.prune.penalty(model, "stripes", 1e-4)

"weights" is the L1 norm, strength * sum |w|. "filters", "channels", "shapes" and "stripes" are
group lassos, strength * sum over groups g of ||w[g]||: all weights of an output channel; of an
input channel; of a tap (channel, kh, kw); of a position (kh, kw) of one filter. After Wen et al.,
"Learning Structured Sparsity in Deep Neural Networks" (SSL, NeurIPS 2016). "norms" is the L1 norm
of the batch norms' scales, after Liu et al. (Network Slimming, ICCV 2017).
"""

__all__ = ["PENALTIES", "penalty"]

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn

from hwgen.compression.prune.channel_groups import NORMS, WEIGHTED
from hwgen.compression.quantize.layers import Weighted
from hwgen.errors import HwgenError


def _over(*dims: int) -> Callable[[Tensor], Tensor]:
    """Group lasso over the dimensions (filter, channel, kh, kw) that make up a group.

    The gradient of a group that is zero is zero, not infinite.
    """
    return lambda weight: torch.linalg.vector_norm(weight, dim=dims).sum()


PENALTIES: dict[str, Callable[[Tensor], Tensor]] = {
    "weights": lambda weight: weight.abs().sum(),
    "filters": _over(1, 2, 3),
    "channels": _over(0, 2, 3),
    "shapes": _over(0),
    "stripes": _over(1),
    "norms": lambda scale: scale.abs().sum(),
}


def penalty(
    model: nn.Module, kind: str, strength: float, layers: Collection[str] | None = None
) -> Tensor:
    """Return a term for the loss of a float or quantized model, differentiable.

    Parameters
    ----------
    kind : "weights", "filters", "channels", "shapes", "stripes" or "norms"
    layers : paths of the layers it is for; None: all that have such groups

    Raises
    ------
    HwgenError : an unknown kind or layer, or a model that has no such groups
    """
    if kind not in PENALTIES:
        raise HwgenError(f"Kind of penalty must be one of {', '.join(PENALTIES)}, not {kind!r}")
    modules = dict(model.named_modules())
    for path in layers or ():
        if path not in modules:
            raise HwgenError(f"{path}: penalty must name layers of the model, and has none of it")
    terms = [
        PENALTIES[kind](tensor)
        for path, module in modules.items()
        if (layers is None or path in layers) and (tensor := _groups(module, kind)) is not None
    ]
    if not terms:
        raise HwgenError(f"Penalty on {kind} needs layers that have some, and there are none")
    return strength * torch.stack(terms).sum()


def _groups(module: nn.Module, kind: str) -> Tensor | None:
    """Return what a layer adds to a penalty: its weight as (filter, channel, kh, kw), or none."""
    if kind == "norms":
        return module.weight if isinstance(module, NORMS) and module.affine else None
    if not isinstance(module, (*WEIGHTED, Weighted)):
        return None
    weight: Tensor = module.weight
    if kind == "stripes" and (weight.dim() < 4 or weight[0, 0].numel() == 1):
        return None
    return weight if weight.dim() == 4 else weight[:, :, None, None]
