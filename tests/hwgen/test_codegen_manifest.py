"""Figures of a stream in a manifest that contradict one another."""

import pytest

from hwgen.codegen.manifest import _agrees
from hwgen.errors import StoreError

STREAM = {"stream_shape": [5, 2, 3], "shape": [30], "lanes": 2, "bits": 3, "beats": 18}


@pytest.mark.parametrize("changes", [{}, {"tdata_bits": 6}, {"lanes": 5, "beats": 6}, {"bits": 9}])
def test_figures_that_agree(changes):
    """The last beat of a pixel, partly filled, is one as well."""
    _agrees({**STREAM, **changes}, "input")


@pytest.mark.parametrize(
    "changes",
    [
        {"beats": 12},
        {"beats": 17},
        {"shape": [31]},
        {"lanes": 3, "beats": 6},
        {"tdata_bits": 5},
        {"lanes": 6},
    ],
)
def test_figures_that_do_not(changes):
    with pytest.raises(StoreError, match="input contradicts itself in lanes, bits, beats"):
        _agrees({**STREAM, **changes}, "input")
