"""Codebook weights: k-means, and centroids that train.

    argmin over c of sum over i of min over k of |w_i - c_k|**2;  dc_k = sum of dw_i in cluster k

Han et al., "Deep Compression" (ICLR 2016): clusters start evenly between the extremes and stay as
k-means found them; only their centroids train. Here centroids are integers of the codebook's
width times one scale of the layer. Weights that are exactly zero (pruned) keep an entry of zero.
"""

__all__ = ["CodebookWeights"]

import torch
from torch import Tensor, nn

from hwgen.compression.quantize.fake import fake_quantize
from hwgen.compression.quantize.learned_scales import FixedScale
from hwgen.compression.quantize.observed import up_to_power_of_two
from hwgen.compression.quantize.scale_limits import ScaleLimits, relative
from hwgen.compression.quantize.weights.base import WeightQuantizer
from hwgen.formats import Codebook, Fixed, Format

ITERATIONS = 100


class CodebookWeights(WeightQuantizer):
    """Weights that share a few integers.

    Parameters
    ----------
    format : without entries
    weight : to cluster, (channels, ...)
    power_of_two : whether the scale is a power of two
    limits : of the scale
    """

    index: Tensor
    trained: Tensor

    def __init__(
        self,
        format: Codebook,
        weight: Tensor,
        power_of_two: bool,
        limits: ScaleLimits | None = None,
    ):
        super().__init__()
        self._format = format
        self._entry = Fixed(format.entry_bits)
        centroids, index = _clusters(weight.detach().double(), 1 << format.index_bits)
        scale = centroids.abs().max().reshape(1) / self._entry.hi
        scale = (limits or relative(scale)).settled(scale)
        step = up_to_power_of_two(scale) if power_of_two else scale
        self.step = FixedScale(step, power_of_two)
        self.centroids = nn.Parameter(centroids.float())
        self.register_buffer("index", index)
        self.register_buffer("trained", centroids != 0)

    def format(self, weight: Tensor) -> Format:
        """Format of the integers, with the entries that they are."""
        return self._format.with_entries(int(entry) for entry in self._entries().tolist())

    def scale(self, weight: Tensor) -> Tensor:
        """Return the scale, (1,) float64."""
        return self.step.exact()

    def integers(self, weight: Tensor) -> Tensor:
        """Return the entry of each weight's cluster, in float64."""
        return self._entries()[self.index]

    def forward(self, weight: Tensor) -> Tensor:
        """Return the centroid of each weight's cluster, in float32; the weight has no gradient."""
        centroids = self._centroids()
        hi = self._entry.hi
        return fake_quantize(centroids, self.step(1, 1), -hi, hi, 0)[self.index]

    def _centroids(self) -> Tensor:
        return torch.where(self.trained, self.centroids, torch.zeros_like(self.centroids))

    @torch.no_grad()
    def real(self, weight: Tensor) -> Tensor:
        """Return the centroids, not rounded."""
        return self._centroids()[self.index]

    @torch.no_grad()
    def _entries(self) -> Tensor:
        hi = self._entry.hi
        entries = torch.floor(self.centroids.double() / self.step.exact() + 0.5).clamp(-hi, hi)
        return torch.where(self.trained, entries, torch.zeros_like(entries))


def _clusters(weight: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return centroids, ascending, and the index of each weight's, by Lloyd's algorithm."""
    values = weight.flatten()
    others = values[values != 0]
    free = count - int(others.numel() < values.numel())  # one stays zero
    if others.numel() == 0:
        return weight.new_zeros(count), torch.zeros_like(weight, dtype=torch.long)
    ends = others.min().item(), others.max().item()
    centroids = torch.linspace(*ends, free, dtype=torch.float64, device=weight.device)
    for _ in range(ITERATIONS):
        index = torch.bucketize(others, (centroids[1:] + centroids[:-1]) / 2, right=True)
        counts = torch.bincount(index, minlength=free)
        sums = torch.bincount(index, weights=others, minlength=free)
        moved = torch.where(counts > 0, sums / counts.clamp(min=1), centroids).sort().values
        if torch.equal(moved, centroids):
            break
        centroids = moved
    index = torch.bucketize(weight, (centroids[1:] + centroids[:-1]) / 2, right=True)
    if free < count:
        centroids = torch.cat([centroids, centroids.new_zeros(1)])
        index = torch.where(weight == 0, free, index)
    return centroids, index
