"""Two values element by element."""

__all__ = ["PAIRS"]

from collections.abc import Sequence

import numpy as np

from hwgen.golden.exact import Values, magnitudes, working_type
from hwgen.golden.kernels.parts import Kernel, Kernels, centre
from hwgen.network.inference import Tensor
from hwgen.network.ops import Maximum, Minimum, Multiply


def _multiply(op: Multiply, inputs: Sequence[Tensor]) -> Kernel:
    a_type, b_type = inputs
    dtype = working_type(int(magnitudes(a_type).max()) * int(magnitudes(b_type).max()))

    def kernel_of(a: Values, b: Values) -> Values:
        product: Values = centre(a, a_type.zero_point, dtype) * centre(b, b_type.zero_point, dtype)
        return product  # a factor a channel or a pixel spreads over the rest

    return kernel_of


PAIRS: Kernels = {
    Multiply: _multiply,
    Maximum: lambda op, inputs: np.maximum,
    Minimum: lambda op, inputs: np.minimum,
}
