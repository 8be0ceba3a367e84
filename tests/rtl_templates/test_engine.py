"""Whole engines, of random shapes and foldings, against loops over the definition: values under
stalls, and every clock without."""

import pytest

from hwgen_rtl_templates.engine import EngineParameters
from hwgen_rtl_templates.pool import MaximumParameters
from hwgen_rtl_templates.window import WindowParameters
from support.engines import array_case, check, check_full_rate, pool_case
from support.selection import some

NONE = ((0, 0), (0, 0))


@pytest.mark.parametrize("seed", some(range(24), range(10)))
def test_array(seed):
    check(array_case, seed)


@pytest.mark.parametrize("seed", some(range(10), range(5)))
def test_pool(seed):
    check(pool_case, seed)


@pytest.mark.parametrize("seed", some(range(1000, 1150), (1016,)))  # its sums reach their ends
def test_array_at_length(seed):
    check(array_case, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1150))
def test_pool_at_length(seed):
    check(pool_case, seed)


@pytest.mark.parametrize("seed", some(range(200), range(60)))
def test_no_clock_is_idle_at_full_rate(seed):
    case = pool_case if seed % 4 == 0 else array_case
    check_full_rate(case(seed)[0], f"seed {seed}")


def test_messages():
    window = WindowParameters(3, 4, 4, (1, 1), (1, 1), NONE, (1, 1), 3, 4, False)
    path = MaximumParameters(3, 1, 4, False)
    with pytest.raises(ValueError, match="Drain must send its 3 beats within the 1 clocks"):
        EngineParameters(window, path, 3, 1, None, 3)
    with pytest.raises(ValueError, match="Number of slices must divide the 3 channels, not be 2"):
        WindowParameters(3, 4, 4, (1, 1), (1, 1), NONE, (1, 1), 3, 4, False, slices=2)
    with pytest.raises(ValueError, match="Kernel must fit the padded frame"):
        WindowParameters(3, 4, 4, (5, 1), (1, 1), NONE, (1, 1), 3, 4, False)
