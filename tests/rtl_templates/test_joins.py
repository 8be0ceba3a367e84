"""Fork, sum, concatenation and argmax: values under stalls, clocks without."""

import random

import pytest

from hwgen_rtl_templates.argmax import ArgMax, ArgMaxParameters
from hwgen_rtl_templates.join import Concat, ConcatParameters, Sum, SumParameters
from hwgen_rtl_templates.requantize import RequantizerParameters
from hwgen_rtl_templates.streams import Fork, ForkParameters
from hwgen_rtl_templates.timing import Link, evaluate, sink, source
from support.stream_bench import pack, run, run_all, unpack

STALLS = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.4, 0.4))


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
