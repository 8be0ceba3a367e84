"""Engines: words enter on the clocks of the schedule, and a reset leaves nothing behind."""

import pytest

from support.engine_runs import check_entering, check_reset
from support.engines import array_case, pool_case


@pytest.mark.parametrize(("case", "seed"), [(array_case, 8), (pool_case, 6)])
def test_words_enter_as_the_schedule_says(case, seed):
    check_entering(case, seed)


@pytest.mark.parametrize("case", [array_case, pool_case])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_reset_in_mid_frame(case, seed):
    check_reset(case, seed)
