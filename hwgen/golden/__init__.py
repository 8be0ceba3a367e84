"""Golden: the NumPy meaning of a network, exact to the last bit."""

__all__ = ["GOLDEN", "run", "trace"]

from hwgen.golden.executor import run, trace
from hwgen.golden.kernels import GOLDEN
