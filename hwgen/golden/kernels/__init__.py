"""Golden, op by op: what each op means, in NumPy.

Every entry of `GOLDEN` takes an op and the types of its inputs and returns the function that
computes it. Values run in the layout (channels, height, width, batch) or (features, batch): with
the batch innermost, windows, pools and channel factors are long contiguous runs whatever the
channel count, a convolution is one matrix product, and flattening is free.
"""

__all__ = ["GOLDEN", "Kernel"]

from hwgen.golden.kernels.entry import ENTRY
from hwgen.golden.kernels.joins import JOINS
from hwgen.golden.kernels.pairs import PAIRS
from hwgen.golden.kernels.parts import Kernel, Kernels
from hwgen.golden.kernels.pools import POOLS
from hwgen.golden.kernels.rearrange import REARRANGEMENTS
from hwgen.golden.kernels.shapes import SHAPES
from hwgen.golden.kernels.table import TABLE
from hwgen.golden.kernels.values import VALUES
from hwgen.golden.kernels.weighted import WEIGHTED

GOLDEN: Kernels = {
    **ENTRY,
    **WEIGHTED,
    **POOLS,
    **JOINS,
    **PAIRS,
    **SHAPES,
    **VALUES,
    **TABLE,
    **REARRANGEMENTS,
}
