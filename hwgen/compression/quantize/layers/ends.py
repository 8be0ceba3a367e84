"""What the host computes of outputs, of a compressed model."""

__all__ = ["QuantHostLayer"]

import torch
from torch import Tensor

from hwgen.network.host_steps import HostStep
from hwgen.torch_graph.modules import HostLayer


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
