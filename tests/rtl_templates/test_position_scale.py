"""Values times a constant of their position: values under stalls, clocks by their schedule."""

import random

import pytest

from hwgen_rtl_templates.position_scale import PositionScaleParameters
from hwgen_rtl_templates.requantize import RequantizerParameters
from hwgen_rtl_templates.timing import schedule
from support.stream_bench import STALLS, check_component, pack

CASES = {  # channels, lanes, bits, signed, offset, step, rows, columns
    "edges": (4, 2, 5, True, 0, 1, (2, 3, 3, 2), (2, 3, 2)),
    "columns alone": (3, 1, 4, False, -5, 1, (1,), (3, 2, 2, 2, 3)),
    "rows alone": (2, 2, 6, True, 0, 1, (1, 4), (1, 1)),
    "one factor": (2, 1, 4, True, 3, 1, (6,), (2, 2)),
    "signs": (3, 3, 1, False, -1, 2, (1, 5), (7, 3, 1)),
    "powers of two": (1, 1, 4, True, 0, 1, (4, 8), (2, 2, 4)),
    "tables": (1, 1, 3, True, 1, 1, (3, 5, 7, 2, 9), (1, 6, 11, 4, 13)),
}


@pytest.mark.parametrize("requantized", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_values_and_clocks(case, requantized):
    channels, lanes, bits, signed, offset, step, rows, columns = CASES[case]
    rng = random.Random(len(case) + requantized)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    least, most = offset + step * low, offset + step * high
    each = [row * column for row in rows for column in columns]
    lo, hi = min(least * f for f in each), max(most * f for f in each)
    epilogue = None
    if requantized:
        epilogue = RequantizerParameters(channels, lanes, lo, hi, (1,), 3, 0, -8, 7, 4, True)
    p = PositionScaleParameters(
        channels, lanes, bits, signed, offset, step, rows, columns, lo, hi, epilogue, depth=1
    )
    p = p.with_depth(p.full_rate_depth)
    beats, wanted = [], []
    for _frame in range(3):
        for factor in each:
            for _ in range(channels // lanes):
                x = [rng.choice((low, high, rng.randint(low, high))) for _ in range(lanes)]
                products = [(offset + step * v) * factor for v in x]
                beats.append(pack(x, bits))
                rounded = [min(max((y + 4) >> 3, -8), 7) for y in products]
                wanted.append(rounded if requantized else products)
    assert p.departures(len(beats)) == len(wanted) == 3 * p.beats
    check_component(
        p.create(),
        beats,
        wanted,
        p.element,
        seed=len(case),
        stalls=STALLS,
        schedule=lambda arrivals: schedule(p, arrivals),
    )


def test_a_factor_that_all_have_costs_nothing():
    p = PositionScaleParameters(1, 1, 4, True, 0, 1, (4, 8), (2, 2), -128, 112, None, 1)
    assert p.factors == (1, 2) and p.summands == 2
    both = PositionScaleParameters(1, 1, 4, True, 0, 1, (3,), (4, 4), -96, 84, None, 1)
    assert both.factors == (3,) and both.summands == 2 and both.chosen == 0
