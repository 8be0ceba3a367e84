"""What changes its shape alone."""

__all__ = ["SHAPES"]

from collections.abc import Sequence

from hwgen.golden.kernels.parts import Kernel, Kernels
from hwgen.network.inference import Tensor
from hwgen.network.ops import Flatten


def _flatten(op: Flatten, inputs: Sequence[Tensor]) -> Kernel:
    return lambda x: x.reshape(-1, x.shape[-1])


SHAPES: Kernels = {
    Flatten: _flatten,
}
