"""Streams in another order: values beside NumPy under stalls, clocks by their schedule."""

import random
from math import prod

import numpy as np
import pytest

from hwgen_rtl_templates.patterns import Pattern
from hwgen_rtl_templates.rearrange import Rearrange, RearrangeParameters
from hwgen_rtl_templates.sift import Sift, SiftParameters
from support.stream_bench import STALLS, Clocked, pack, run, unpack


def grid(*extents):
    return np.arange(prod(extents)).reshape(extents)


def padded(order, *widths):
    return np.pad(order, widths, constant_values=-1)


def loops_of(order):
    return tuple(np.shape(order)) if np.ndim(order) > 1 else None


ORDERS = {  # words of a frame, and the order of what leaves
    "transposed": (20, grid(4, 5).T),
    "channels first": (24, grid(2, 3, 4).transpose(2, 0, 1)),
    "backwards": (9, grid(9)[::-1]),
    "each row backwards": (12, grid(3, 4)[:, ::-1]),
    "rows twice": (12, grid(3, 4).repeat(2, 0).repeat(2, 1)),
    "round": (7, np.roll(grid(7), 3)),
    "reflected": (12, np.pad(grid(3, 4), 2, mode="reflect")),
    "a frame of constants around": (6, padded(grid(2, 3), (2, 1), (1, 2))),
    "pixels of channels": (16, grid(2, 2, 2, 2).transpose(0, 2, 1, 3)),
    "one of many": (30, np.array([17])),
    "one, often": (3, np.array([1, 1, 1, 1, 1])),
    "the end first": (40, np.array([39, 0, 38, 1])),
}
SIFTED = {
    "as it is": (6, grid(6)),
    "rows and columns left out": (30, grid(5, 6)[1:4, 2:5]),
    "every second": (9, grid(9)[::2]),
    "twice each": (5, grid(5).repeat(2)),
    "constants around": (6, padded(grid(2, 3), (2, 1), (1, 2))),
    "the last alone": (5, np.array([4])),
    "constants and gaps": (7, np.array([-1, -1, 2, -1, 2, 4, -1])),
    "the first, and constants": (4, np.array([0, -1, -1])),
}


def check(made, p, seed):
    """Hold a component to the order that it is made of."""
    rng = np.random.default_rng(seed)
    lo, hi = (-(1 << p.bits - 1), 1 << p.bits - 1) if p.signed else (0, 1 << p.bits)
    frames = rng.integers(lo, hi, (3, p.words, p.word))
    fixed = p.value - (1 << p.bits) if p.signed and p.value >> p.bits - 1 else p.value
    wanted = [
        [fixed if tap < 0 or place < 0 else int(frame[place, tap]) for tap in p.taps]
        for frame in frames
        for place in p.order
    ]
    beats = [pack(word, p.bits) for frame in frames for word in frame.tolist()]
    assert p.departures(len(beats)) == len(wanted)
    for number, (stall_in, stall_out) in enumerate(STALLS):
        clock, arrivals = 0, []
        for _ in beats:
            clock += random.Random(seed * 7 + number + clock).choice((0, 0, 1, 3))
            arrivals.append(clock)
        for given in ([0] * len(beats), arrivals) if not number else (arrivals,):
            seen = run(
                Clocked(made(p)),
                beats,
                len(wanted),
                arrivals=given,
                stall_in=stall_in,
                stall_out=stall_out,
                seed=seed,
            )
            hint = f"seed {seed}, stalls {stall_in}, {stall_out}"
            assert [unpack(beat, p.lanes, *p.element) for beat in seen.outputs] == wanted, hint
            if not stall_in and not stall_out:
                assert seen.emitted == p.schedule(given), hint


@pytest.mark.parametrize("name", ORDERS)
def test_any_order(name):
    words, order = ORDERS[name]
    seed = len(name)
    p = RearrangeParameters(
        words,
        tuple(order.ravel().tolist()),
        1,
        (0,),
        3 + seed % 3,
        bool(seed % 2),
        1,
        loops=loops_of(order),
    )
    check(Rearrange, p, seed)
    full = p.at_full_rate()
    check(Rearrange, full, seed + 1)
    departures = full.schedule([0] * (6 * words))
    assert departures[-1] - departures[-1 - order.size] == p.busy


@pytest.mark.parametrize("seed", range(8))
def test_random_orders(seed):
    rng = np.random.default_rng(seed)
    words, word = int(rng.integers(1, 12)), int(rng.integers(1, 4))
    order = rng.integers(-1, words, int(rng.integers(1, 14)))
    order[rng.integers(order.size)] = rng.integers(words)
    taps = tuple(rng.integers(-1, word, int(rng.integers(1, 4))).tolist())
    p = RearrangeParameters(
        words,
        tuple(order.tolist()),
        word,
        taps,
        4,
        bool(seed % 2),
        int(rng.integers(16)),
        depth=int(rng.integers(1, 5)),
        style="distributed",
        shifts=bool(seed % 3),
    )
    check(Rearrange, p, seed)


@pytest.mark.parametrize("name", SIFTED)
def test_what_stays_in_order(name):
    words, order = SIFTED[name]
    seed = len(name)
    p = SiftParameters(words, tuple(order.ravel().tolist()), 2, (1, -1, 0), 3, bool(seed % 2), 5)
    check(Sift, p, seed)


@pytest.mark.parametrize("seed", range(8))
def test_random_gaps(seed):
    rng = np.random.default_rng(seed)
    words = int(rng.integers(1, 10))
    order = np.sort(rng.integers(0, words, int(rng.integers(1, 12))))
    order = np.where(rng.random(order.size) < 0.3, -1, order)
    p = SiftParameters(words, tuple(order.tolist()), 1, (0,), 4, True, 9)
    check(Sift, p, seed)


def test_sifting_takes_loops():
    order = grid(4, 6)[1:3, ::2]
    p = SiftParameters(24, tuple(order.ravel().tolist()), 1, (0,), 4, False, loops=(4, 6))
    assert p.busy == 24 and p.pattern("emits").axes == (0, 1)
    check(Sift, p, 1)


def test_patterns_are_of_few_classes():
    regular = Pattern(
        (4, 5), tuple(1 if y == 3 or x == 4 else 0 for y in range(4) for x in range(5))
    )
    assert regular.axes == (0, 1) and len(regular.table) == 4
    assert regular.classes == ((0, 0, 0, 1), (0, 0, 0, 0, 1))
    assert Pattern((2, 3), (7,) * 6).tables == ()
    assert Pattern((2, 3), (1, 2, 3) * 2).tables == ((1, 2, 3),)
    with pytest.raises(ValueError, match="must have a number for each of 6"):
        Pattern((2, 3), (1, 2))


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="Order must not go back"):
        SiftParameters(4, (1, 0), 1, (0,), 4, True)
    with pytest.raises(ValueError, match="Order must lie in the 4 words"):
        RearrangeParameters(4, (1, 4), 1, (0,), 4, True)
    with pytest.raises(ValueError, match="Ring must be a power of two of at least 4"):
        RearrangeParameters(4, (3, 2, 1, 0), 1, (0,), 4, True, ring=2)
    with pytest.raises(ValueError, match="Loops must have 4 turns in all"):
        RearrangeParameters(4, (3, 2, 1, 0), 1, (0,), 4, True, loops=(3, 2))
