"""Filter Skeleton: a learned weight for each stripe, with an L1 norm on it.

w'[f, c, y, x] = w[f, c, y, x] * s[f, y, x], and strength * sum |s| is added to the loss. s starts
at 1; afterwards it is multiplied into w, and |s| tells which stripes can go. After Meng et al.,
"Pruning Filter in Filter" (NeurIPS 2020). The user's training knows nothing of it: the gradient
of the L1 norm, strength * sign(s), is added to the one of the loss.
"""

__all__ = ["train_skeleton"]

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from hwgen.compression.prune.masks import apply_masks, holding, on_gradient
from hwgen.compression.prune.state import PruningState, weighted_layers
from hwgen.compression.prune.stripes import has_stripes


class _Skeleton(nn.Module):
    gone: Tensor

    def __init__(self, weight: Tensor, mask: Tensor | None):
        super().__init__()
        filters, _, height, width = weight.shape
        self.stripes = nn.Parameter(weight.new_ones(filters, height, width))
        gone = torch.zeros_like(weight, dtype=torch.bool) if mask is None else ~mask
        self.register_buffer("gone", gone.to(weight.device), persistent=False)

    def forward(self, weight: Tensor) -> Tensor:
        return weight.masked_fill(self.gone, 0.0) * self.stripes[:, None]


def train_skeleton(state: PruningState, strength: float, epochs: int) -> PruningState:
    """Train the model with a skeleton on every convolution, and put that into its weights.

    Parameters
    ----------
    state : with `train`
    strength : of the L1 norm on the stripes' weights
    """
    model = state.model
    layers = weighted_layers(state.graph)
    paths = [layer.path for layer in layers if has_stripes(layer.module)]
    skeletons = {}
    for path in paths:
        module = model.get_submodule(path)
        skeleton = _Skeleton(module.get_parameter("weight").detach(), state.masks.get(path))
        parametrize.register_parametrization(module, "weight", skeleton)
        on_gradient(skeleton.stripes, _with_l1(skeleton.stripes, strength))
        skeletons[path] = skeleton
    others = {path: mask for path, mask in state.masks.items() if path not in skeletons}
    try:
        model.train()
        with holding(model, others):
            state.run_training(model, epochs)
    finally:
        for path in paths:
            parametrize.remove_parametrizations(model.get_submodule(path), "weight")
    apply_masks(model, state.masks)
    learned = {path: skeleton.stripes.detach().clone() for path, skeleton in skeletons.items()}
    return replace(state, stripes=learned)


def _with_l1(stripes: nn.Parameter, strength: float) -> Callable[[Tensor], Tensor]:
    return lambda gradient: gradient + strength * stripes.detach().sign()
