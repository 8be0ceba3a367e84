"""Timing without simulation: what a queue has held, by hand."""

import pytest

from hwgen_rtl_templates.fifo import FifoParameters
from hwgen_rtl_templates.timing import Link, evaluate, source


@pytest.mark.parametrize(
    ("taken", "held"),
    [
        ([1, 2, 3, 4], 1),  # each is taken on the clock on which the next one enters
        ([3, 4, 5, 6], 3),  # three are there when the first one leaves
        ([9, 10, 11, 12], 4),
        ([1, 9, 10, 11], 3),
    ],
)
def test_most_that_a_queue_holds(taken, held):
    """Beats enter on clocks 0 to 3 and leave when they are wanted."""
    i, o = Link(), Link()

    def sink():
        for n, clock in enumerate(taken):
            while len(o.offered) <= n:
                yield
            o.taken.append(max(clock, o.offered[n]))

    queue = FifoParameters(1, 4, False, 8)
    evaluate([source(i, range(4)), *queue.processes([i], [o], 4), sink()], [i.taken, o.taken])
    assert list(i.taken) == [0, 1, 2, 3] and list(o.taken) == taken
    assert o.held == held and i.held is None
