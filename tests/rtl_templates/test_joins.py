"""Fork, sum, concatenation and argmax: values under stalls, clocks without."""

import random

import pytest

from hwgen_rtl_templates.argmax import ArgMax, ArgMaxParameters
from hwgen_rtl_templates.extreme import ExtremeParameters
from hwgen_rtl_templates.join import Concat, ConcatParameters, Sum, SumParameters
from hwgen_rtl_templates.product import ProductParameters
from hwgen_rtl_templates.replay import ReplayParameters
from hwgen_rtl_templates.requantize import RequantizerParameters
from hwgen_rtl_templates.streams import Fork, ForkParameters
from hwgen_rtl_templates.timing import Link, evaluate, sink, source
from support.stream_bench import STALLS, pack, run, run_all, unpack


def clocks(parameters, arrivals, outputs):
    """Return when each output's beats leave into ready sinks."""
    inputs = [Link() for _ in arrivals]
    outs = [Link() for _ in range(outputs)]
    beats = len(arrivals[0])
    evaluate(
        [
            *(source(i, when) for i, when in zip(inputs, arrivals, strict=True)),
            *parameters.processes(inputs, outs, beats),
            *(sink(o, parameters.departures(beats)) for o in outs),
        ],
        [o.taken for o in outs],
    )
    return [list(o.taken) for o in outs]


def random_arrivals(count, rng):
    clock, found = 0, []
    for _ in range(count):
        clock += rng.choice((0, 0, 1, 4))
        found.append(clock)
    return found


@pytest.mark.parametrize("branches", [2, 3])
def test_fork(branches):
    rng = random.Random(branches)
    beats = [rng.getrandbits(6) for _ in range(50)]
    for seed, (stall_in, stall_out) in enumerate(STALLS):
        dut = Fork(ForkParameters(2, 3, False, branches))
        outputs = [(getattr(dut, f"o_{n}"), len(beats)) for n in range(branches)]
        seen = run_all(
            dut,
            [(dut.i, beats, [0] * len(beats))],
            outputs,
            stall_in=stall_in,
            stall_out=stall_out,
            seed=seed,
        )
        assert all(found.outputs == beats for found in seen)
        if not stall_in and not stall_out:
            expected = clocks(dut.parameters, [[0] * len(beats)], branches)
            assert [found.emitted for found in seen] == expected


@pytest.mark.parametrize("seed", range(8))
def test_sum(seed):
    rng = random.Random(seed)
    channels, pixels = rng.randint(1, 5), 12
    lanes = rng.choice([n for n in range(1, channels + 1) if channels % n == 0])
    by, zeros = (rng.randint(1, 9), rng.randint(1, 9)), (rng.randint(0, 7), rng.randint(-4, 3))
    offset = -by[0] * zeros[0] - by[1] * zeros[1]
    lo = by[0] * (0 - zeros[0]) + by[1] * (-8 - zeros[1])
    hi = by[0] * (15 - zeros[0]) + by[1] * (7 - zeros[1])
    epilogue = None
    if seed % 2:
        epilogue = RequantizerParameters(channels, lanes, lo, hi, (1,), 3, 0, -8, 7, 4, True)
    p = SumParameters(
        channels, lanes, (4, 4), (False, True), by, offset, lo, hi, pixels * channels, epilogue, 9
    )
    a = [[rng.randint(0, 15) for _ in range(lanes)] for _ in range(pixels * channels // lanes)]
    b = [[rng.randint(-8, 7) for _ in range(lanes)] for _ in a]
    expected = []
    for x, y in zip(a, b, strict=True):
        sums = [by[0] * (u - zeros[0]) + by[1] * (v - zeros[1]) for u, v in zip(x, y, strict=True)]
        expected.append([min(max((s + 4) >> 3, -8), 7) for s in sums] if epilogue else sums)
    for stall_in, stall_out in STALLS:
        dut = Sum(p)
        whens = [random_arrivals(len(a), rng), random_arrivals(len(a), rng)]
        inputs = [
            (i, [pack(x, 4) for x in beats], when)
            for i, beats, when in zip((dut.i_0, dut.i_1), (a, b), whens, strict=True)
        ]
        (seen,) = run_all(
            dut, inputs, [(dut.o, len(a))], stall_in=stall_in, stall_out=stall_out, seed=seed
        )
        assert [unpack(word, lanes, *p.element) for word in seen.outputs] == expected
        if not stall_in and not stall_out:
            assert [seen.emitted] == clocks(p, whens, 1), f"seed {seed}"


@pytest.mark.parametrize("seed", range(6))
def test_sum_of_several_and_less_some(seed):
    rng = random.Random(seed)
    count, lanes, beats = rng.randint(2, 4), rng.randint(1, 2), 20
    by = tuple(rng.choice((-7, -3, -1, 1, 2, 5)) for _ in range(count))
    by = tuple(-abs(m) for m in by) if seed == 0 else by
    offset = rng.choice((0, 9, -4))
    signs = tuple(rng.random() < 0.5 for _ in range(count))
    ends = [(-4, 3) if sign else (0, 7) for sign in signs]
    reach = [sorted((m * lo, m * hi)) for m, (lo, hi) in zip(by, ends, strict=True)]
    lo, hi = (offset + sum(pair[n] for pair in reach) for n in range(2))
    p = SumParameters(lanes, lanes, (3,) * count, signs, by, offset, lo, hi, beats, None, 7)
    given = [[[rng.randint(*e) for _ in range(lanes)] for _ in range(beats)] for e in ends]
    lanewise = [list(zip(*xs, strict=True)) for xs in zip(*given, strict=True)]
    expected = [
        [offset + sum(m * x for m, x in zip(by, each, strict=True)) for each in beat]
        for beat in lanewise
    ]
    hold_to(p, [[pack(x, 3) for x in one] for one in given], expected, rng)


def hold_to(p, given, expected, rng):
    """Hold a component of several inputs to what shall leave, and to its clocks."""
    for seed, (stall_in, stall_out) in enumerate(STALLS):
        dut = p.create()
        whens = [random_arrivals(len(beats), rng) for beats in given]
        ports = [getattr(dut, f"i_{n}") for n in range(len(given))]
        (seen,) = run_all(
            dut,
            list(zip(ports, given, whens, strict=True)),
            [(dut.o, len(expected))],
            stall_in=stall_in,
            stall_out=stall_out,
            seed=seed,
        )
        assert [unpack(word, p.lanes, *p.element) for word in seen.outputs] == expected, p
        if not stall_in and not stall_out:
            assert [seen.emitted] == clocks(p, whens, 1), p


@pytest.mark.parametrize("kind", ["alone", "requantized", "binary"])
def test_product(kind):
    rng = random.Random(kind)
    channels, lanes, count = 6, 3, 24
    is_binary = kind == "binary"
    b_ends, b_step, b_offset = ((0, 1), 2, -1) if is_binary else ((-8, 7), 1, 3)
    a_range = (0 - 2, 15 - 2)
    b_range = (b_step * b_ends[0] + b_offset, b_step * b_ends[1] + b_offset)
    ends = [x * y for x in a_range for y in b_range]
    lo, hi = min(ends), max(ends)
    epilogue = None
    if kind != "alone":
        epilogue = RequantizerParameters(channels, lanes, lo, hi, (1,), 2, 0, -8, 7, 4, True)
    p = ProductParameters(
        channels=channels,
        lanes=lanes,
        bits=(4, 1 if is_binary else 4),
        signs=(False, not is_binary),
        steps=(1, b_step),
        offsets=(-2, b_offset),
        ranges=(a_range, b_range),
        lo=lo,
        hi=hi,
        beats=count // 2,
        epilogue=epilogue,
        depth=rng.choice((1, 3, 9)),
    )
    a = [[rng.randint(0, 15) for _ in range(lanes)] for _ in range(count)]
    b = [[rng.randint(*b_ends) for _ in range(lanes)] for _ in range(count)]
    expected = []
    for xs, ys in zip(a, b, strict=True):
        values = [(x - 2) * (b_step * y + b_offset) for x, y in zip(xs, ys, strict=True)]
        expected.append([min(max((v + 2) >> 2, -8), 7) for v in values] if epilogue else values)
    given = [[pack(x, 4) for x in a], [pack(y, p.bits[1]) for y in b]]
    hold_to(p, given, expected, rng)


@pytest.mark.parametrize("style", ["block", "distributed", "logic"])
@pytest.mark.parametrize(("fresh", "rounds"), [(1, 5), (2, 3), (6, 2), (7, 3)])
def test_replay(fresh, rounds, style):
    rng = random.Random(f"{fresh} {rounds} {style}")
    lanes_out = rng.choice((2, 3))
    lanes_in = rng.choice((1, lanes_out))
    signed = rng.random() < 0.5
    p = ReplayParameters(lanes_in, lanes_out, 5, signed, fresh, fresh * rounds, style)
    lo, hi = (-16, 15) if signed else (0, 31)
    beats = [[rng.randint(lo, hi) for _ in range(lanes_in)] for _ in range(4 * fresh)]
    expected = [
        beats[turn * fresh + n % fresh] * (lanes_out // lanes_in)
        for turn in range(4)
        for n in range(fresh * rounds)
    ]
    for seed, (stall_in, stall_out) in enumerate(STALLS):
        dut = p.create()
        when = random_arrivals(len(beats), rng)
        (seen,) = run_all(
            dut,
            [(dut.i, [pack(beat, 5) for beat in beats], when)],
            [(dut.o, len(expected))],
            stall_in=stall_in,
            stall_out=stall_out,
            seed=seed,
        )
        assert [unpack(word, lanes_out, 5, signed) for word in seen.outputs] == expected, p
        if not stall_in and not stall_out:
            assert [seen.emitted] == clocks(p, [when], 1), p


@pytest.mark.parametrize("smaller", [False, True])
@pytest.mark.parametrize("signs", [(True, True), (False, True), (True, False)])
def test_extreme(signs, smaller):
    rng = random.Random(f"{signs} {smaller}")
    ends = [(-8, 7) if sign else (0, 15) for sign in signs]
    choose = min if smaller else max
    reach = [choose(pair) for pair in zip(*ends, strict=True)]
    element = (
        (4, True) if reach[0] < 0 and reach[1] < 8 else (5 if reach[0] < 0 else 4, reach[0] < 0)
    )
    p = ExtremeParameters(4, 2, (4, 4), signs, element, smaller, 20)
    a, b = ([[rng.randint(*e) for _ in range(2)] for _ in range(40)] for e in ends)
    expected = [
        [choose(pair) for pair in zip(*both, strict=True)] for both in zip(a, b, strict=True)
    ]
    hold_to(p, [[pack(x, 4) for x in one] for one in (a, b)], expected, rng)


@pytest.mark.parametrize(("channels", "lanes"), [((4, 2), 2), ((3, 6, 3), 3), ((1, 5), 1)])
def test_concat(channels, lanes):
    rng = random.Random(lanes)
    pixels = 10
    p = ConcatParameters(channels, lanes, 4, False)
    beats = [[rng.getrandbits(4 * lanes) for _ in range(pixels * n // lanes)] for n in channels]
    expected = []
    for pixel in range(pixels):
        for part, count in zip(beats, p.counts, strict=True):
            expected += part[pixel * count : (pixel + 1) * count]
    for stall_in, stall_out in STALLS:
        dut = Concat(p)
        whens = [random_arrivals(len(part), rng) for part in beats]
        inputs = [
            (getattr(dut, f"i_{n}"), part, when)
            for n, (part, when) in enumerate(zip(beats, whens, strict=True))
        ]
        (seen,) = run_all(
            dut, inputs, [(dut.o, len(expected))], stall_in=stall_in, stall_out=stall_out
        )
        assert seen.outputs == expected
        if not stall_in and not stall_out:
            assert [seen.emitted] == clocks(p, whens, 1)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("count", [1, 2, 10])
def test_arg_max(count, signed):
    rng = random.Random(count)
    lo = -8 if signed else 0
    frames = [[rng.randint(lo, lo + 15) for _ in range(count)] for _ in range(20)]
    frames += [[lo] * count, [lo + 15] * count]  # the first of equals wins
    p = ArgMaxParameters(count, 4, signed, max(1, (count - 1).bit_length()))
    beats = [value & 15 for frame in frames for value in frame]
    for seed, (stall_in, stall_out) in enumerate(STALLS):
        seen = run(ArgMax(p), beats, len(frames), stall_in=stall_in, stall_out=stall_out, seed=seed)
        assert seen.outputs == [frame.index(max(frame)) for frame in frames]
        if not stall_in and not stall_out:
            assert seen.emitted == p.schedule([0] * len(beats))
