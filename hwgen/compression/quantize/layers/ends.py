"""What may be the last of a compressed model: what the host computes, and comparisons."""

__all__ = ["QuantAbove", "QuantHostLayer"]

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hwgen.compression.quantize.quantizers import Source
from hwgen.network.host_steps import HostStep
from hwgen.torch_graph.modules import Above, HostLayer


class QuantHostLayer(HostLayer):
    """A host step: torch's function in training, so that losses keep their gradients; in
    evaluation what `Network.dequantize` computes, in the same bits."""

    @property
    def step(self) -> HostStep:
        """What the host computes."""
        return HostStep(self.kind, self.axis)

    def forward(self, x: Tensor) -> Tensor:
        """Return what becomes of (batch, ...) real numbers."""
        if self.training:
            return super().forward(x)
        real = self.step.apply(x.detach().cpu().numpy())
        return torch.from_numpy(real).to(x.device)


FARTHEST = 1 << 52  # accumulators stay below


class QuantAbove(Above):
    """A comparison with a bound, of accumulators or of quantized values."""

    def __init__(self, module: Above, source: Source):
        super().__init__(module.bound, module.strict)
        self._source = (source,)  # in a tuple: not a child

    def thresholds(self) -> npt.NDArray[np.int64]:
        """Return the least integer of each channel, or of all, that is above, (channels, 1)."""
        source = self._source[0]
        scales = source.output_scale().detach().reshape(-1).tolist()
        return np.array([[self._least(scale) + source.zero_point] for scale in scales])

    def _least(self, scale: float) -> int:
        """Return the least n for which scale * n, as it is rounded, is above the bound."""
        near = max(-FARTHEST, min(FARTHEST, self.bound / scale))
        least = math.floor(near) - 1
        while least < FARTHEST and not self._is_above(scale * least):
            least += 1
        return least

    def _is_above(self, x: float) -> bool:
        return x > self.bound if self.strict else x >= self.bound
