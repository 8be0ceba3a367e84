"""The PLL of iCE40: the filter that its phase detector needs, as icepll sets it."""

import pytest

from hwgen_boards.pll_ice40 import Ice40Pll


@pytest.mark.parametrize(
    ("source_mhz", "reference", "feedback", "output", "filter"),
    [
        (12, 0, 63, 4, 1),
        (16, 0, 47, 4, 1),
        (17, 0, 47, 4, 2),
        (25, 0, 31, 4, 2),
        (48, 1, 31, 4, 2),  # its detector sees 24 MHz
        (27, 0, 31, 4, 3),
        (48, 0, 15, 4, 4),
        (100, 0, 7, 4, 5),
        (110, 0, 7, 4, 6),
    ],
)
def test_filter(source_mhz, reference, feedback, output, filter):
    pll = Ice40Pll(source_mhz * 1_000_000, reference, feedback, output)
    assert pll.filter == filter
