"""What a network weighs: multiplications, parameters, and the bits its weights are stored in."""

__all__ = ["Size", "size_of"]

import math
from dataclasses import dataclass

from hwgen.network.ops import Op
from hwgen.network.ops.weighted import Weighted
from hwgen.network.tensor import Tensor


@dataclass(frozen=True)
class Size:
    """The size of one layer, or of several together.

    macs : multiplications of one frame; taps on the padding count
    weights, biases : how many there are; zeros count
    weight_bits : of all weights in their formats
    table_bits : of codebooks, one a layer
    """

    macs: int = 0
    weights: int = 0
    biases: int = 0
    weight_bits: int = 0
    table_bits: int = 0

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights + self.biases

    @property
    def storage_bits(self) -> int:
        """Bits that the weights are stored in, with their codebooks and without biases."""
        return self.weight_bits + self.table_bits

    @property
    def storage_bytes(self) -> int:
        """Whole bytes of `storage_bits`."""
        return -(-self.storage_bits // 8)

    def __add__(self, other: "Size") -> "Size":
        return Size(
            self.macs + other.macs,
            self.weights + other.weights,
            self.biases + other.biases,
            self.weight_bits + other.weight_bits,
            self.table_bits + other.table_bits,
        )


def size_of(op: Op, y: Tensor) -> Size:
    """Return the size of one op, nothing where it has no weights.

    Parameters
    ----------
    op : any
    y : type of its value
    """
    if not isinstance(op, Weighted):
        return Size()
    weights = int(op.weight.size)
    return Size(
        macs=weights * math.prod(y.shape[1:]),
        weights=weights,
        biases=int(op.bias.size),
        weight_bits=weights * op.weight_format.storage_bits,
        table_bits=op.weight_format.table_bits,
    )
